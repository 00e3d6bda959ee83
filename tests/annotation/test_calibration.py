"""Verdicts of a person move the level of the error probabilities of a movie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.calibration import Calibration, Verdicts, fit_calibration
from napari_sam2.annotation.timelines import verdicts_of
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.masks import MaskRecord
from tests.tracking.tiny import build_tiny_model
from tests.worlds import discs_that_cross


def verdicts(probability: float, count: int, wrong: int) -> Verdicts:
    """Verdicts on `count` masks of one object, `wrong` of which were wrong."""
    logit = np.full(count, np.log(probability / (1 - probability)))
    return Verdicts(logit, np.arange(count) < wrong)


def after(calibration: Calibration, probability: float) -> float:
    logit = np.array([np.log(probability / (1 - probability))])
    return float(1 / (1 + np.exp(-calibration.corrected(logit)))[0])


def test_no_verdict_changes_nothing() -> None:
    assert fit_calibration([]) == fit_calibration([verdicts(0.3, 0, 0)]) == Calibration()


def test_thirty_verdicts_move_the_level_to_what_was_found() -> None:
    found = fit_calibration([verdicts(0.3, 10, 8)] * 3)
    assert 0.55 < after(found, 0.3) < 0.8
    found = fit_calibration([verdicts(0.3, 10, 0)] * 3)
    assert after(found, 0.3) < 0.15


def test_one_verdict_moves_it_little() -> None:
    assert after(fit_calibration([verdicts(0.3, 1, 1)]), 0.3) == pytest.approx(0.3, abs=0.06)


def test_many_masks_of_one_object_count_as_ten() -> None:
    assert fit_calibration([verdicts(0.3, 500, 0)]) == fit_calibration([verdicts(0.3, 10, 0)])


def test_verdicts_that_fit_leave_the_level_as_it_is() -> None:
    found = fit_calibration([verdicts(0.2, 10, 2), verdicts(0.8, 10, 8)])
    assert after(found, 0.2) == pytest.approx(0.2, abs=0.03)
    assert after(found, 0.8) == pytest.approx(0.8, abs=0.03)


def test_the_order_of_the_masks_never_turns_round() -> None:
    found = fit_calibration([verdicts(0.9, 10, 0), verdicts(0.1, 10, 10)] * 20)
    assert after(found, 0.1) < after(found, 0.9)


@pytest.fixture
def annotation() -> Annotation:
    """Two discs, tracked through eight frames."""
    world = discs_that_cross()
    annotation = Annotation(Tracker(build_tiny_model(), world.images))
    for object_id in (1, 2):
        annotation.add_points(0, object_id, [world.centre(0, object_id)], [1])
    list(annotation.propagate())
    return annotation


def chances(annotation: Annotation, object_id: int) -> np.ndarray:
    return annotation.timeline(object_id).error_probability


def test_the_score_of_a_mask_has_the_chance_of_an_error(annotation: Annotation) -> None:
    score = annotation.score(3, 2)
    assert score is not None
    assert score.error_probability == pytest.approx(float(chances(annotation, 2)[3]))
    prompted = annotation.score(0, 2)
    assert prompted is not None
    assert prompted.error_probability == 0


def test_the_chance_of_an_error_is_known_while_tracking(annotation: Annotation) -> None:
    for result in annotation.propagate():
        score = annotation.score(result.t, 1)
        assert score is not None
        assert score.error_probability is not None


def test_reviewed_masks_lower_the_chances_of_all_objects_and_undo_restores_them(
    annotation: Annotation,
) -> None:
    before = chances(annotation, 2)
    annotation.accept(1, range(8))
    assert (chances(annotation, 2)[1:] < before[1:]).all()
    annotation.undo()
    np.testing.assert_array_equal(chances(annotation, 2), before)


def found_about(annotation: Annotation, object_id: int) -> Verdicts:
    return verdicts_of(annotation._document.state, object_id)


def test_a_mask_that_a_prompt_changed_much_was_wrong(annotation: Annotation) -> None:
    for t in (2, 4, 6):
        nowhere = np.zeros(annotation.shape[1:], bool)
        nowhere[:3, :3] = True
        annotation.add_mask(t, 1, nowhere)
    found = found_about(annotation, 1)
    assert found.is_wrong.tolist() == [True] * 3
    assert np.isfinite(found.logit).all()
    assert not len(found_about(annotation, 2).logit)


def test_a_mask_that_a_prompt_left_as_it_is_was_right(annotation: Annotation) -> None:
    tracker = annotation._document.state.tracker
    for t in (3, 5):
        result = tracker.result(t, 1)
        assert result is not None
        annotation.add_mask(t, 1, result.masks[0])
    assert found_about(annotation, 1).is_wrong.tolist() == [False, False]


def test_reviewed_masks_count_but_not_prompted_ones(annotation: Annotation) -> None:
    annotation.accept(1, range(8))  # frame 0 is prompted
    masks = int(annotation.timeline(1).has_mask[1:].sum())
    assert masks > 3
    assert found_about(annotation, 1).is_wrong.tolist() == [False] * masks


def test_right_and_wrong_masks_of_a_sample_leave_a_level_that_fits_where_it_was(
    annotation: Annotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    logit = np.full(8, np.log(0.4 / 0.6))
    monkeypatch.setattr("napari_sam2.annotation.timelines.error_logit", lambda *_: logit)

    def level() -> float:
        found = [found_about(annotation, object_id) for object_id in (1, 2)]
        return after(fit_calibration(found), 0.4)

    for object_id in (1, 2):
        annotation.accept(object_id, [1, 2, 3, 4])
    assert level() < 0.3
    for object_id in (1, 2):
        annotation.mark_wrong(object_id, [5, 6, 7])
    assert level() == pytest.approx(0.4, abs=0.03)


def test_undo_takes_back_what_a_mark_of_a_wrong_mask_told(annotation: Annotation) -> None:
    before = chances(annotation, 2)
    annotation.mark_wrong(1, range(1, 8))
    assert (chances(annotation, 2)[1:] > before[1:]).all()
    annotation.undo()
    np.testing.assert_array_equal(chances(annotation, 2), before)


def test_a_verdict_says_nothing_about_masks_without_scores(annotation: Annotation) -> None:
    tracker = annotation._document.state.tracker
    state = tracker.snapshot(1)
    unscored: dict[int, MaskRecord] = {
        t: replace(record, agreement=None) for t, record in state.records.items()
    }
    annotation._document.state.restore(1, replace(state, records=unscored))
    before = chances(annotation, 2)
    annotation.accept(1, range(8))
    np.testing.assert_array_equal(chances(annotation, 2), before)

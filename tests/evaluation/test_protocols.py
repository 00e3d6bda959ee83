from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.evaluation.ground_truth import LabelledMovie, label_movie
from napari_sam2.evaluation.protocol_names import Convention, PromptKind
from napari_sam2.evaluation.protocols import image, offline, online, vos
from napari_sam2.evaluation.results import area_under_curve, quality_at
from tests.evaluation.forgetful import Forgetful
from tests.evaluation.worlds import drawn

TEN = label_movie(drawn(*["..1.."] * 10))


def movie_of(truth: LabelledMovie) -> np.ndarray:
    return np.zeros(truth.shape, np.uint8)


def test_tracked_frames_are_scored_and_the_prompted_one_is_not() -> None:
    found = vos(Forgetful(TEN, 3), movie_of(TEN), TEN, PromptKind.three_clicks)
    assert found.summary().region == pytest.approx(3 / 9)
    assert found.summary().clicks == 3
    assert [score.t for score in found.scores] == list(range(1, 10))


@pytest.mark.parametrize(("kind", "clicks"), [("mask", 0), ("box", 0), ("1-click", 1)])
def test_prompt_is_the_one_that_was_wanted(kind: str, clicks: int) -> None:
    tracker = Forgetful(TEN, 10)
    found = vos(tracker, movie_of(TEN), TEN, PromptKind(kind))
    assert found.summary().clicks == clicks
    assert found.summary().region == 1.0
    assert list(tracker.clicks) == [(0, 1)]


def test_perfect_mask_is_not_clicked_again() -> None:
    found = vos(Forgetful(TEN, 10), movie_of(TEN), TEN, PromptKind.five_clicks)
    assert found.summary().clicks == 3


def test_clicks_go_to_the_centre_and_then_to_errors() -> None:
    tracker = Forgetful(TEN, 10)
    vos(tracker, movie_of(TEN), TEN, PromptKind.three_clicks)
    first, second, third = tracker.clicks[0, 1]
    assert first == (1, 7, 1)
    assert second[:2] != first[:2]
    assert {second[2], third[2]} == {1}


def test_objects_start_where_they_appear() -> None:
    truth = label_movie(drawn("1..", "1.2", "1.2", "1.2"))
    tracker = Forgetful(truth, 9)
    found = vos(tracker, movie_of(truth), truth, PromptKind.mask)
    assert list(tracker.clicks) == [(0, 1), (1, 2)]
    assert [s.t for s in found.scores if s.object_id == 2] == [2, 3]


def test_object_of_one_frame_has_no_score_but_a_reason() -> None:
    truth = label_movie(drawn("1.", "1.", "12"))
    found = vos(Forgetful(truth, 9), movie_of(truth), truth, PromptKind.mask)
    figures = found.by_object()[2]
    assert np.isnan(figures.region)
    assert "one labelled frame only" in figures.reason
    assert found.summary().region == 1.0


def test_frames_on_which_nobody_sees_an_object_are_undefined() -> None:
    truth = label_movie(drawn("12", "12", "1.", "1."))
    found = vos(Forgetful(truth, 9), movie_of(truth), truth, PromptKind.mask)
    regions = [score.region for score in found.scores if score.object_id == 2]
    assert regions[0] == 1.0
    assert np.isnan(regions[1:]).all()
    assert found.by_object()[2].region == 1.0


def test_frames_without_truth_do_not_count() -> None:
    truth = label_movie(drawn("1.", "1.", "..", "1."))
    found = vos(Forgetful(truth, 9), movie_of(truth), truth, PromptKind.mask)
    assert [score.t for score in found.scores] == [1, 3]
    assert found.ctc is not None
    assert "without truth" in found.ctc.reasons["TRA"]


def test_online_goes_on_from_where_an_object_is_lost() -> None:
    tracker = Forgetful(TEN, 3)
    curve = online(tracker, movie_of(TEN), TEN, rounds=4).curve
    assert [point.region for point in curve] == pytest.approx([0.4, 0.8, 1.0, 1.0])
    assert [point.clicks for point in curve] == [3, 6, 9, 9]
    assert [point.annotation_seconds for point in curve] == pytest.approx([6.5, 12, 17.5, 17.5])
    assert sorted(tracker.clicks) == [(0, 1), (4, 1), (8, 1)]


def test_offline_clicks_the_worst_frame() -> None:
    tracker = Forgetful(TEN, 3)
    found = offline(tracker, movie_of(TEN), TEN, rounds=3)
    assert [point.region for point in found.curve] == pytest.approx([0.4, 0.8, 1.0])
    assert [point.annotation_seconds for point in found.curve] == pytest.approx([6.5, 13, 19.5])
    assert sorted(tracker.clicks) == [(0, 1), (4, 1), (8, 1)]


def test_objects_are_corrected_independently() -> None:
    truth = label_movie(drawn("1..", "1..", "1.2", "1.2", "1.2", "1.2"))
    tracker = Forgetful(truth, 1)
    found = online(tracker, movie_of(truth), truth, rounds=8)
    assert sorted(tracker.clicks) == [(0, 1), (2, 1), (2, 2), (4, 1), (4, 2)]
    assert found.summary().region == 1.0


def test_images_are_scored_after_each_click() -> None:
    found = image(Forgetful(TEN, 0), movie_of(TEN), TEN, PromptKind.one_click)
    assert found.mean_iou == pytest.approx(
        {"1-click": 1 / 9, "3-click": 1.0, "5-click": 1.0, "box": 1.0}
    )
    assert found.summary().region == pytest.approx(1 / 9)
    assert found.summary().clicks == 10


def test_image_is_not_prompted_with_its_mask() -> None:
    with pytest.raises(ValueError, match="mask is the answer"):
        image(Forgetful(TEN, 0), movie_of(TEN), TEN, PromptKind.mask)


def test_movie_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="9 frames, the truth 10"):
        vos(Forgetful(TEN, 0), np.zeros((9, 3, 15)), TEN)


def test_movie_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3 x 14 pixels .* 3 x 15"):
        vos(Forgetful(TEN, 0), np.zeros((10, 3, 14)), TEN)


def test_truth_without_object_is_refused() -> None:
    with pytest.raises(ValueError, match="no object in the truth"):
        vos(Forgetful(TEN, 0), np.zeros((2, 3, 3)), label_movie(np.zeros((2, 3, 3), int)))


def test_markers_are_no_shapes_to_correct() -> None:
    markers = label_movie(TEN.data, is_markers=True)
    with pytest.raises(ValueError, match="not their shape"):
        online(Forgetful(TEN, 0), movie_of(TEN), markers)
    with pytest.raises(ValueError, match="not their shape"):
        vos(Forgetful(TEN, 0), movie_of(TEN), markers, PromptKind.three_clicks)


def test_markers_are_clicked_once_and_count_for_identity() -> None:
    markers = label_movie(TEN.data, is_markers=True)
    found = vos(Forgetful(TEN, 10), movie_of(TEN), markers, PromptKind.one_click)
    assert not found.scores
    assert found.ctc is not None
    # one click shows one pixel of the first frame: a cell is missed and there is one too many
    assert found.ctc.det == pytest.approx(1 - (10 + 1) / 100)
    assert np.isnan(found.ctc.seg)
    assert "not its shape" in found.by_object()[1].reason


class OneAtATime:
    """An array that cannot be read as a whole."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.shape, self.dtype = data, data.shape, data.dtype

    def __getitem__(self, t: int) -> np.ndarray:
        assert isinstance(t, (int, np.integer)), "one frame at a time"
        return self.data[t]

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise AssertionError("the movie is larger than the memory")


@pytest.mark.parametrize("protocol", [image, vos, offline, online])
def test_frames_are_read_one_at_a_time(protocol: object) -> None:
    truth = label_movie(OneAtATime(TEN.data))  # type: ignore[arg-type]
    movie = OneAtATime(movie_of(TEN))
    found = protocol(Forgetful(TEN, 9), movie, truth)  # type: ignore[operator]
    assert found.summary().region > 0


def test_progress_ends_with_all() -> None:
    told: list[tuple[int, int]] = []
    for protocol in (image, vos, offline, online):
        protocol(Forgetful(TEN, 3), movie_of(TEN), TEN, on_progress=lambda *n: told.append(n))
        assert told[-1][0] <= told[-1][1]
    assert told[-1] == (8, 8)


def test_figures_of_frames_and_objects_add_up() -> None:
    found = vos(Forgetful(TEN, 3), movie_of(TEN), TEN, PromptKind.three_clicks)
    frames = found.by_frame()
    assert [frames[t].region for t in (1, 3, 4, 9)] == [1.0, 1.0, 0.0, 0.0]
    assert frames[0].clicks == found.by_object()[1].clicks == 3
    assert frames[0].reason
    assert found.summary().seconds_per_frame > 0


def test_convention_of_davis_counts_empty_frames_and_leaves_out_the_ends() -> None:
    truth = label_movie(drawn("12", "12", "1.", "1.", "12"))
    tracker = Forgetful(truth, 9)
    found = vos(tracker, movie_of(truth), truth, PromptKind.mask, convention=Convention.davis)
    scores = {(s.object_id, s.t): s.region for s in found.scores}
    assert scores == {(k, t): 1.0 for k in (1, 2) for t in (1, 2, 3)}


def test_convention_of_davis_holds_for_the_curve() -> None:
    """Right on frames 0 to 3, of which the first does not count; nor does frame 9."""
    tracker = Forgetful(TEN, 3)
    found = online(tracker, movie_of(TEN), TEN, rounds=1, convention=Convention.davis)
    assert found.curve[0].region == found.summary().region == pytest.approx(3 / 8)


def test_recall_and_decay_of_tracked_frames() -> None:
    """Frames 1 to 3 are right, 4 to 9 wrong; quarters are frames 1 to 3 and 7 to 9."""
    found = vos(Forgetful(TEN, 3), movie_of(TEN), TEN, PromptKind.mask)
    for figures in (found.summary(), found.by_object()[1]):
        assert figures.stability is not None
        assert figures.stability.region_recall == pytest.approx(3 / 9)
        assert figures.stability.region_decay == 1.0


@pytest.mark.parametrize("protocol", [offline, online])
def test_number_of_clicks_on_a_frame_can_be_chosen(protocol: object) -> None:
    tracker = Forgetful(TEN, 3)
    found = protocol(tracker, movie_of(TEN), TEN, rounds=2, clicks=2)  # type: ignore[operator]
    assert found.prompt == "2-click"
    assert max(found.clicks.values()) == 2


def test_no_click_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one click"):
        online(Forgetful(TEN, 3), movie_of(TEN), TEN, clicks=0)


def test_area_under_the_curve_starts_at_nothing() -> None:
    """J&F 0.4 at 6.5 s, 0.8 at 12 s and 1 at 17.5 s."""
    curve = online(Forgetful(TEN, 3), movie_of(TEN), TEN, rounds=3).curve
    area = 6.5 * 0.4 / 2 + 5.5 * (0.4 + 0.8) / 2 + 5.5 * (0.8 + 1) / 2
    assert area_under_curve(curve) == pytest.approx(area / 17.5)
    assert quality_at(curve, 9.25) == pytest.approx(0.6)
    assert quality_at(curve, 60) == 1.0
    assert np.isnan(area_under_curve(()))


def test_masks_that_overlap_are_scored_by_themselves_if_wanted() -> None:
    truth = label_movie(drawn("12", "12", "12"))

    class Spilling(Forgetful):
        """Object 2 spills over object 1, which is behind it in the labels."""

        def _follow(self, t: int, object_id: int) -> None:
            self._put(t, object_id, (self.truth.frame(t) == object_id) | (object_id == 2))

    def score(per_object: bool) -> dict[int, float]:
        tracker = Spilling(truth, 9)
        found = vos(tracker, movie_of(truth), truth, PromptKind.mask, per_object=per_object)
        return {k: figures.region for k, figures in found.by_object().items()}

    assert score(per_object=True) == {1: 1.0, 2: 0.5}
    assert score(per_object=False) == {1: 0.0, 2: 0.5}

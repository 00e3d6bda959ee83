"""The backward check compares each tracked mask with the one of the way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam2 import Annotation
from napari_sam2.annotation import Doubt
from napari_sam2.annotation.backward_check import Stretch, stretches_of
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import build_tiny_model
from tests.worlds import discs_that_cross

from .helpers import click, seen
from .stand_in import StandInTracker, calm_tracker


def flags(text: str) -> np.ndarray:
    return np.array([letter == "x" for letter in text])


@pytest.mark.parametrize(
    ("has_mask", "is_fixed", "expected"),
    [
        ("xxxxx", "x....", [Stretch(4, range(1, 4), "backward")]),
        ("xxx..", "x....", [Stretch(2, range(1, 2), "backward")]),
        ("xxxxx", "....x", [Stretch(0, range(1, 4), "forward")]),
        (
            "xxxxxxx",
            "..x..x.",
            [Stretch(0, range(1, 2), "forward"), Stretch(5, range(3, 5), "backward")],
        ),
        ("xxxxx", "xxxxx", []),
        ("xxxxx", ".....", []),
        (".....", "x....", []),
    ],
)
def test_each_stretch_is_checked_from_its_far_end(
    has_mask: str, is_fixed: str, expected: list[Stretch]
) -> None:
    assert stretches_of(flags(has_mask), flags(is_fixed)) == expected


@pytest.fixture
def tracker() -> StandInTracker:
    return calm_tracker()


@pytest.fixture
def annotation(tracker: StandInTracker) -> Annotation:
    """Two discs, tracked from a click on the first frame."""
    annotation = Annotation(tracker)
    for object_id in (1, 2):
        click(annotation, tracker, object_id)
    list(annotation.propagate())
    return annotation


def spoil(annotation: Annotation, tracker: StandInTracker, t: int, object_id: int) -> None:
    """Let the mask of a tracked frame be that of the third disc."""
    cells = tracker.objects[object_id]
    wrong = np.linalg.norm(tracker.grid - tracker.centres[t, 2], axis=-1) < 5
    cells[t] = type(cells[t])(wrong, 1.0, basis=cells[t].basis)
    annotation._document.state.stale.add(object_id)


def backward_iou(annotation: Annotation, object_id: int) -> np.ndarray:
    return annotation.timeline(object_id).backward_iou


def test_masks_on_which_both_ways_agree_get_1(annotation: Annotation) -> None:
    before = seen(annotation)
    list(annotation.check_backward())
    np.testing.assert_array_equal(backward_iou(annotation, 1), [np.nan, 1, 1, 1, np.nan])
    assert seen(annotation) == before


def test_a_mask_that_the_way_back_does_not_find_is_doubted_with_a_reason(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    spoil(annotation, tracker, 2, 1)
    list(annotation.check_backward())
    timeline = annotation.timeline(1)
    assert np.flatnonzero(timeline.doubts & Doubt.BACKWARD_DIFFERS).tolist() == [2]
    assert timeline.reasons[2] == "tracking back from the end gives another outline"
    assert not (annotation.timeline(2).doubts & Doubt.BACKWARD_DIFFERS).any()


def test_the_first_step_tells_the_work_and_the_last_one_the_end(annotation: Annotation) -> None:
    steps = list(annotation.check_backward())
    assert [step.done for step in steps] == [0, 1, 2, 3, 4]
    assert {step.total for step in steps} == {4}
    assert [step.t for step in steps] == [None, 4, 3, 2, 1]


def test_a_check_that_is_closed_early_notes_nothing(annotation: Annotation) -> None:
    steps = annotation.check_backward([1])
    next(steps), next(steps)
    steps.close()
    assert np.isnan(backward_iou(annotation, 1)).all()


def test_a_mask_that_changes_meanwhile_gets_no_value(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    steps = annotation.check_backward([1])
    next(steps), next(steps)
    spoil(annotation, tracker, 2, 1)
    list(steps)
    np.testing.assert_array_equal(backward_iou(annotation, 1), [np.nan, 1, np.nan, 1, np.nan])


def test_what_was_checked_is_left_out_until_it_is_tracked_again(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    list(annotation.check_backward())
    assert [step.total for step in annotation.check_backward()] == [0]
    annotation.add_points(2, 1, [tracker.centres[2, 0]], [1])
    list(annotation.propagate(only_changed=True))
    assert np.isnan(backward_iou(annotation, 1)).all()
    list(annotation.check_backward())
    np.testing.assert_array_equal(backward_iou(annotation, 1), [np.nan, 1, np.nan, 1, np.nan])


def test_the_result_can_be_undone_and_repeated(annotation: Annotation) -> None:
    list(annotation.check_backward())
    assert annotation.undo_text == "check 2 cells backward"
    annotation.undo()
    assert np.isnan(backward_iou(annotation, 1)).all()
    annotation.redo()
    assert backward_iou(annotation, 1)[2] == 1


def test_an_unknown_object_is_refused_at_once(annotation: Annotation) -> None:
    with pytest.raises(ValueError, match="unknown"):
        annotation.check_backward([9])


def test_a_value_beyond_1_is_refused(annotation: Annotation) -> None:
    with pytest.raises(ValueError, match="an IoU is from 0 to 1"):
        annotation.note_backward_check({1: {2: 1.5}})


def test_the_network_checks_without_a_change_of_masks_or_a_second_encoding() -> None:
    world = discs_that_cross()
    tracker = Tracker(build_tiny_model(), world.images)
    annotation = Annotation(tracker)
    for object_id in (1, 2):
        annotation.add_points(0, object_id, [world.centre(0, object_id)], [1])
    list(annotation.propagate())
    before, encoded = seen(annotation), count_encodings(tracker)
    list(annotation.check_backward())
    assert seen(annotation) == before
    values = backward_iou(annotation, 1)
    assert np.isnan(values[[0, -1]]).all()
    assert ((values[1:-1] >= 0) & (values[1:-1] <= 1)).all()
    assert encoded == []


def test_the_result_is_saved_with_the_project(tmp_path: Path) -> None:
    world, model = discs_that_cross(), build_tiny_model()
    with Annotation(Tracker(model, world.images)) as annotation:
        for object_id in (1, 2):
            annotation.add_points(0, object_id, [world.centre(0, object_id)], [1])
        list(annotation.propagate())
        list(annotation.check_backward([1]))
        annotation.save(tmp_path / "checked.sam2")
        list(annotation.check_backward([2]))  # kept in the journal
        expected = [backward_iou(annotation, object_id) for object_id in (1, 2)]
    with Annotation.load(tmp_path / "checked.sam2", model, movie=world.images) as again:
        for object_id, values in zip((1, 2), expected, strict=True):
            np.testing.assert_allclose(backward_iou(again, object_id), values)
        again.undo()
        assert np.isnan(backward_iou(again, 2)).all()


def count_encodings(tracker: Tracker) -> list[int]:
    """Frames that are encoded from now on."""
    encoder, encoded = tracker._runner.encoder, []
    plain = encoder.frames.read

    def read(t: int) -> np.ndarray:
        encoded.append(t)
        return plain(t)

    encoder.frames.read = read
    return encoded

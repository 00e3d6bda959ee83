import numpy as np
import pytest

from napari_sam2.annotation import AnnotatedObject, Annotation

from .helpers import click, mask, seen
from .stand_in import StandInTracker


def test_first_prompt_creates_the_object(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 2)
    assert annotation.objects == {2: AnnotatedObject(2)}


def test_objects_of_a_used_tracker_are_taken_over(tracker: StandInTracker) -> None:
    tracker.add_points(3, 7, [tracker.centres[3, 0]], [1])
    annotation = Annotation(tracker)
    assert list(annotation.objects) == [7]
    assert np.array_equal(annotation.labels[3], tracker.labels(3))


def test_new_id_is_above_all_ids(annotation: Annotation) -> None:
    annotation.add_object(12)
    assert annotation.add_object() == 13


@pytest.mark.parametrize("forget", ["remove", "undo"])
def test_ids_are_not_reused(annotation: Annotation, forget: str) -> None:
    annotation.add_object(5)
    annotation.remove_object(5) if forget == "remove" else annotation.undo()
    assert annotation.new_object_id() == 6


def test_smaller_id_given_by_hand_does_not_bring_back_a_larger_one(annotation: Annotation) -> None:
    annotation.add_object(5)
    annotation.remove_object(5)
    annotation.add_object(2)
    assert annotation.new_object_id() == 6


def test_id_of_a_prompt_that_failed_is_still_new(annotation: Annotation) -> None:
    with pytest.raises(ValueError, match="inside the image"):
        annotation.add_points(0, 9, [[999, 0]], [1])
    assert annotation.new_object_id() == 1


def test_objects_are_a_copy(annotation: Annotation) -> None:
    annotation.objects[1] = AnnotatedObject(1)
    assert annotation.objects == {}


def test_rename_keeps_the_rest(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    before = mask(annotation, 0, 1).copy()
    annotation.rename_object(1, "Zelle ä")
    assert annotation.objects[1] == AnnotatedObject(1, "Zelle ä")
    assert np.array_equal(mask(annotation, 0, 1), before)


def test_same_name_is_no_change(annotation: Annotation) -> None:
    annotation.add_object(1, "a")
    annotation.rename_object(1, "a")
    assert len(annotation.history) == 1


def test_removed_object_is_gone_from_all_frames(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    list(annotation.propagate())
    annotation.remove_object(1)
    assert not annotation.labels.any()
    assert annotation.prompts() == ()


def test_removed_object_gives_back_pixels_it_had_won(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    left, right = np.zeros((2, *annotation.shape[1:]), bool)
    left[:, :20], right[:, 10:] = True, True
    annotation.add_mask(0, 1, left)
    annotation.add_mask(0, 2, right)
    annotation.remove_object(1)
    assert np.array_equal(mask(annotation, 0, 2), right)


def test_children_of_a_removed_object_have_no_parent(annotation: Annotation) -> None:
    annotation.add_object(1)
    annotation.add_object(2)
    annotation.set_parent(2, 1)
    annotation.remove_object(1)
    assert annotation.objects[2].parent is None
    annotation.undo()
    assert annotation.objects[2].parent == 1


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda a: a.add_object(1), ValueError, "exists already"),
        (lambda a: a.add_object(0), ValueError, "between 1 and"),
        (lambda a: a.add_object(2**31), ValueError, "between 1 and"),
        (lambda a: a.add_object(1.5), TypeError, "integer"),
        (lambda a: a.add_object(name=3), TypeError, "name must be text"),
        (lambda a: a.rename_object(1, None), TypeError, "name must be text"),
        (lambda a: a.rename_object(9, "a"), ValueError, "unknown object 9"),
        (lambda a: a.remove_object(9), ValueError, "unknown object 9; there are: 1"),
        (lambda a: a.clear_prompts(0, 9), ValueError, "unknown object 9"),
        (lambda a: a.remove_point(0, 9, 0), ValueError, "unknown object 9"),
        (lambda a: a.add_points(0, 0, [[2, 2]], [1]), ValueError, "between 1 and"),
        (lambda a: a.add_box(0, "a", (1, 1, 3, 3)), TypeError, "integer"),
    ],
)
def test_wrong_object_is_refused_and_nothing_changes(
    annotation: Annotation, tracker: StandInTracker, call, error, match
) -> None:
    click(annotation, tracker, 1)
    before = seen(annotation)
    with pytest.raises(error, match=match):
        call(annotation)
    assert seen(annotation) == before
    assert len(annotation.history) == 1


def test_large_id_replaces_the_labels(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    old = annotation.labels
    tracker.centres = tracker.centres[:, ::-1]
    annotation.add_points(0, 65536, [tracker.centres[0, 0]], [1])
    assert old.dtype == np.uint16
    assert annotation.labels.dtype == np.uint32
    assert np.array_equal(annotation.labels[0], tracker.labels(0))


def test_large_id_that_fails_keeps_the_labels(annotation: Annotation) -> None:
    old = annotation.labels
    with pytest.raises(ValueError, match="inside the image"):
        annotation.add_points(0, 70000, [[-50, 0]], [1])
    assert annotation.labels is old

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.journal_entries import Called, Entry
from napari_sam2.tracking.pixels import PixelMask
from tests.lazy_labels import LazyLabels

from .helpers import click, seen
from .stand_in import SHAPE, StandInTracker


def two_squares() -> np.ndarray:
    """(Y, X) labels 3 and 7."""
    labels = np.zeros(SHAPE[1:], np.uint16)
    labels[2:8, 2:8] = 3
    labels[12:18, 20:28] = 7
    return labels


def test_labels_of_a_frame_become_objects_with_the_same_ids(annotation: Annotation) -> None:
    assert annotation.import_labels(two_squares(), 2) == (3, 7)
    assert np.array_equal(annotation.labels[2], two_squares())
    assert {(p.t, p.object_id) for p in annotation.prompts()} == {(2, 3), (2, 7)}


def test_labels_of_all_frames_become_masklets(annotation: Annotation) -> None:
    labels = np.stack([two_squares()] * SHAPE[0])
    labels[0, labels[0] == 7] = 0
    annotation.import_labels(labels)
    assert np.array_equal(annotation.labels, labels)
    list(annotation.propagate(direction="forward"))
    assert np.array_equal(annotation.labels, labels)


def test_id_that_is_taken_is_replaced(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 3)
    assert annotation.import_labels(two_squares(), 2) == (8, 7)


def test_import_is_one_step(annotation: Annotation) -> None:
    before = seen(annotation)
    annotation.import_labels(two_squares(), 2)
    annotation.undo()
    assert seen(annotation) == before


def test_nothing_is_imported_of_empty_labels(annotation: Annotation) -> None:
    assert annotation.import_labels(np.zeros(SHAPE, int)) == ()
    assert not annotation.can_undo


@pytest.mark.parametrize(
    ("labels", "t", "error", "match"),
    [
        (np.zeros((3, 3), int), 0, ValueError, "labels must be"),
        (np.zeros(SHAPE[1:], int), None, ValueError, "with their frame"),
        (np.zeros(SHAPE, int), 1, ValueError, "labels must be"),
        (np.zeros(SHAPE[1:], int), 99, ValueError, "frame must be"),
        (np.full(SHAPE[1:], -1), 0, ValueError, "between 0 and"),
        (np.zeros(SHAPE[1:]), 0, TypeError, "integers"),
    ],
)
def test_bad_labels_are_refused(
    annotation: Annotation, labels: np.ndarray, t: int | None, error: type, match: str
) -> None:
    with pytest.raises(error, match=match):
        annotation.import_labels(labels, t)
    assert not annotation.objects


def test_labels_of_a_movie_are_read_one_frame_at_a_time(annotation: Annotation) -> None:
    labels = np.stack([two_squares()] * SHAPE[0])
    lazy = LazyLabels(labels)
    assert annotation.import_labels(lazy) == (3, 7)
    assert lazy.asked == list(range(SHAPE[0]))
    assert lazy.most_alive <= 2
    assert np.array_equal(annotation.labels, labels)


def test_a_label_that_comes_late_gets_an_id_that_is_free(annotation, tracker) -> None:
    click(annotation, tracker, 3)
    labels = np.zeros(SHAPE, np.uint8)
    labels[0, 2:6, 2:6] = 3
    labels[1, 2:6, 2:6] = 4  # by then the id of the object of label 3
    assert annotation.import_labels(labels) == (4, 5)


def test_the_journal_is_told_the_masks_and_not_the_frames(annotation: Annotation) -> None:
    told: list[Entry] = []
    annotation.follow_journal(told.extend)
    annotation.import_labels(np.stack([two_squares()] * SHAPE[0]))
    (call,) = [entry for entry in told if isinstance(entry, Called)]
    other = Annotation(StandInTracker())
    getattr(other, call.name)(**call.arguments)
    assert seen(other) == seen(annotation)
    masks = [mask for there in call.arguments["masks"].values() for mask in there.values()]
    assert sum(mask.crop.size for mask in masks) == SHAPE[0] * (36 + 48)


def test_failed_import_leaves_nothing(annotation: Annotation, tracker: StandInTracker) -> None:
    before = seen(annotation)
    add_mask = tracker.add_mask

    def fail_on_the_second(t: int, object_id: int, mask: np.ndarray) -> None:
        if object_id == 7:
            raise RuntimeError("out of memory")
        add_mask(t, object_id, mask)

    tracker.add_mask = fail_on_the_second  # type: ignore[method-assign, assignment]
    with pytest.raises(RuntimeError, match="memory"):
        annotation.import_labels(two_squares(), 2)
    assert seen(annotation) == before
    assert tracker.object_ids == ()


def test_importing_tells_how_far_it_is_and_can_be_ended(annotation, tracker) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, 2:6, 2:6] = 3
    told = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))
        if done == 3:
            raise InterruptedError("enough")

    annotation.on_progress = tell
    with pytest.raises(InterruptedError):
        annotation.import_labels(labels)
    assert told == [(1, 5), (2, 5), (3, 5)]
    assert not annotation.objects
    assert not tracker.object_ids
    assert not annotation.labels.any()


def family() -> np.ndarray:
    """Label 3 until frame 1, then 5 and 6."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[:2, 4:12, 4:8] = 3
    labels[2:, 4:8, 4:8] = 5
    labels[2:, 9:12, 4:8] = 6
    return labels


def test_families_of_imported_labels_come_along(annotation) -> None:
    annotation.import_labels(family(), parents={5: 3, 6: 3, 9: 3, 3: 8})
    objects = annotation.objects
    assert {key: one.parent for key, one in objects.items()} == {3: None, 5: 3, 6: 3}
    assert (objects[3].end, objects[5].birth, objects[6].birth) == (1, 2, 2)
    annotation.undo()
    assert not annotation.objects
    annotation.redo()
    assert annotation.objects == objects


def test_mother_that_goes_on_beside_her_daughter_is_imported_without_a_link(annotation) -> None:
    labels = family()
    labels[2:, 14:18, 4:8] = 3
    annotation.import_labels(labels, parents={5: 3, 6: 3})
    assert all(one.parent is None for one in annotation.objects.values())


def test_masks_with_their_clicks_are_prompts_with_both(annotation: Annotation) -> None:
    square = np.zeros(SHAPE[1:], bool)
    square[2:8, 2:8] = True
    masks = {2: {1: PixelMask.of(square)}}
    assert annotation.import_masks(masks, clicks={2: {1: (5.0, 5.0)}}) == (1,)
    prompt = annotation.prompt(2, 1)
    assert prompt is not None
    assert prompt.mask is not None
    assert prompt.points.tolist() == [[5.0, 5.0]]
    annotation.undo()
    assert not annotation.objects
    assert not annotation.prompts()

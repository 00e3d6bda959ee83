from typing import Any

import numpy as np
import pytest

from napari_sam2.annotation import Annotation

from .helpers import click, mask, seen
from .stand_in import SHAPE, StandInTracker


def story(annotation: Annotation, tracker: StandInTracker):
    """Every kind of change, one after the other."""
    click(annotation, tracker, 1)
    yield
    click(annotation, tracker, 2)
    yield
    list(annotation.propagate())
    yield
    annotation.add_points(2, 1, [[1, 1]], [0])
    yield
    annotation.add_mask(3, 1, np.tri(*annotation.shape[1:], dtype=bool))
    yield
    annotation.rename_object(1, "mother")
    yield
    annotation.add_box(1, 4, (3, 3, 20, 30))
    yield
    list(annotation.propagate(1, 4, "both", [1, 4]))
    yield
    annotation.remove_object(1)
    yield
    annotation.add_object(9, "waiting")
    yield
    annotation.clear_prompts(0, 2)
    yield


def test_undo_and_redo_go_through_all_states(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    states = [seen(annotation), *(seen(annotation) for _ in story(annotation, tracker))]
    for state in states[-2::-1]:
        assert annotation.undo()
        assert seen(annotation) == state
    for state in states[1:]:
        assert annotation.redo()
        assert seen(annotation) == state


def test_neither_undo_nor_redo_runs_the_model(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    for _ in story(annotation, tracker):
        pass
    runs = tracker.runs
    while annotation.undo():
        pass
    while annotation.redo():
        pass
    assert tracker.runs == runs


def test_undone_first_click_takes_the_object_with_it(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    annotation.undo()
    assert (annotation.objects, tracker.object_ids) == ({}, ())


def test_undone_click_keeps_an_object_that_was_there(annotation: Annotation, tracker) -> None:
    annotation.add_object(1, "mine")
    click(annotation, tracker, 1)
    annotation.undo()
    assert annotation.objects[1].name == "mine"
    assert not annotation.labels.any()


def test_undo_tells_what_it_took_back(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 2, t=3)
    assert annotation.undo_text == "click on cell 2 on frame 3"
    assert annotation.undo() == "click on cell 2 on frame 3"
    assert annotation.redo_text == "click on cell 2 on frame 3"
    assert annotation.redo() == "click on cell 2 on frame 3"


def test_nothing_to_undo_is_none(annotation: Annotation) -> None:
    assert (annotation.can_undo, annotation.can_redo) == (False, False)
    assert (annotation.undo(), annotation.redo()) == (None, None)


def test_new_action_clears_redo(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    annotation.undo()
    click(annotation, tracker, 2)
    assert not annotation.can_redo
    assert annotation.redo() is None


def test_undo_gives_pixels_back_to_their_owner(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    before = mask(annotation, 0, 1).copy()
    annotation.add_mask(0, 2, np.ones(annotation.shape[1:], bool))
    assert not mask(annotation, 0, 1).any()
    annotation.undo()
    assert np.array_equal(mask(annotation, 0, 1), before)


def test_undo_writes_only_pixels_that_change(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    click(annotation, tracker, 3)
    annotation.undo()
    written = RecordingArray.over(annotation)
    annotation.redo()
    assert written == [mask(annotation, 0, 3).sum()]


class RecordingArray(np.ndarray):
    """Labels that count the pixels of each write."""

    writes: list[int]

    @classmethod
    def over(cls, annotation: Annotation) -> list[int]:
        labels = annotation.labels.view(cls)
        cls.writes = []
        annotation._document.state.labels = labels
        return cls.writes

    def __setitem__(self, key: Any, value: np.ndarray) -> None:
        self.writes.append(np.size(value))
        super().__setitem__(key, value)


def test_group_is_one_step(annotation: Annotation, tracker: StandInTracker) -> None:
    with annotation.grouped("import two"):
        click(annotation, tracker, 1)
        click(annotation, tracker, 2)
    assert [group.text for group in annotation.history] == ["import two"]
    assert annotation.undo() == "import two"
    assert annotation.objects == {}
    annotation.redo()
    assert sorted(annotation.objects) == [1, 2]


def test_group_that_raises_is_taken_back(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    before = seen(annotation)

    def half() -> None:
        with annotation.grouped("half"):
            click(annotation, tracker, 2)
            annotation.add_points(0, 3, [[999, 0]], [1])

    with pytest.raises(ValueError, match="inside the image"):
        half()
    assert seen(annotation) == before
    assert len(annotation.history) == 1
    assert not annotation.can_redo


def test_group_in_a_group_is_one_step(annotation: Annotation, tracker: StandInTracker) -> None:
    with annotation.grouped("outer"):
        click(annotation, tracker, 1)
        with annotation.grouped("inner"):
            click(annotation, tracker, 2)
            annotation.rename_object(2, "b")
    assert [group.text for group in annotation.history] == ["outer"]


def test_group_without_changes_is_no_step(annotation: Annotation) -> None:
    annotation.add_object(1)
    annotation.undo()
    with annotation.grouped("nothing"):
        pass
    assert annotation.can_redo
    assert not annotation.can_undo


def test_undo_forgets_the_oldest_steps_where_memory_is_short(tracker) -> None:
    cell = SHAPE[1] * SHAPE[2]
    annotation = Annotation(tracker, undo_bytes=4 * cell)
    for object_id in (1, 2, 3, 4):
        click(annotation, tracker, object_id)
    before = seen(annotation)
    texts = [group.text for group in annotation.history]
    assert texts == ["click on cell 4 on frame 0"] or len(texts) < 4
    while annotation.can_undo:
        annotation.undo()
    while annotation.can_redo:
        annotation.redo()
    assert seen(annotation) == before


def test_the_last_step_can_be_undone_however_large_it_is(tracker) -> None:
    annotation = Annotation(tracker, undo_bytes=0)
    click(annotation, tracker, 1)
    click(annotation, tracker, 2)
    list(annotation.propagate())
    assert len(annotation.history) == 1
    annotation.undo()
    assert not annotation.labels[1:].any()
    assert not annotation.can_undo
    assert set(annotation.objects) == {1, 2}


def test_a_group_that_fails_is_taken_back_where_memory_is_short(tracker) -> None:
    annotation = Annotation(tracker, undo_bytes=0)
    click(annotation, tracker, 1)
    before = seen(annotation)
    with pytest.raises(ValueError), annotation.grouped("all"):
        click(annotation, tracker, 2)
        click(annotation, tracker, 3)
        annotation.rename_object(99, "nobody")
    assert seen(annotation) == before


def test_history_is_short_in_words(annotation: Annotation, tracker: StandInTracker) -> None:
    for _ in story(annotation, tracker):
        pass
    assert len(repr(annotation.history)) < 100 * len(annotation.history)
    assert repr(annotation.history[0]) == "Group('click on cell 1 on frame 0', 2 actions)"

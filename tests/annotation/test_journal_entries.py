"""What a listener of the journal is told."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.annotation import PARTS
from napari_sam2.annotation.journal import is_callable_by_name
from napari_sam2.annotation.journal_entries import Called, Entry

from .helpers import click
from .stand_in import StandInTracker

CHANGE_NOTHING = {
    "check_backward",
    "draw_sample",
    "wrong_share",
    "find_mother",
    "follow_journal",
    "foreign_pixels",
    "is_satisfactory",
    "locked_frames",
    "models_of",
    "mother_at",
    "new_object_id",
    "next_doubtful",
    "objects_to_track",
    "prompt",
    "prompts",
    "propose_divisions",
    "propose_mother",
    "propose_swaps",
    "repair_labels",
    "reviewed_frames",
    "seen_masks",
    "score",
    "timeline",
    "total_steps",
    "tracks",
    "all",
    "redo_text",
    "steps",
    "undo_text",
    "work",
    "wrong_frames",
}
# as masks, by the frames that come, and as folded groups
TOLD_OTHERWISE = {"fold", "grouped", "propagate"}


@pytest.fixture
def told(annotation: Annotation) -> list[list[str]]:
    """Names of the entries, those told together in one list."""
    batches: list[list[str]] = []

    def listen(entries: Sequence[Entry]) -> None:
        batches.append([type(entry).__name__ for entry in entries])

    annotation.follow_journal(listen)
    return batches


def calls(annotation: Annotation) -> list[Called]:
    found: list[Called] = []
    annotation.follow_journal(
        lambda entries: found.extend(entry for entry in entries if isinstance(entry, Called))
    )
    return found


def test_a_click_is_told_with_its_call(annotation, tracker, told) -> None:
    click(annotation, tracker, 1)
    assert told == [["Recorded", "Called"]]


def test_a_propagation_is_told_frame_by_frame(annotation, tracker, told) -> None:
    click(annotation, tracker, 1)
    list(islice(annotation.propagate(), 2))
    assert told[1:] == [["Began"], ["Advanced"], ["Advanced"], ["Recorded"]]


def test_undo_and_redo_are_told_with_what_they_end(annotation, tracker, told) -> None:
    click(annotation, tracker, 1)
    running = annotation.propagate()
    next(running)
    annotation.undo()
    annotation.redo()
    assert told[-2:] == [["Recorded", "Undone", "Called"], ["Redone", "Called"]]


def test_a_block_that_raises_is_told_as_undone(annotation, tracker, told) -> None:
    with pytest.raises(RuntimeError), annotation.grouped("both"):
        click(annotation, tracker, 1)
        raise RuntimeError
    assert told == [["Recorded", "Called"], ["Undone", "Called"], ["Forgotten"]]


def test_a_call_within_a_call_is_not_told(annotation, tracker) -> None:
    click(annotation, tracker, 1)
    found = calls(annotation)
    annotation.remove_point(0, 1, 0)
    assert [call.name for call in found] == ["remove_point"]


def test_what_raises_is_not_told(annotation, told) -> None:
    with pytest.raises(ValueError):
        annotation.rename_object(7, "seven")
    assert told == []


def test_told_arguments_repeat_the_call(annotation, tracker) -> None:
    found = calls(annotation)
    click(annotation, tracker, 2)
    other = Annotation(StandInTracker())
    for call in found:
        getattr(other, call.name)(**call.arguments)
    np.testing.assert_array_equal(other.labels, annotation.labels)


def public_methods() -> dict[str, Any]:
    return {
        name: method
        for part in PARTS
        for name, method in inspect.getmembers(part, inspect.isfunction)
        if not name.startswith("_")
    }


def test_every_method_that_changes_the_document_is_told() -> None:
    """A method that is missing here needs `journaled`, or is named above."""
    told = {name for name, method in public_methods().items() if is_callable_by_name(method)}
    assert public_methods().keys() - told <= CHANGE_NOTHING | TOLD_OTHERWISE

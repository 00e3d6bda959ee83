"""A document as it was: from what is kept of it, and from what its journal told afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any

from napari_sam2.annotation.actions import Action, Group, SetObject, SetReviewed
from napari_sam2.annotation.journal_entries import (
    Advanced,
    Began,
    Called,
    Ended,
    Entry,
    Folded,
    Forgotten,
    ModelChanged,
    Recorded,
    Redone,
    Undone,
)
from napari_sam2.annotation.propagation import OpenPropagation

if TYPE_CHECKING:
    from napari_sam2.annotation.changes import Document
    from napari_sam2.annotation.state import DocumentState
    from napari_sam2.tracking import ObjectState, Tracker


def properties(document: Document) -> Iterator[Action]:
    """The actions that give objects what the tracker does not know of them."""
    document_state = document._state
    for object_id, known in sorted(document_state.objects.items()):
        yield SetObject(object_id, None, known)
    for object_id, frames in sorted(document_state.reviewed.items()):
        yield SetReviewed(object_id, frozenset(), frames)


def largest_id(document: Document) -> int:
    """Largest object id that the document ever had."""
    return document._state.largest_id


def kept_states(document: Document) -> dict[int, ObjectState]:
    """Prompts, masks and locks of each object, in the order of the tracker."""
    tracker = document._state.tracker
    return {object_id: tracker.snapshot(object_id) for object_id in tracker.object_ids}


def tracker_of(document: Document) -> Tracker:
    """The tracker of a document, to look at only."""
    return document._state.tracker


def kept_settings(document: Document) -> dict[str, Any]:
    """How the tracker is set up."""
    return document._state.tracker.settings


def history_lengths(document: Document) -> tuple[int, int]:
    """How many steps are done, and how many can be done again."""
    return len(document._journal.done), document._journal.undone_count


class Recovery:
    """Brings a document to where another one was, without running the model.

    Parameters
    ----------
    document : Document
        With a tracker that holds the masks that were kept. Nobody listens to it yet.
    """

    def __init__(self, document: Document) -> None:
        self._state: DocumentState = document._state
        self._journal = document._journal
        self._run: OpenPropagation | None = None

    def put(self, actions: Iterable[Action], largest_id: int) -> None:
        """Set the properties that were kept, as no step of the history."""
        for action in actions:
            action.apply(self._state)
        self._state.largest_id = max(self._state.largest_id, largest_id)
        self._state.labels = self._state.labels_for(self._state.largest_id)

    @singledispatchmethod
    def repeat(self, entry: Entry) -> None:
        """Do what an entry tells.

        Raises
        ------
        TypeError
            If nothing is known of such entries.
        """
        raise TypeError(f"unknown entry {type(entry).__name__}")

    def finish(self) -> None:
        """Make an undo step of a propagation that was under way at the end."""
        group = None if self._run is None else self._run.group()
        self._run = None
        if group is not None:
            self._journal.record(group)

    @repeat.register
    def _(self, entry: Recorded) -> None:
        self._run = None
        self._apply(_known(entry.group))
        self._journal.record(_known(entry.group))

    @repeat.register
    def _(self, entry: Undone) -> None:
        if self._journal.next_undo is None:
            self._journal.assume(done=_known(entry.group))
        self._apply(_known(self._journal.next_undo).inverse())
        self._journal.step_back()

    @repeat.register
    def _(self, entry: Redone) -> None:
        if self._journal.next_redo is None:
            self._journal.assume(undone=_known(entry.group))
        self._apply(_known(self._journal.next_redo))
        self._journal.step_forward()

    @repeat.register
    def _(self, entry: Forgotten) -> None:
        self._journal.forget_undone()

    @repeat.register
    def _(self, entry: Folded) -> None:
        self._journal.fold(max(0, len(self._journal.done) - entry.count), entry.text)

    @repeat.register
    def _(self, entry: Began) -> None:
        self._run = OpenPropagation(self._state, entry.request)

    @repeat.register
    def _(self, entry: Ended) -> None:
        self.finish()

    @repeat.register
    def _(self, entry: ModelChanged) -> None:
        self._state.largest_id = max(self._state.largest_id, entry.largest_id)
        self._apply(entry.group)

    @repeat.register
    def _(self, entry: Advanced) -> None:
        for object_id, state in entry.states.items():
            self._state.restore(object_id, state)
        if self._run is not None:
            self._run.add(entry.t, entry.states)
        for withdrawal in self._state.withdrawals(self._state.compose((entry.t,))):
            withdrawal.apply(self._state)

    @repeat.register
    def _(self, entry: Called) -> None:
        """Told by its groups already."""

    def _apply(self, group: Group) -> None:
        group.apply(self._state)
        self._state.labels = self._state.labels_for(self._state.largest_id)
        self._state.compose(group.touched.frames)


def _known(group: Group | None) -> Group:
    if group is None:
        raise ValueError("the journal tells of a step that was never done")
    return group

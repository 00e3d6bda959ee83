"""Recovery: the state of an annotation for a file, and the way back from a file and a journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any, cast

from napari_sam2.annotation.actions import (
    Action,
    Group,
    SetMarkedWrong,
    SetObject,
    SetReviewed,
)
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
from napari_sam2.annotation.open_propagation import OpenPropagation

if TYPE_CHECKING:
    from napari_sam2.annotation.annotation import Annotation
    from napari_sam2.annotation.model_change import Work
    from napari_sam2.tracking import ObjectState, Tracker


def properties(annotation: Annotation) -> Iterator[Action]:
    """Actions that set names, lineage and verdicts on masks, which are not in the tracker."""
    state = annotation._document.state
    for object_id, known in sorted(state.objects.items()):
        yield SetObject(object_id, None, known)
    for change, frames_of in state.verdicts:
        for object_id, frames in sorted(frames_of.items()):
            yield change(object_id, frozenset(), frames)


def largest_id(annotation: Annotation) -> int:
    """Largest object id that there ever was."""
    return annotation._document.state.largest_id


def kept_states(annotation: Annotation) -> dict[int, ObjectState]:
    """Prompts, masks and locks of each object, in the order of the tracker."""
    tracker = annotation._document.state.tracker
    return {object_id: tracker.snapshot(object_id) for object_id in tracker.object_ids}


def tracker_of(annotation: Annotation) -> Tracker:
    """The tracker; it must not be changed. Projects are made of the concrete tracker alone."""
    return cast("Tracker", annotation._document.state.tracker)


def kept_settings(annotation: Annotation) -> dict[str, Any]:
    """Settings of the tracker."""
    return tracker_of(annotation).settings


def history_lengths(annotation: Annotation) -> tuple[int, int]:
    """How many steps can be undone, and how many can be redone."""
    journal = annotation._document.journal
    return len(journal.done), journal.undone_count


class Recovery:
    """Brings an annotation to a saved state, without running the model.

    Parameters
    ----------
    annotation : Annotation
        Annotation without a journal listener, whose tracker has the saved masks.
    """

    def __init__(self, annotation: Annotation) -> None:
        self._state = annotation._document.state
        self._journal = annotation._document.journal
        self._run: OpenPropagation | None = None

    def put(self, actions: Iterable[Action], largest_id: int) -> None:
        """Apply saved actions and the largest id, without an undo step."""
        for action in actions:
            action.apply(self._state)
        self._state.largest_id = max(self._state.largest_id, largest_id)
        self._state.labels = self._state.labels_for(self._state.largest_id)

    def put_work(self, work: Work) -> None:
        """Put all objects of another document as they were, without an undo step.

        Parameters
        ----------
        work : Work
            Objects of a document of the same image and with the same kind of model.

        Raises
        ------
        ValueError
            If there are objects already.
        """
        state = self._state
        if state.objects:
            raise ValueError("only a document without objects can get back the work of another")
        for object_id, masklet in work.states.items():
            state.restore(object_id, masklet)
        accepted = (SetReviewed(k, frozenset(), frames) for k, frames in work.reviewed.items())
        wrong = (SetMarkedWrong(k, frozenset(), there) for k, there in work.marked_wrong.items())
        known = (SetObject(known.object_id, None, known) for known in work.objects)
        self.put((*known, *accepted, *wrong), work.largest_id)
        state.compose(range(len(state.labels)))

    @singledispatchmethod
    def repeat(self, entry: Entry) -> None:
        """Make the change of a journal entry.

        Raises
        ------
        TypeError
            If it is an entry of an unknown kind.
        """
        raise TypeError(f"unknown entry {type(entry).__name__}")

    def finish(self) -> None:
        """Make an undo step of a propagation that was still running."""
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
        """Change nothing: the groups of the call are entries, too."""

    def _apply(self, group: Group) -> None:
        group.apply(self._state)
        self._state.labels = self._state.labels_for(self._state.largest_id)
        self._state.compose(group.touched.frames)


def _known(group: Group | None) -> Group:
    if group is None:
        raise ValueError("the journal tells of a step that was never done")
    return group

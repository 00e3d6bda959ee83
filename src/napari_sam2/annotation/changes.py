"""What every part of a document rests on: content, journal, and how a change is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_sam2.annotation.actions import Group, Touched
from napari_sam2.annotation.events import AnnotationEvents
from napari_sam2.annotation.journal import (
    UNDO_BYTES,
    Journal,
    Listener,
    is_callable_by_name,
    journaled,
)
from napari_sam2.annotation.objects import AnnotatedObject
from napari_sam2.annotation.propagation import OpenPropagation
from napari_sam2.annotation.state import DocumentState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation.journal_entries import Called
    from napari_sam2.tracking import Tracker


class Document:
    """Content with a journal.

    Parameters
    ----------
    tracker : Tracker
        Tracker of the stack.
    undo_bytes : int
        Memory that undo and redo may take; the oldest steps are forgotten where it is not enough.

    Attributes
    ----------
    events : AnnotationEvents
        Signals that tell what changed.
    """

    def __init__(self, tracker: Tracker, *, undo_bytes: int = UNDO_BYTES) -> None:
        self.events = AnnotationEvents()
        self._state = DocumentState(tracker)
        self._journal = Journal(undo_bytes)
        self._run: OpenPropagation | None = None
        self._rewinds = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X) of the stack."""
        return self._state.tracker.shape

    @property
    def labels(self) -> NDArray[Any]:
        """(T, Y, X) uint16 or uint32 object ids, 0 for background; changed in place.

        Once an id exceeds 65535 it is another array of dtype uint32, announced by the event
        `labels_replaced`.
        """
        return self._state.labels

    # History

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back."""
        return bool(self.undo_text)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to do again."""
        return bool(self.redo_text)

    @property
    def undo_text(self) -> str:
        """What an undo takes back; empty if there is nothing."""
        if self._run is not None and not self._run.is_empty:
            return self._run.text
        group = self._journal.next_undo
        return "" if group is None else group.text

    @property
    def redo_text(self) -> str:
        """What a redo does again; empty if there is nothing."""
        group = self._journal.next_redo
        return "" if group is None else group.text

    @property
    def history(self) -> tuple[Group, ...]:
        """What made the document what it is, oldest first; a running propagation comes last."""
        return self._journal.done + (() if (group := self._running()) is None else (group,))

    @journaled
    def undo(self) -> str | None:
        """Take back what was done last.

        Returns
        -------
        str or None
            What was taken back; None if there was nothing.
        """
        self._seal()
        group = self._journal.next_undo
        if group is None:
            return None
        self._travel(group.inverse(), self._journal.step_back)
        return group.text

    @journaled
    def redo(self) -> str | None:
        """Do again what was undone last.

        Returns
        -------
        str or None
            What was done again; None if there was nothing.
        """
        group = self._journal.next_redo
        if group is None:
            return None
        self._seal()
        self._travel(group, self._journal.step_forward)
        return group.text

    @contextmanager
    def grouped(self, text: str) -> Iterator[None]:
        """Make all that is done inside the ``with`` block one undo step.

        If the block raises, everything done in it is taken back.

        Parameters
        ----------
        text : str
            What the step is called in a menu.
        """
        with self._journal.keeping_all():
            self._seal()
            start = len(self._journal.done)
            try:
                yield
            except BaseException:
                self._take_back(start)
                raise
            self._seal()
            self._journal.fold(start, text)
        self.events.history_changed.emit()

    def fold(self, count: int, text: str) -> None:
        """Make the last `count` undo steps one step."""
        self._seal()
        self._journal.fold(max(0, len(self._journal.done) - count), text)
        self.events.history_changed.emit()

    def follow_journal(self, listener: Listener | None) -> None:
        """Let a listener know all that happens from now on; None ends it.

        Parameters
        ----------
        listener : callable or None
            Gets the entries that belong together, in the thread of the annotation, when what they
            tell has happened. It must not raise.
        """
        self._journal.listener = listener

    def call(self, called: Called) -> Any:
        """Call a method that changes the document by its name.

        Parameters
        ----------
        called : Called
            Name of a journaled method, such as ``"add_box"``, and its arguments by their names.

        Returns
        -------
        object
            What the method returns.

        Raises
        ------
        ValueError
            If there is no journaled method of that name.
        TypeError
            If the arguments do not fit the method.
        Exception
            Whatever the method raises.
        """
        method = getattr(self, called.name, None)
        if not is_callable_by_name(method):
            raise ValueError(f"an annotation has no journaled method {called.name!r}")
        return method(**called.arguments)

    # Making changes

    def _known(self, object_id: int) -> AnnotatedObject:
        """Properties of an object that must be there."""
        try:
            return self._state.objects[object_id]
        except KeyError:
            known = ", ".join(map(str, sorted(self._state.objects))) or "none"
            raise ValueError(f"unknown object {object_id!r}; there are: {known}") from None

    def _perform(self, group: Group, largest_id: int = 0) -> None:
        """Make a change that needs no model; `largest_id` is the largest id that it brings."""
        running = self._running()
        labels = self._state.labels_for(largest_id)
        group.apply(self._state)
        self._settle(group, running, labels)

    def _settle(self, group: Group, running: Group | None, labels: NDArray[Any]) -> None:
        """Record a group that objects and tracker have already undergone, and show it."""
        is_replaced = labels is not self._state.labels
        self._state.labels = labels
        outdated = self._state.compose(group.touched.frames, group.touched.masks)
        withdrawals = self._state.withdrawals(outdated)
        for withdrawal in withdrawals:
            withdrawal.apply(self._state)
        if withdrawals:
            group = replace(group, actions=(*group.actions, *withdrawals))
        self._run = None
        if running is not None:
            self._journal.record(running)
        self._journal.record(group)
        if is_replaced:
            self.events.labels_replaced.emit()
        self._announce(group.touched)

    def _travel(self, group: Group, move: Callable[[], None]) -> None:
        """Apply a group for an undo or redo and move it in the journal."""
        self._rewinds += 1
        group.apply(self._state)
        self._state.compose(group.touched.frames, group.touched.masks)
        move()
        self._announce(group.touched)

    def _take_back(self, start: int) -> None:
        """Undo for good all that was done after the first `start` groups."""
        self._seal()
        while len(self._journal.done) > start:
            self.undo()
            self._journal.forget_undone()
        self.events.history_changed.emit()

    def _announce(self, touched: Touched) -> None:
        if touched.objects:
            self.events.objects_changed.emit()
        for t, object_id in sorted(touched.prompts):
            self.events.prompts_changed.emit(t, object_id)
        for object_id in sorted(touched.review):
            self.events.review_changed.emit(object_id)
        for t in sorted(touched.frames):
            self.events.frame_changed.emit(t)
        self.events.history_changed.emit()

    def _running(self) -> Group | None:
        """What the running propagation has written since the last other change."""
        return None if self._run is None else self._run.group()

    def _seal(self) -> None:
        """Record what the running propagation has written; what it writes later is another step."""
        group = self._running()
        self._run = None
        if group is not None:
            self._journal.record(group)
            self.events.history_changed.emit()

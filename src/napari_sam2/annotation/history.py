"""Undo and redo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_sam2.annotation.journal import journaled

if TYPE_CHECKING:
    from napari_sam2.annotation.actions import Group
    from napari_sam2.annotation.document import Document
    from napari_sam2.annotation.journal import Listener


class History:
    """Undo steps of a document.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._document = document

    def undo_text(self) -> str:
        """Text of the step that an undo takes back; empty if there is none."""
        running = self._document.propagation
        if running is not None and not running.is_empty:
            return running.text
        group = self._document.journal.next_undo
        return "" if group is None else group.text

    def redo_text(self) -> str:
        """Text of the step that a redo repeats; empty if there is none."""
        group = self._document.journal.next_redo
        return "" if group is None else group.text

    def steps(self) -> tuple[Group, ...]:
        """All undo steps, oldest first; a running propagation comes last."""
        running = self._document.running_group()
        return self._document.journal.done + (() if running is None else (running,))

    @journaled
    def undo(self) -> str | None:
        """Take back the last step.

        Returns
        -------
        str or None
            Text of the step; None if there was none.
        """
        self._document.seal()
        group = self._document.journal.next_undo
        if group is None:
            return None
        self._document.rewind(group.inverse(), self._document.journal.step_back)
        return group.text

    @journaled
    def redo(self) -> str | None:
        """Repeat the step that was undone last.

        Returns
        -------
        str or None
            Text of the step; None if there was none.
        """
        group = self._document.journal.next_redo
        if group is None:
            return None
        self._document.seal()
        self._document.rewind(group, self._document.journal.step_forward)
        return group.text

    @contextmanager
    def grouped(self, text: str) -> Iterator[None]:
        """Make all changes inside the ``with`` block one undo step.

        If the block raises, all its changes are taken back.

        Parameters
        ----------
        text : str
            Text of the step in a menu.
        """
        with self._document.journal.keeping_all():
            self._document.seal()
            start = len(self._document.journal.done)
            try:
                yield
            except BaseException:
                self._take_back(start)
                raise
            self._document.seal()
            self._document.journal.fold(start, text)
        self._document.events.history_changed.emit()

    def fold(self, count: int, text: str) -> None:
        """Make the last `count` undo steps one step.

        Parameters
        ----------
        count : int
            Number of steps.
        text : str
            Text of the new step in a menu.
        """
        self._document.seal()
        self._document.journal.fold(max(0, len(self._document.journal.done) - count), text)
        self._document.events.history_changed.emit()

    def follow_journal(self, listener: Listener | None) -> None:
        """Call a listener with all entries of the journal from now on; None ends it.

        Parameters
        ----------
        listener : callable or None
            Gets a list of the entries of one change, in the thread of the annotation, after the
            change was made. It must not raise.
        """
        self._document.journal.listener = listener

    def _take_back(self, start: int) -> None:
        """Undo all steps after the first `start` steps so that no redo can repeat them."""
        self._document.seal()
        while len(self._document.journal.done) > start:
            self.undo()
            self._document.journal.forget_undone()
        self._document.events.history_changed.emit()

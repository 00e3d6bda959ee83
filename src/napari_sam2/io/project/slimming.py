"""Omit from the journal on disk the values that it holds already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_sam2.annotation.actions import Propagate
from napari_sam2.annotation.journal_entries import (
    Began,
    Ended,
    Entry,
    Folded,
    Forgotten,
    Recorded,
    Redone,
    Undone,
)


class Slimmer:
    """Remembers the values that the journal holds already.

    The group of a propagation repeats what its frames have written, and a group that was undone
    was recorded before, unless that was before the journal began.

    Parameters
    ----------
    done, undone : int
        Groups that the reader has.
    """

    def __init__(self, done: int = 0, undone: int = 0) -> None:
        self._done = done
        self._undone = undone
        self._is_tracking = False

    def slim(self, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        """The entries without the values that the journal holds already."""
        return tuple(map(self._slim, entries))

    def _slim(self, entry: Entry) -> Entry:
        if isinstance(entry, Began):
            self._is_tracking = True
        elif isinstance(entry, Recorded):
            self._done, self._undone = self._done + 1, 0
            is_tracking, self._is_tracking = self._is_tracking, False
            return Ended() if is_tracking and isinstance(entry.group, Propagate) else entry
        elif isinstance(entry, Undone):
            is_known = self._done > 0
            self._done, self._undone = max(self._done - 1, 0), self._undone + 1
            return replace(entry, group=None) if is_known else entry
        elif isinstance(entry, Redone):
            is_known = self._undone > 0
            self._done, self._undone = self._done + 1, max(self._undone - 1, 0)
            return replace(entry, group=None) if is_known else entry
        elif isinstance(entry, Forgotten):
            self._undone = 0
        elif isinstance(entry, Folded):
            self._done -= entry.count - 1
        return entry

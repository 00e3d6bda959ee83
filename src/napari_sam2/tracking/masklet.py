"""Masklet: the masks, prompts and locks of one object."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.masks import MaskRecord, paint_record
from napari_sam2.tracking.results import ObjectState, PromptedFrame

T = TypeVar("T")


@dataclass
class Masklet:
    """Masks, prompts and locks of one object by frame.

    Attributes
    ----------
    records : dict of int to MaskRecord
        The masks.
    prompted : dict of int to PromptedFrame
        The prompts.
    locked : dict of int to MaskRecord or None
        The mask that a locked frame gets back when it is unlocked; None where there is none.
    """

    records: dict[int, MaskRecord] = field(default_factory=dict)
    prompted: dict[int, PromptedFrame] = field(default_factory=dict)
    locked: dict[int, MaskRecord | None] = field(default_factory=dict)

    def anchors(self) -> set[int]:
        """Frames from which a pass starts: prompted frames, and frames locked with a mask."""
        return self.prompted.keys() | (self.locked.keys() & self.records.keys())

    def nearest_anchor(self, t: int) -> int:
        """The nearest anchor; of two, the earlier one."""
        return min(self.anchors(), key=lambda anchor: (abs(anchor - t), anchor))

    def basis(self) -> int:
        """Digest of what tracked masks depend on: all prompts, and the frames locked with a mask.

        A mask that was tracked with another digest is older than the prompts.
        """
        found = blake2b(repr(sorted(self.locked.keys() & self.records.keys())).encode())
        for t in sorted(self.prompted):
            found.update(self.prompted[t].prompt.digest)
        return int.from_bytes(found.digest()[:7])  # an integer that any file can hold

    def tracked(self) -> set[int]:
        """Frames that were tracked since prompts and locks last changed."""
        basis = self.basis()
        return {t for t, record in self.records.items() if record.basis == basis}

    def is_fixed(self, t: int) -> bool:
        """Whether a frame is prompted or locked, so that no propagation writes it."""
        return t in self.prompted or t in self.locked

    def lock(self, t: int, seen: NDArray[np.bool_] | None = None) -> None:
        """Fix a frame; a mask that was merely tracked conditions others like a prompted one.

        Parameters
        ----------
        t : int
            Frame, not locked yet.
        seen : ndarray, optional
            (Y, X) pixels of the object in the labels, where they are fewer than those of its mask.
        """
        record = self.locked[t] = self.records.get(t)
        if record is not None:
            kept = replace(record, direction=None) if seen is None else paint_record(record, seen)
            self.records[t] = kept

    def unlocked(self, t: int) -> MaskRecord:
        """The mask of a frame as it would be without a lock."""
        return self.locked.get(t) or self.records[t]

    def unlock(self, t: int) -> None:
        """Bring a locked frame back to its mask before the lock."""
        put(self.records, t, self.locked.pop(t))

    def snapshot(self, frames: Iterable[int] | None) -> ObjectState:
        """The state on some frames, or on all."""
        if frames is None:
            return ObjectState(None, dict(self.records), dict(self.prompted), dict(self.locked))
        chosen = frozenset(frames)
        return ObjectState(
            chosen,
            {t: self.records[t] for t in chosen if t in self.records},
            {t: self.prompted[t] for t in chosen if t in self.prompted},
            {t: self.locked[t] for t in chosen if t in self.locked},
        )

    def restore(self, state: ObjectState) -> None:
        """Bring the frames of a snapshot back."""
        if state.frames is None:
            self.records, self.prompted = dict(state.records), dict(state.prompted)
            self.locked = dict(state.locked)
            return
        for t in state.frames:
            put(self.records, t, state.records.get(t))
            put(self.prompted, t, state.prompted.get(t))
            self.locked.pop(t, None)
        self.locked.update(state.locked)


def put(table: MutableMapping[int, T], t: int, value: T | None) -> None:
    """Set an entry, or remove it where there is none."""
    if value is None:
        table.pop(t, None)
    else:
        table[t] = value

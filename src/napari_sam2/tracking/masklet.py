"""Masklet: the masks, prompts and locks of one object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
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
        The mask to restore when a frame is unlocked; None if the frame had no mask.
    """

    records: dict[int, MaskRecord] = field(default_factory=dict)
    prompted: dict[int, PromptedFrame] = field(default_factory=dict)
    locked: dict[int, MaskRecord | None] = field(default_factory=dict)

    def anchors(self) -> set[int]:
        """Frames from which a pass starts: prompted frames, and frames locked with a mask."""
        return self.prompted.keys() | (self.locked.keys() & self.records.keys())

    def nearest_anchor(self, t: int) -> int:
        """The nearest anchor; of two anchors at the same distance, the earlier one."""
        return min(self.anchors(), key=lambda anchor: (abs(anchor - t), anchor))

    def basis(self, among: range | None = None) -> int:
        """Digest of the prompts and locked masks, on which the tracked masks depend.

        A mask that was tracked with another digest is out of date.

        Parameters
        ----------
        among : range, optional
            Frames whose prompts and locks count. Default: all frames.
        """

        def counted(frames: Iterable[int]) -> list[int]:
            return sorted(t for t in frames if among is None or t in among)

        locked = counted(self.locked.keys() & self.records.keys())
        found = blake2b(repr(locked).encode())
        for t in counted(self.prompted):
            found.update(self.prompted[t].prompt.digest)
        return int.from_bytes(found.digest()[:7])  # fits a signed 64-bit integer

    def tracked(self) -> set[int]:
        """Frames that were tracked after the last change of prompts and locks."""
        basis = self.basis()
        return {t for t, record in self.records.items() if record.basis == basis}

    def is_fixed(self, t: int) -> bool:
        """Whether a frame is prompted or locked, so that propagation does not change it."""
        return t in self.prompted or t in self.locked

    def lock(self, t: int, seen: NDArray[np.bool_] | None = None) -> None:
        """Lock a frame; its mask then conditions other frames like a prompted mask.

        Parameters
        ----------
        t : int
            The frame, which is not locked.
        seen : ndarray, optional
            (Y, X) pixels of the object in the labels, if they are fewer than those of its mask.
        """
        record = self.locked[t] = self.records.get(t)
        if record is not None:
            kept = replace(record, direction=None) if seen is None else paint_record(record, seen)
            self.records[t] = kept

    def unlocked(self, t: int) -> MaskRecord:
        """The mask of a frame without its lock."""
        return self.locked.get(t) or self.records[t]

    def unlock(self, t: int) -> None:
        """Unlock a frame, and restore its mask from before the lock."""
        put(self.records, t, self.locked.pop(t))

    def note_backward_iou(self, values: Mapping[int, float | None]) -> None:
        """Note the result of a backward check on some frames; frames without a mask are ignored."""
        for t, value in values.items():
            record = self.records.get(t)
            if record is not None and record.backward_iou != value:
                self.records[t] = replace(record, backward_iou=value)

    def snapshot(self, frames: Iterable[int] | None) -> ObjectState:
        """The state on some frames, or on all frames."""
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
        """Restore the frames of a snapshot."""
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
    """Set an entry of a mapping, or remove it if the value is None."""
    if value is None:
        table.pop(t, None)
    else:
        table[t] = value

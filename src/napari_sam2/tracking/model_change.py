"""Model change: convert the masks of a tracker with another network or contrast."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from napari_sam2.tracking.masklet import Masklet
from napari_sam2.tracking.masks import MaskRecord, Renderer, draw_record
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.prompts import Prompt
from napari_sam2.tracking.results import ObjectState, PromptedFrame
from napari_sam2.tracking.windows import WindowGrid


class Translator:
    """Converts the states of objects from another tracker.

    Parameters
    ----------
    renderer : Renderer
        The renderer of this tracker.
    grid : WindowGrid
        The window grid of this tracker.
    """

    def __init__(self, renderer: Renderer, grid: WindowGrid) -> None:
        self._renderer = renderer
        self._grid = grid
        self._others: dict[int, Renderer] = {}
        self._known: dict[tuple[MaskRecord, bool], MaskRecord] = {}

    def masklet(
        self, state: ObjectState, kept: Collection[int]
    ) -> tuple[Masklet, tuple[tuple[Prompt, PixelMask | None], ...]]:
        """The state for this tracker, and the prompts whose masks must be computed again.

        With each of these prompts comes what a person saw there; see `PromptedFrame.seen`.

        Parameters
        ----------
        state : ObjectState
            The state of an object in the other tracker.
        kept : collection of int
            Frames whose masks keep every pixel, like locked and painted masks.
        """
        exact = {*kept, *state.locked}
        again = {t: e for t, e in state.prompted.items() if t not in exact and _asks(e)}
        masklet = Masklet()
        for t, record in state.records.items():
            before = state.prompted[t].before if t in again else record
            if before is not None:
                masklet.records[t] = self._record(before, is_exact=t in exact)
        for t, entry in state.prompted.items():
            if t not in again:
                masklet.prompted[t] = self._prompted(entry)
        for t, unlocked in state.locked.items():
            masklet.locked[t] = None if unlocked is None else self._record(unlocked)
        return masklet, tuple(
            (entry.prompt, self._seen(entry, state.records.get(t)))
            for t, entry in sorted(again.items())
        )

    def _seen(self, entry: PromptedFrame, record: MaskRecord | None) -> PixelMask | None:
        """Pixels of the mask that a person saw at a prompt."""
        if entry.seen is not None or record is None:
            return entry.seen
        return record.painted or self._drawn_by_other(record)

    def _prompted(self, entry: PromptedFrame) -> PromptedFrame:
        before = None if entry.before is None else self._record(entry.before)
        rounds = tuple((number, self._record(record)) for number, record in entry.rounds)
        return PromptedFrame(entry.prompt, before, rounds, entry.seen)

    def _record(self, record: MaskRecord, *, is_exact: bool = False) -> MaskRecord:
        """The converted record; equal results are shared for the same record."""
        found = self._known.get((record, is_exact))
        if found is None:
            found = self._known[record, is_exact] = self._translated(record, is_exact)
        return found

    def _translated(self, record: MaskRecord, is_exact: bool) -> MaskRecord:
        if record.size == self._renderer.size:
            return replace(record, pointer=np.zeros(0, np.float32), basis=None)
        mask = record.painted or self._drawn_by_other(record)
        drawn = draw_record(mask, self._grid.choose(mask.extent), self._renderer.size)
        return replace(
            drawn,
            predicted_iou=record.predicted_iou,
            occlusion_score=record.occlusion_score,
            direction=record.direction,
            made_by=record.made_by,
            painted=mask if is_exact else record.painted,
        )

    def _drawn_by_other(self, record: MaskRecord) -> PixelMask:
        mine = self._renderer
        other = self._others.setdefault(
            record.size, Renderer(record.size, mine.shape, clean=mine.clean)
        )
        return PixelMask.of(other.mask(record))


def _asks(entry: PromptedFrame) -> bool:
    """Whether the network has to compute the mask of a prompt."""
    return bool(entry.prompt.round_numbers())

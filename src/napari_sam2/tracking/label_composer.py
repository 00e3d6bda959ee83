"""Label composer: the labels of a frame, from the stored masks of all objects."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.composition import (
    RANK_CLICKED,
    RANK_PAINTED,
    RANK_PRECEDING,
    RANK_TRACKED,
    RANK_WINNER,
    UNKNOWN_DISTANCE,
    Layer,
    compose,
    hidden,
    may_be_hidden,
)
from napari_sam2.tracking.mask_store import MaskStore
from napari_sam2.tracking.masks import MaskRecord, clip, may_reach, part_about


class LabelComposer:
    """Assigns every pixel of a frame to one of the objects whose masks cover the pixel.

    Parameters
    ----------
    store : MaskStore
        The masks, which the composer only reads.
    """

    def __init__(self, store: MaskStore) -> None:
        self._store = store

    def labels(self, t: int, winners: Collection[int] = ()) -> NDArray[np.int32]:
        """(Y, X) int32 labels of a frame; see `Tracker.labels` for the order of objects."""
        store = self._store
        store.check_frame(t)
        here = [k for k, m in store.masklets.items() if t in m.records]
        fixed = {k for k in here if k in winners or t in store.masklets[k].locked}
        shape = store.renderer.shape
        left_out = hidden(shape, (self._unlocked_layer(t, k) for k in here)) - fixed
        return compose(shape, (self._layer(t, k, k in winners) for k in here if k not in left_out))

    def relabel(
        self, t: int, labels: NDArray[np.integer], object_ids: Collection[int]
    ) -> tuple[tuple[slice, slice], NDArray[np.int32]]:
        """The part of a frame that a change of some objects affects, and its labels."""
        store = self._store
        store.check_frame(t)
        here = {k: m for k, m in store.masklets.items() if t in m.records}
        drawn = [store.region(here[k].records[t]).window for k in object_ids if k in here]
        was_there = np.zeros(labels.shape, bool)
        for object_id in object_ids:
            was_there |= labels == object_id
        part = part_about(was_there, drawn)
        layers = [self._layer(t, k) for k, m in here.items() if may_reach(m.records[t], part)]
        if any(self._may_appear_or_hide(t, layer.object_id, labels) for layer in layers):
            return (slice(0, labels.shape[0]), slice(0, labels.shape[1])), self.labels(t)
        shape = (part[0].stop - part[0].start, part[1].stop - part[1].start)
        parts = [replace(layer, region=clip(layer.region, part)) for layer in layers]
        return part, compose(shape, parts)

    def _layer(self, t: int, object_id: int, is_winner: bool = False) -> Layer:
        """A stored mask with its priority."""
        masklet = self._store.masklets[object_id]
        record = masklet.records[t]
        if is_winner or t in masklet.locked:
            return Layer(object_id, RANK_WINNER, self._store.region(record))
        return self._ranked(t, object_id, record)

    def _unlocked_layer(self, t: int, object_id: int) -> Layer:
        """The layer without the lock of the object: locks must not change what is hidden."""
        return self._ranked(t, object_id, self._store.masklets[object_id].unlocked(t))

    def _ranked(self, t: int, object_id: int, record: MaskRecord) -> Layer:
        return Layer(object_id, _rank(record), self._store.region(record), _distance(record, t))

    def _may_appear_or_hide(self, t: int, object_id: int, labels: NDArray[np.integer]) -> bool:
        """Whether a tracked mask may appear in the labels or disappear from them."""
        layer = self._unlocked_layer(t, object_id)
        there = layer.region.window
        if layer.rank > RANK_TRACKED or not layer.region.mask.any():
            return False
        if not (labels[there] == object_id).any():
            return True
        others = (
            self._unlocked_layer(t, k)
            for k, m in self._store.masklets.items()
            if t in m.records
            and (-_rank(m.unlocked(t)), _distance(m.unlocked(t), t)) < layer.priority
            and may_reach(m.unlocked(t), there)  # before the mask is drawn
        )
        return may_be_hidden(layer, others)


def _rank(record: MaskRecord) -> int:
    if record.painted is not None:
        return RANK_PAINTED
    if record.is_prompted:
        return RANK_CLICKED
    return RANK_PRECEDING if record.precedes else RANK_TRACKED


def _distance(record: MaskRecord, t: int) -> int:
    """Number of frames between a tracked mask and its prompt; 0 for other masks."""
    if _rank(record) > RANK_TRACKED:
        return 0
    return UNKNOWN_DISTANCE if record.anchor is None else abs(record.anchor - t)

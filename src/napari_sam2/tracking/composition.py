"""Composition: labels of a frame from masks that may overlap.

The network tracks each object independently, so the masks of two objects may cover the same cell. A
prompted mask wins over a tracked mask, and of two tracked masks the one with the nearer prompt in
time wins. A cell that is prompted as a new object therefore keeps this object's id on the following
frames, even if another object drifted onto the cell. On the frames before the first prompt of an
object its masks are the weakest: they take no pixel that another object has, because the new object
may be a daughter and the other one her mother.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.masks import Region, clip

RANK_PRECEDING, RANK_TRACKED, RANK_CLICKED, RANK_PAINTED, RANK_WINNER = range(-1, 4)
UNKNOWN_DISTANCE = 2**31  # for masks that were stored without a distance


@dataclass(frozen=True, eq=False)
class Layer:
    """One mask of a frame with its priority.

    Attributes
    ----------
    object_id : int
        The object of the mask.
    rank : int
        Higher ranks win.
    region : Region
        The mask.
    distance : int
        Number of frames to the nearest prompt of the object; within a rank, the nearest wins.
    """

    object_id: int
    rank: int
    region: Region
    distance: int = 0

    @property
    def priority(self) -> tuple[int, int]:
        """Sort key of a layer, strongest first."""
        return -self.rank, self.distance


def compose(shape: tuple[int, int], layers: Iterable[Layer]) -> NDArray[np.int32]:
    """Labels of a frame from masks that may overlap.

    Parameters
    ----------
    shape : tuple of int
        (Y, X).
    layers : iterable of Layer
        The masks in any order. A pixel gets the id with the strongest claim, then with the highest
        logit, then the lowest id.

    Returns
    -------
    ndarray
        (Y, X) int32, 0 is background.
    """
    labels = np.zeros(shape, np.int32)
    best = np.zeros(shape, np.float32)
    strength = np.zeros(shape, np.int32)  # index of the group that each pixel belongs to
    for number, group in enumerate(_by_priority(layers)):
        for layer in group:
            there = layer.region.window
            is_better = (strength[there] == number) & (layer.region.logits > best[there])
            is_mine = layer.region.mask & ((labels[there] == 0) | is_better)
            labels[there][is_mine] = layer.object_id
            best[there][is_mine] = layer.region.logits[is_mine]
            strength[there][is_mine] = number
    return labels


def hidden(shape: tuple[int, int], layers: Iterable[Layer]) -> set[int]:
    """Ids of tracked masks that lose more than half of their pixels to stronger claims.

    Two objects then cover the same cell, and only slivers of the weaker one would remain.

    Parameters
    ----------
    shape : tuple of int
        (Y, X).
    layers : iterable of Layer
        All masks of the frame in any order. A hidden mask takes no pixels from others.
    """
    groups = _by_priority(layers)
    if len(groups) < 2:
        return set()
    taken, found = np.zeros(shape, bool), set()
    for group in groups:
        lost = [np.count_nonzero(k.region.mask & taken[k.region.window]) for k in group]
        for layer, pixels in zip(group, lost, strict=True):
            if layer.rank <= RANK_TRACKED and 2 * pixels > np.count_nonzero(layer.region.mask):
                found.add(layer.object_id)
            else:
                taken[layer.region.window] |= layer.region.mask
    return found


def may_be_hidden(layer: Layer, others: Iterable[Layer]) -> bool:
    """Whether a tracked mask may lose more than half of its pixels to stronger claims."""
    if layer.rank > RANK_TRACKED:
        return False
    lost = sum(
        _shared(layer.region, other.region) for other in others if other.priority < layer.priority
    )
    return bool(2 * lost > np.count_nonzero(layer.region.mask))


def _by_priority(layers: Iterable[Layer]) -> list[list[Layer]]:
    """Groups of equal claims, the strongest first."""
    in_order = sorted(layers, key=lambda layer: (layer.priority, layer.object_id))
    return [list(group) for _, group in groupby(in_order, key=lambda layer: layer.priority)]


def _shared(one: Region, other: Region) -> int:
    """Number of pixels that two masks share."""
    starts = [max(a.start, b.start) for a, b in zip(one.window, other.window, strict=True)]
    stops = [min(a.stop, b.stop) for a, b in zip(one.window, other.window, strict=True)]
    if any(start >= stop for start, stop in zip(starts, stops, strict=True)):
        return 0
    part = slice(starts[0], stops[0]), slice(starts[1], stops[1])
    return int(np.count_nonzero(clip(one, part).mask & clip(other, part).mask))

"""Composition: labels of a frame from masks that may overlap.

The network tracks each object by itself, so the masks of two objects may cover the same cell. There
a prompted mask wins over a tracked one, and of two tracked masks the one whose prompt is nearer in
time. So a cell that is prompted as a new object stays that object on the following frames, although
another object had drifted onto it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.masks import Region, clip

RANK_TRACKED, RANK_CLICKED, RANK_PAINTED, RANK_WINNER = range(4)
UNKNOWN_DISTANCE = 2**31  # of masks that were stored before it was noted


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
        Frames to the nearest prompt of the object; of one rank, the nearer one wins.
    """

    object_id: int
    rank: int
    region: Region
    distance: int = 0

    @property
    def priority(self) -> tuple[int, int]:
        """Sorts layers, strongest first."""
        return -self.rank, self.distance


def compose(shape: tuple[int, int], layers: Iterable[Layer]) -> NDArray[np.int32]:
    """Labels of a frame from masks that may overlap.

    Parameters
    ----------
    shape : tuple of int
        (Y, X).
    layers : iterable of Layer
        The masks in any order. A pixel goes to the strongest claim, then to the highest logit, then
        to the lowest id.

    Returns
    -------
    ndarray
        (Y, X) int32, 0 is background.
    """
    labels = np.zeros(shape, np.int32)
    best = np.zeros(shape, np.float32)
    strength = np.zeros(shape, np.int32)  # number of the group that a pixel went to
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

    Two objects are on one cell there, and what is left of the weaker one are slivers.

    Parameters
    ----------
    shape : tuple of int
        (Y, X).
    layers : iterable of Layer
        All masks of the frame in any order. One that is hidden takes nothing from others.
    """
    groups = _by_priority(layers)
    if len(groups) < 2:
        return set()
    taken, found = np.zeros(shape, bool), set()
    for group in groups:
        lost = [np.count_nonzero(k.region.mask & taken[k.region.window]) for k in group]
        for layer, pixels in zip(group, lost, strict=True):
            if layer.rank == RANK_TRACKED and 2 * pixels > np.count_nonzero(layer.region.mask):
                found.add(layer.object_id)
            else:
                taken[layer.region.window] |= layer.region.mask
    return found


def may_be_hidden(layer: Layer, others: Iterable[Layer]) -> bool:
    """Whether a tracked mask may lose more than half of its pixels to stronger claims."""
    if layer.rank != RANK_TRACKED:
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
    """Pixels that two masks have in common."""
    starts = [max(a.start, b.start) for a, b in zip(one.window, other.window, strict=True)]
    stops = [min(a.stop, b.stop) for a, b in zip(one.window, other.window, strict=True)]
    if any(start >= stop for start, stop in zip(starts, stops, strict=True)):
        return 0
    part = slice(starts[0], stops[0]), slice(starts[1], stops[1])
    return int(np.count_nonzero(clip(one, part).mask & clip(other, part).mask))

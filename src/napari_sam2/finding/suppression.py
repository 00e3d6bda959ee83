"""Non-maximum suppression: of proposals for the same object, only the best is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.pixels import PixelMask


def suppress_boxes(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], threshold: float
) -> list[int]:
    """Keep the best of boxes that overlap.

    Parameters
    ----------
    boxes : ndarray
        (N, 4) of (y0, x0, y1, x1).
    scores : ndarray
        (N,).
    threshold : float
        Boxes whose IoU with a better one is above this are dropped.

    Returns
    -------
    list of int
        Indices of the boxes that are kept, the best first.
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = np.argsort(-scores, kind="stable")
    kept = []
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        start = np.maximum(boxes[best, :2], boxes[left, :2])
        stop = np.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = np.prod(np.maximum(stop - start, 0), axis=1)
        union = areas[best] + areas[left] - shared
        left = left[shared <= threshold * union]
    return kept


def suppress_masks(
    masks: Sequence[PixelMask], scores: NDArray[np.float64], threshold: float
) -> list[int]:
    """Keep the best of masks that cover each other.

    Parameters
    ----------
    masks : sequence of PixelMask
        Of one image, not empty.
    scores : ndarray
        (N,).
    threshold : float
        Masks of which a larger share than this lies in better ones, or that cover a larger share
        than this of a better one, are dropped.

    Returns
    -------
    list of int
        Indices of the masks that are kept, the best first.
    """
    if not masks:
        return []
    owner = np.full(masks[0].shape, -1, np.int32)  # index of the kept mask at each pixel
    areas = [int(mask.crop.sum()) for mask in masks]
    kept = []
    for index in np.argsort(-scores, kind="stable").tolist():
        mask = masks[index]
        there = owner[mask.window][mask.crop]
        better, common = np.unique(there[there >= 0], return_counts=True)
        if common.sum() > threshold * areas[index]:
            continue
        if any(n > threshold * areas[k] for k, n in zip(better.tolist(), common, strict=True)):
            continue
        kept.append(index)
        owner[mask.window][mask.crop & (owner[mask.window] < 0)] = index
    return kept

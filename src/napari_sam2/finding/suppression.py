"""Non-maximum suppression: of proposals for the same object, only the best is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.pixels import PixelMask, shared_pixels

TILE = 128  # pixels, side of the squares by which neighbours are found


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
    areas = [int(mask.crop.sum()) for mask in masks]
    crops = [(mask.window, mask.crop) for mask in masks]
    near = Neighbours()
    kept = []
    for index in np.argsort(-scores, kind="stable").tolist():
        shared = {
            other: shared_pixels(crops[index], crops[other]) for other in near.of(masks[index])
        }
        covered = sum(shared.values()) > threshold * areas[index]
        if covered or any(n > threshold * areas[k] for k, n in shared.items()):
            continue
        kept.append(index)
        near.add(index, masks[index])
    return kept


class Neighbours:
    """Masks by the tiles of the image that their boxes touch."""

    def __init__(self) -> None:
        self._tiles: dict[tuple[int, int], list[int]] = defaultdict(list)

    def add(self, index: int, mask: PixelMask) -> None:
        """Add a mask that is not empty under a number."""
        for tile in _tiles(mask):
            self._tiles[tile].append(index)

    def of(self, mask: PixelMask) -> set[int]:
        """Numbers of the masks that may touch a mask."""
        return {index for tile in _tiles(mask) for index in self._tiles.get(tile, ())}


def _tiles(mask: PixelMask) -> Iterator[tuple[int, int]]:
    rows, columns = (
        range(part.start // TILE, max(part.stop - 1, 0) // TILE + 1) for part in mask.window
    )
    return product(rows, columns)

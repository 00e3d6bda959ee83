"""Local attention: small objects attend to their neighbourhood only ("memory_reach" of a model).

An object of 5 % of the view fills 12 of the 4096 cells of a map, and cells far from it hardly
change its mask. So an object that was visible on the frame before is searched in a block around
that place, with blocks of its memories around the places where it was then. Cells keep their
positions in the whole map. A lost object is searched everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.windows import Extent, Window

SHARES = (0.25, 0.375, 0.5)  # of the side of a map, few so that batches are large
REACH = 2.0  # sides of the object that a block spans at least
MARGIN = 2  # cells on each side besides, for objects of less than a cell
SMALLEST = 16  # cells along an edge of a block: with less about it an object is not made out


def block_side(
    records: Mapping[int, MaskRecord], frames: Sequence[int], t: int, window: Window, size: int
) -> int:
    """Side of the block of a frame, and of its memories, that an object attends to.

    Parameters
    ----------
    records : mapping of int to MaskRecord
        Masks of the object by frame.
    frames : sequence of int
        Frames whose memories take part, at least one.
    t : int
        The frame on which it is looked for.
    window : Window
        The part of the image that the maps show.
    size : int
        Side of the maps in cells.

    Returns
    -------
    int
        Side of a square block in cells; `size` where the object is large, or was lost.
    """
    extents = [extent for k in frames if (extent := records[k].extent) is not None]
    if records[_nearest(frames, t)].extent is None:
        return size
    wanted = REACH * max(_length(extent, window, size) for extent in extents) + 2 * MARGIN
    sides = (int(share * size) for share in SHARES)
    return next((side for side in sides if side >= max(wanted, SMALLEST)), size)


def block_corner(
    records: Mapping[int, MaskRecord],
    frames: Sequence[int],
    t: int,
    window: Window,
    size: int,
    side: int,
) -> tuple[int, int]:
    """First row and column of the block in which an object is looked for on frame `t`.

    The arguments are as for `block_side`, and the `side` that it returned.
    """
    return _corner(records[_nearest(frames, t)].extent, window, size, side)


def block_cells(
    records: Mapping[int, MaskRecord], frames: Sequence[int], window: Window, size: int, side: int
) -> NDArray[np.int64]:
    """The cells of each memory that are about the object.

    Parameters
    ----------
    records, frames, window, size
        As for `block_side`.
    side : int
        What that returned.

    Returns
    -------
    ndarray
        (M, side * side) int64 numbers of cells, row by row. Where the object is not visible the
        block is where it was on the nearest frame that shows it.
    """
    seen = [k for k in frames if records[k].extent is not None]
    blocks = []
    for k in frames:
        extent = records[_nearest(seen, k)].extent if seen else None
        rows, columns = _corner(extent, window, size, side)
        span = np.arange(side)
        blocks.append(((rows + span)[:, None] * size + columns + span).ravel())
    return np.stack(blocks)


def _nearest(frames: Sequence[int], t: int) -> int:
    return min(frames, key=lambda k: abs(k - t))


def _length(extent: Extent, window: Window, size: int) -> float:
    height = (extent[2] - extent[0]) * size / window.height
    width = (extent[3] - extent[1]) * size / window.width
    return max(height, width)


def _corner(extent: Extent | None, window: Window, size: int, side: int) -> tuple[int, int]:
    """First row and column of a block whose middle is that of the object, within the map."""
    if extent is None:
        return 0, 0
    y = ((extent[0] + extent[2]) / 2 - window.y0) * size / window.height
    x = ((extent[1] + extent[3]) / 2 - window.x0) * size / window.width
    row, column = (round(middle - side / 2) for middle in (y, x))
    return min(max(row, 0), size - side), min(max(column, 0), size - side)

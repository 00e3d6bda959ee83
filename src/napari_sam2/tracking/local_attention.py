"""Local attention: limit the attention of small objects to their neighbourhood ("memory_reach").

An object that spans 5 % of the view fills 12 of the 4096 cells of a feature map, and distant cells
hardly change its mask. An object that was visible on the previous frame is therefore searched for
in a block around its last position. The memories are reduced to blocks around the object's
positions on their frames. Cells keep their position encodings of the whole map. A lost object is
searched for in the whole image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.windows import Extent, Window

SHARES = (0.25, 0.375, 0.5)  # block sides as shares of the map side; few, so that batches are large
REACH = 2.0  # smallest side of a block, in sides of the object
MARGIN = 2  # extra cells on each side, for objects smaller than a cell
SMALLEST = 16  # side of the smallest block in cells: objects need some surroundings


def block_side(
    records: Mapping[int, MaskRecord], frames: Sequence[int], t: int, window: Window, size: int
) -> int:
    """Side of the blocks of a frame and of its memories to which an object attends.

    Parameters
    ----------
    records : mapping of int to MaskRecord
        All masks of the object by frame.
    frames : sequence of int
        Frames whose memories are used, at least one.
    t : int
        The frame on which the object is searched for.
    window : Window
        The part of the image that the maps show.
    size : int
        Side of the maps in cells.

    Returns
    -------
    int
        Side of a square block in cells; `size` if the object is large or lost.
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
    """First row and column of the block in which an object is searched for on frame `t`.

    The arguments are those of `block_side`, and the `side` that it returns.
    """
    return _corner(records[_nearest(frames, t)].extent, window, size, side)


def block_cells(
    records: Mapping[int, MaskRecord], frames: Sequence[int], window: Window, size: int, side: int
) -> NDArray[np.int64]:
    """The cells of each memory in the block around the object.

    Parameters
    ----------
    records, frames, window, size
        See `block_side`.
    side : int
        The result of `block_side`.

    Returns
    -------
    ndarray
        (M, side * side) int64 indices of cells, row by row. If the object is not visible on a
        frame, the block lies at its position on the nearest frame on which it is visible.
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
    """First row and column of a block that is centred on the object and clipped to the map."""
    if extent is None:
        return 0, 0
    y = ((extent[0] + extent[2]) / 2 - window.y0) * size / window.height
    x = ((extent[1] + extent[3]) / 2 - window.x0) * size / window.width
    row, column = (round(middle - side / 2) for middle in (y, x))
    return min(max(row, 0), size - side), min(max(column, 0), size - side)

"""Dim cells: what lies beside bright cells on a dark background, and whether it is in focus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops

from napari_sam2.arrays import Pixels
from napari_sam2.tracking.image_parts import PartsOfImage, stretched
from napari_sam2.tracking.pixels import PixelMask

LEVELS = (1, 99.9)  # percentiles of what lies beside cells that become black and white
LEAST_LEFT = 1000  # pixels of the sample beside all cells, fewer have no levels of their own
LEAST_SOLIDITY = 0.9  # of a cell, as a share of its convex hull
USUAL_AREAS = (0.15, 1.5)  # limits of its area, in median areas of the cells that were found first
CLEAR = 0.04  # difference from what lies round it, of 0..1, that blurred light seldom has
STEEP = 3.5  # such differences lost along the width of a cell, if it faded as at its outline
RING = 3  # pixels round a cell in which the background is measured


def rest_of(
    image: Pixels, sample: NDArray[np.float32], cells: Sequence[PixelMask], rim: int
) -> PartsOfImage | None:
    """An image with the levels of what lies beside all cells stretched; parts are computed.

    Parameters
    ----------
    image : Pixels
        (Y, X, 1 or 3) float32 in 0..1.
    sample : ndarray
        Evenly spaced rows and columns of it.
    cells : sequence of PixelMask
        Cells whose levels do not count.
    rim : int
        Pixels round each cell that do not count either.

    Returns
    -------
    PartsOfImage or None
        None if there is not enough beside the cells.
    """
    down, right = (-(-n // m) for n, m in zip(image.shape[:2], sample.shape[:2], strict=True))
    is_left = np.ones(sample.shape[:2], bool)
    for cell in cells:
        rows, columns = cell.window
        top, side = -(-rows.start // down), -(-columns.start // right)
        part = cell.crop[top * down - rows.start :: down, side * right - columns.start :: right]
        is_left[top : top + part.shape[0], side : side + part.shape[1]] &= ~part
    reach = max(round(rim / max(down, right)), 1)
    is_left = ndimage.binary_erosion(is_left, iterations=reach, border_value=1)
    levels = sample[is_left]
    if np.count_nonzero(is_left) < LEAST_LEFT:
        return None
    low, high = np.percentile(levels, LEVELS)
    return stretched(image, float(low), float(high))


def in_focus(image: Pixels, cell: PixelMask, usual_area: float | None) -> bool:
    """Whether a dim cell has the shape, the size and the outline of a cell in focus.

    Cells out of focus, and the light that bright cells scatter, fade slowly into the background.

    Parameters
    ----------
    image : Pixels
        (Y, X, 1 or 3) float32 in 0..1, with the contrast of the whole image.
    cell : PixelMask
        The cell, not empty.
    usual_area : float or None
        Median area of the other cells in pixels; None if there are none.
    """
    area = int(cell.crop.sum())
    if usual_area is not None:
        smallest, largest = USUAL_AREAS
        if not smallest * usual_area <= area <= largest * usual_area:
            return False
    if regionprops(cell.crop.astype(np.uint8))[0].solidity < LEAST_SOLIDITY:
        return False
    rows, columns = (slice(max(side.start - RING, 0), side.stop + RING) for side in cell.window)
    light = image[rows, columns].mean(axis=-1)
    inside = np.zeros(light.shape, bool)
    y, x = cell.corner[0] - rows.start, cell.corner[1] - columns.start
    inside[y : y + cell.crop.shape[0], x : x + cell.crop.shape[1]] = cell.crop
    touching, next_to_it, around = (
        ndimage.binary_dilation(inside, iterations=reach) for reach in (1, 2, RING)
    )
    difference = float(light[inside].mean() - light[around & ~touching].mean())
    edge = light[inside & ~ndimage.binary_erosion(inside)].mean()
    slope = float(edge - light[next_to_it & ~touching].mean()) / 2  # means, since noise is steep
    return difference > CLEAR or slope * float(np.sqrt(area)) > STEEP * difference

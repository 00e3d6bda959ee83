"""Masks in the size of the image from the logits of the decoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label
from skimage.morphology import remove_small_holes

from napari_sam2.tracking.masks import interpolation
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.windows import Window


@dataclass(frozen=True, eq=False)
class Drawn:
    """A mask in the size of the image.

    Attributes
    ----------
    mask : PixelMask
        May be empty.
    stability : float
        Area above a stricter threshold over the area above a more generous one, 0 to 1.
    """

    mask: PixelMask
    stability: float


def draw_logits(
    logits: NDArray[np.float32], window: Window, shape: tuple[int, int], offset: float
) -> Drawn:
    """Enlarge logits to the pixels of their window, and cut them at 0.

    Only the part of the window that has logits above ``-offset`` is enlarged, so that thousands of
    small masks in a large image take little memory.

    Parameters
    ----------
    logits : ndarray
        (S, S) float32.
    window : Window
        The part of the image that they cover; what exceeds the image is cut off.
    shape : tuple of int
        (Y, X) of the image.
    offset : float
        Distance of the two thresholds of the stability from 0.

    Returns
    -------
    Drawn
    """
    rows = _reach(logits.max(axis=1) > -offset, window.y0, window.height, shape[0])
    columns = _reach(logits.max(axis=0) > -offset, window.x0, window.width, shape[1])
    wide = _enlarged(logits, window, rows, columns)
    generous = int((wide > -offset).sum())
    stability = int((wide > offset).sum()) / generous if generous else 0.0
    return Drawn(_cropped(wide > 0, (rows.start, columns.start), shape), stability)


def _reach(is_above: NDArray[np.bool_], start: int, length: int, image: int) -> range:
    """Pixels of the image that entries above the threshold can reach by interpolation."""
    found = np.flatnonzero(is_above)
    if not len(found):
        return range(start, start)
    step = length / len(is_above)
    first = start + int(np.floor((found[0] - 1) * step))
    last = start + int(np.ceil((found[-1] + 2) * step))
    first, last = max(first, start, 0), min(last, start + length, image)
    return range(first, max(last, first))


def _enlarged(
    logits: NDArray[np.float32], window: Window, rows: range, columns: range
) -> NDArray[np.float32]:
    """Bilinear interpolation between pixel centres, at some rows and columns of the image."""
    down = interpolation(logits.shape[0], window.height)
    right = interpolation(logits.shape[1], window.width)
    down = down[rows.start - window.y0 : rows.stop - window.y0]
    right = right[columns.start - window.x0 : columns.stop - window.x0]
    return np.asarray(down @ logits @ right.T, np.float32)


def _cropped(
    pixels: NDArray[np.bool_], corner: tuple[int, int], shape: tuple[int, int]
) -> PixelMask:
    crop = PixelMask.of(pixels)
    if not crop.any():
        return PixelMask(shape, (0, 0), crop.crop)
    place = (corner[0] + crop.corner[0], corner[1] + crop.corner[1])
    return PixelMask(shape, place, crop.crop)


def tidied(mask: PixelMask, area: float) -> PixelMask:
    """Fill the holes and remove the specks that are smaller than an area; the largest part stays.

    Parameters
    ----------
    mask : PixelMask
        Not empty.
    area : float
        In pixels; nothing is changed below 1.
    """
    if area < 1:
        return mask
    # a margin, because what touches the edge of the crop is no hole
    padded = np.pad(mask.crop, 1)
    parts = label(padded, connectivity=2)
    sizes = np.bincount(parts.ravel())
    large = np.isin(parts, 1 + np.flatnonzero(sizes[1:] >= min(area, sizes[1:].max())))
    filled = remove_small_holes(large, max_size=int(area) - 1)
    return _cropped(filled[1:-1, 1:-1], mask.corner, mask.shape)

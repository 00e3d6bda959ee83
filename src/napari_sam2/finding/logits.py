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

STRIP = 2**22  # pixels that are enlarged at once


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

    Only the part of the window that has logits above ``-offset`` is enlarged, strip by strip, so
    that thousands of small masks in a large image take little memory.

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
    # bilinear interpolation between pixel centres, at these rows and columns of the image
    down = interpolation(logits.shape[0], window.height)[rows.start - window.y0 :][: len(rows)]
    right = interpolation(logits.shape[1], window.width)[columns.start - window.x0 :]
    right = right[: len(columns)]
    above = np.zeros((len(rows), len(columns)), bool)
    generous = strict = 0
    step = max(STRIP // max(len(columns), 1), 1)
    for start in range(0, len(rows), step):
        wide = np.asarray(down[start : start + step] @ logits @ right.T, np.float32)
        generous += int((wide > -offset).sum())
        strict += int((wide > offset).sum())
        above[start : start + step] = wide > 0
    stability = strict / generous if generous else 0.0
    return Drawn(_cropped(above, (rows.start, columns.start), shape), stability)


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


def _cropped(
    pixels: NDArray[np.bool_], corner: tuple[int, int], shape: tuple[int, int]
) -> PixelMask:
    crop = PixelMask.of(pixels)
    if not crop.any():
        return PixelMask(shape, (0, 0), crop.crop)
    place = (corner[0] + crop.corner[0], corner[1] + crop.corner[1])
    return PixelMask(shape, place, crop.crop)


def tidied_logits(logits: NDArray[np.float32], entries: float) -> NDArray[np.float32]:
    """Logits whose mask has no holes and specks that are smaller than a number of entries.

    For masks that are so large that their pixels cannot be tidied in little memory.

    Parameters
    ----------
    logits : ndarray
        (S, S) float32, some of them above 0.
    entries : float
        Area of holes and specks, in entries of the logits.
    """
    above = logits > 0
    clean = tidied(PixelMask.of(above), entries).full()
    changed = logits.copy()
    changed[clean & ~above] = np.abs(logits[clean & ~above])
    changed[above & ~clean] = -np.abs(logits[above & ~clean])
    return changed


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

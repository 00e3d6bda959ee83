"""Simulated clicks: those of a user who knows the ground truth (paper §F.1.2)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.evaluation.vos import bounding_window

Mask = NDArray[np.bool_]


class Click(NamedTuple):
    """One click.

    Attributes
    ----------
    point : tuple of float
        (y, x) in pixels, the centre of a pixel.
    label : int
        1 includes, 0 excludes.
    """

    point: tuple[float, float]
    label: int


def centre_click(truth: Mask) -> Click:
    """Click on the centre of an object: the pixel that is deepest inside.

    Parameters
    ----------
    truth : (Y, X) bool
        Not empty.

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    if not truth.any():
        raise ValueError("an object without pixels cannot be clicked")
    return Click(_deepest(truth)[1], 1)


def corrective_click(truth: Mask, mask: Mask) -> Click | None:
    """Click on the centre of the largest error: the pixel that is deepest inside one.

    Parameters
    ----------
    truth, mask : (Y, X) bool

    Returns
    -------
    Click or None
        It includes where the mask misses the object and excludes where it spills over; None where
        the masks are equal.
    """
    missed, spilled = truth & ~mask, mask & ~truth
    depth_missed, place_missed = _deepest(missed)
    depth_spilled, place_spilled = _deepest(spilled)
    if not depth_missed and not depth_spilled:
        return None
    if depth_missed >= depth_spilled:
        return Click(place_missed, 1)
    return Click(place_spilled, 0)


def bounding_box(truth: Mask) -> tuple[float, float, float, float]:
    """Tight box (y0, x0, y1, x1) round a mask, at the outer edges of its pixels."""
    rows, columns = bounding_window(truth)
    return (rows.start - 0.5, columns.start - 0.5, rows.stop - 0.5, columns.stop - 0.5)


def _deepest(region: Mask) -> tuple[float, tuple[float, float]]:
    """Distance to the outside and place of the deepest pixel; the first of several.

    Pixels beyond the border of the image count as outside of the object.
    """
    window = bounding_window(region)
    part = region[window]
    if not part.size:
        return 0.0, (0.0, 0.0)
    depth = ndimage.distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return float(depth[y, x]), (float(y + window[0].start), float(x + window[1].start))

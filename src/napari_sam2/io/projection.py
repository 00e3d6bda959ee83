"""Projections of the planes of a frame; planes are read one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.io.selection import Projection

PlaneReader = Callable[[int], NDArray[Any]]


def project(
    read: PlaneReader, read_for_focus: PlaneReader, depth: int, kind: Projection
) -> NDArray[Any]:
    """One image of all planes of a frame.

    Parameters
    ----------
    read : callable
        From the index of a plane to its pixels, (Y, X) or (Y, X, C).
    read_for_focus : callable
        As `read`, of the channel in which the sharpest plane is looked for.
    depth : int
        Number of planes.
    kind : {"max", "mean", "focus"}
        Brightest value of each pixel, mean, or the plane with the largest `sharpness`.

    Returns
    -------
    ndarray
        In the type of the planes; float32 for the mean.
    """
    if kind == "focus":
        scores = [sharpness(read_for_focus(plane)) for plane in range(depth)]
        return read(int(np.argmax(scores)))
    first = read(0)
    if kind == "max":
        brightest = first.copy()
        for plane in range(1, depth):
            np.maximum(brightest, read(plane), out=brightest)
        return brightest
    total = first.astype(np.float64)
    for plane in range(1, depth):
        total += read(plane)
    mean: NDArray[Any] = (total / depth).astype(np.float32)
    return mean


def sharpness(image: NDArray[Any]) -> float:
    """Variance of the second derivative, which is large where an image is in focus."""
    grey = image.mean(axis=-1) if image.ndim == 3 else image
    return float(ndimage.laplace(grey.astype(np.float32)).var())

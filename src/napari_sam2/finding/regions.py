"""Regions: what a threshold and a watershed of scikit-image make of an image, without a network."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu, threshold_triangle
from skimage.measure import regionprops
from skimage.segmentation import watershed

SMOOTHING = 1.0  # pixels, sigma of the blur before everything
TEXTURE = 2.0  # pixels, sigma of the surroundings in which contrast is measured
SMALLEST_AREA = 30  # pixels, smaller regions are dust
PEAK_DISTANCE = 7  # pixels between the centres of touching cells
LARGEST_SHARE = 0.25  # of the image, larger regions are background
USUAL_SHARE = 0.0003  # of the image, regions below are rather specks than cells
USUAL_SOLIDITY = 0.9  # share of the convex hull, regions below are rather debris than cells

Image = NDArray[np.float32]
Regions = NDArray[np.int32]


def bright(image: Image) -> Image:
    """High where an image is bright."""
    blurred: Image = ndimage.gaussian_filter(image, SMOOTHING)
    return blurred


def dark(image: Image) -> Image:
    """High where an image is dark."""
    return -bright(image)


def rough(image: Image) -> Image:
    """High where an image is uneven: local standard deviation."""
    smooth = bright(image)
    mean = ndimage.gaussian_filter(smooth, TEXTURE)
    spread = ndimage.gaussian_filter(smooth**2, TEXTURE) - mean**2
    deviation: Image = np.sqrt(np.maximum(spread, 0))
    return deviation


Signal = Callable[[Image], Image]
Threshold = Callable[[Image], float]
Look = tuple[Signal, Threshold]
LOOKS: tuple[Look, ...] = tuple(
    product((bright, dark, rough), (threshold_otsu, threshold_triangle))
)


def regions_of(
    signal: Image, threshold: Threshold = threshold_otsu, distance: int = PEAK_DISTANCE
) -> Regions:
    """Cut the area above a threshold into regions with one centre each.

    Parameters
    ----------
    signal : (Y, X) float32
        High inside of cells.
    threshold : callable
        Image in which cells are bright.
    distance : int
        Least distance between the centres of touching cells, in pixels.

    Returns
    -------
    (Y, X) int32
        0 is background.
    """
    if signal.max() <= signal.min():
        return np.zeros(signal.shape, np.int32)
    inside = ndimage.binary_fill_holes(signal > threshold(signal))
    pieces, _ = ndimage.label(inside)
    sizes = np.bincount(pieces.ravel())
    too_small = (sizes < SMALLEST_AREA) | (sizes > LARGEST_SHARE * signal.size)
    pieces[too_small[pieces]] = 0
    depth = ndimage.distance_transform_edt(pieces > 0)
    smooth = ndimage.gaussian_filter(depth, SMOOTHING)
    centres = peak_local_max(smooth, min_distance=distance, labels=pieces)
    markers = np.zeros(signal.shape, np.int32)
    markers[tuple(centres.T)] = np.arange(1, len(centres) + 1)
    regions: Regions = watershed(-smooth, markers, mask=pieces > 0)
    return regions


def best_regions(image: Image) -> Regions:
    """Regions of an image by the look whose regions are most like cells; nothing is prompted.

    Parameters
    ----------
    image : (Y, X) float32
        Grey levels.

    Returns
    -------
    (Y, X) int32
        0 is background.
    """
    found = [regions_of(signal(image), threshold) for signal, threshold in LOOKS]
    return max(found, key=_likeness)


def _likeness(regions: Regions) -> float:
    """How much regions are like cells: the mean of their size and solidity, 0 to 1."""
    usual = USUAL_SHARE * regions.size
    merits = [
        min(region.area / usual, 1.0) * min(region.solidity / USUAL_SOLIDITY, 1.0)
        for region in regionprops(regions)
    ]
    return float(np.mean(merits)) if merits else 0.0

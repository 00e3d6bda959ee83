"""Votes: each pixel of a cell points to its middle, and the middles are where most point.

The functions import what loads scipy.spatial when they are called: an image opens without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

IS_CELL = 0.5  # foreground from here on belongs to a cell
BLUR = 1.0  # entries of the maps, standard deviation of the blur of the votes
LEAST_VOTES = 0.2  # of a peak, per entry after the blur

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Votes:
    """Middles of the cells in the maps of the cell head, and the entries that voted for them.

    Attributes
    ----------
    middles : ndarray
        (N, 2) float64 rows and columns in the maps.
    owner : ndarray
        (H, W) int32: 1 + the index of the middle that an entry belongs to, 0 for background.
    """

    middles: NDArray[np.float64]
    owner: NDArray[np.int32]

    @property
    def areas(self) -> NDArray[np.int64]:
        """(N,) entries of each cell."""
        return np.bincount(self.owner.ravel(), minlength=len(self.middles) + 1)[1:]


def count_votes(foreground: FloatArray, offsets: FloatArray) -> Votes:
    """Find the middles of the cells, and share the foreground out among them.

    Parameters
    ----------
    foreground : ndarray
        (H, W) float32, 0 to 1.
    offsets : ndarray
        (2, H, W) float32, way (dy, dx) to the middle of the cell in entries of the maps.
    """
    from skimage.feature import peak_local_max

    rows, columns = np.nonzero(foreground > IS_CELL)
    shape = foreground.shape
    aims = np.stack([rows, columns]) + offsets[:, rows, columns]
    weights = foreground[rows, columns]
    ballot = _splat(aims, weights, shape)
    density = ndimage.gaussian_filter(ballot, BLUR, mode="constant")
    peaks = peak_local_max(density, min_distance=1, threshold_abs=LEAST_VOTES, exclude_border=False)
    owner = np.zeros(shape, np.int32)
    if len(peaks):
        owner[rows, columns] = _nearest(aims, peaks)
    return Votes(peaks.astype(np.float64), owner)


def _splat(aims: FloatArray, weights: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Add each weight to the four entries about its aim."""
    total = np.zeros(shape, np.float32)
    low = np.floor(aims).astype(int)
    share = aims - low
    for down in (0, 1):
        for right in (0, 1):
            part = np.abs(1 - down - share[0]) * np.abs(1 - right - share[1])
            row = (low[0] + down).clip(0, shape[0] - 1)
            column = (low[1] + right).clip(0, shape[1] - 1)
            np.add.at(total, (row, column), weights * part)
    return total


def _nearest(aims: FloatArray, peaks: NDArray[np.intp]) -> NDArray[np.int32]:
    """1 + the index of the peak nearest to each aim."""
    from scipy.spatial import cKDTree

    _, index = cKDTree(peaks).query(aims.T)
    return np.asarray(index + 1, np.int32)

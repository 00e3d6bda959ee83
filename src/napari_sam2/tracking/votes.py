"""Votes: each pixel of a cell points to its middle, and the middles are where most point.

The functions import what loads scipy.spatial when they are called: an image opens without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

IS_CELL = 0.5  # foreground from here on belongs to a cell
BLUR = 1.0  # entries of the maps, least standard deviation of the blur of the votes
SPREAD = 0.55  # the same as a share of the mean way to the middle of a cell, where that is more
DARK_SPREAD = 0.3  # the same in dark images, since nuclei that touch come apart
STEPS_PER_OCTAVE = 2  # of the blurs that are used side by side
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


def count_votes(foreground: FloatArray, offsets: FloatArray, spread: float = SPREAD) -> Votes:
    """Find the middles of the cells, and share the foreground out among them.

    The larger a cell is, the more its votes are scattered around the middle. They are therefore
    counted twice: first with the least blur, which may find several middles in a large cell, and
    then with a blur that suits the way of the voters of each of these.

    Parameters
    ----------
    foreground : ndarray
        (H, W) float32, 0 to 1.
    offsets : ndarray
        (2, H, W) float32, way (dy, dx) to the middle of the cell in entries of the maps.
    spread : float
        Standard deviation of the blur, as a share of the mean way to the middle.
    """
    rows, columns = np.nonzero(foreground > IS_CELL)
    shape = foreground.shape
    ways = offsets[:, rows, columns]
    aims = np.stack([rows, columns]) + ways
    weights = foreground[rows, columns]
    peaks = _peaks(_density(aims, weights, np.full(len(rows), BLUR, np.float32), shape))
    if len(peaks):
        blur = spread * _mean_of_owner(np.hypot(*ways), _nearest(aims, peaks))
        peaks = _peaks(_density(aims, weights, blur, shape))
    owner = np.zeros(shape, np.int32)
    if len(peaks):
        owner[rows, columns] = _nearest(aims, peaks)
    return Votes(peaks.astype(np.float64), owner)


def _density(
    aims: FloatArray, weights: FloatArray, blur: FloatArray, shape: tuple[int, ...]
) -> FloatArray:
    """Votes per entry, each blurred by about its own standard deviation, `BLUR` or more."""
    steps = np.round(STEPS_PER_OCTAVE * np.log2(np.maximum(blur, BLUR) / BLUR))
    total = np.zeros(shape, np.float32)
    for step in np.unique(steps):
        chosen = steps == step
        ballot = _splat(aims[:, chosen], weights[chosen], shape)
        deviation = BLUR * 2 ** (step / STEPS_PER_OCTAVE)
        total += ndimage.gaussian_filter(ballot, deviation, mode="constant")
    return total


def _peaks(density: FloatArray) -> NDArray[np.intp]:
    """(N, 2) rows and columns of the local maxima."""
    from skimage.feature import peak_local_max

    return np.asarray(
        peak_local_max(density, min_distance=1, threshold_abs=LEAST_VOTES, exclude_border=False)
    )


def _mean_of_owner(values: FloatArray, owner: NDArray[np.int32]) -> FloatArray:
    """For each voter, the mean of the values of all voters for the same peak."""
    means = np.bincount(owner, values) / np.maximum(np.bincount(owner), 1)
    return np.asarray(means[owner], np.float32)


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

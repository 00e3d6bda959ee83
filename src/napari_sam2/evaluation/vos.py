"""Region and boundary similarity of masks, J and F (paper §6, "standard J&F metric")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BOUNDARY_TOLERANCE = 0.008  # of the image diagonal, as DAVIS has it
RECALL_ABOVE = 0.5  # as in DAVIS

Mask = NDArray[np.bool_]


def region_similarity(truth: Mask, mask: Mask) -> float:
    """J: intersection over union of two masks.

    Parameters
    ----------
    truth, mask : (Y, X) bool

    Returns
    -------
    float
        0 to 1; NaN where both are empty, since nothing can be said about an object that is in
        neither. (DAVIS counts 1 there, which lets an object that is seldom visible score high.)

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    _check_shapes(truth, mask)
    union = np.count_nonzero(truth | mask)
    return float(np.count_nonzero(truth & mask) / union) if union else float("nan")


def boundary_similarity(truth: Mask, mask: Mask, tolerance: int | None = None) -> float:
    """F: harmonic mean of precision and recall of the boundary of a mask.

    A boundary pixel is right when one of the other boundary is within `tolerance`.

    Parameters
    ----------
    truth, mask : (Y, X) bool
    tolerance : int, optional
        In pixels; by default `boundary_tolerance` of the shape.

    Returns
    -------
    float
        0 to 1; NaN where both masks are empty.

    Raises
    ------
    ValueError
        If the shapes differ or the tolerance is negative.

    Notes
    -----
    Where one mask has a boundary and the other has none, F is 0. Where neither has one and the
    masks are not empty (they fill the image), F is 1.
    """
    _check_shapes(truth, mask)
    reach = boundary_tolerance(truth.shape) if tolerance is None else tolerance
    if reach < 0:
        raise ValueError(f"tolerance must not be negative; got {reach}")
    if not (truth.any() or mask.any()):
        return float("nan")
    window = bounding_window(truth | mask, reach + 1)  # boundaries are up to one pixel outside
    ours, theirs = boundary(mask[window]), boundary(truth[window])
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    precision = _share_near(ours, theirs, reach)
    recall = _share_near(theirs, ours, reach)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: Mask) -> Mask:
    """Pixels that differ from their neighbour below, to the right, or below right.

    The border of the image is no boundary: the pixels beyond it count as the same object.

    Parameters
    ----------
    mask : (Y, X) bool

    Returns
    -------
    (Y, X) bool
    """
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    edges: Mask = (mask ^ padded[1:, :-1]) | (mask ^ padded[:-1, 1:]) | (mask ^ padded[1:, 1:])
    return edges


def boundary_tolerance(shape: tuple[int, ...]) -> int:
    """Distance in pixels within which boundaries count as the same: 0.8 % of the diagonal."""
    return int(np.ceil(BOUNDARY_TOLERANCE * np.linalg.norm(shape)))


def j_and_f(region: float, boundary: float) -> float:
    """J&F, the mean of the two; NaN where one of them is."""
    return (region + boundary) / 2


def mean_of_defined(values: Iterable[float]) -> float:
    """Mean of the numbers that are not NaN; NaN where there is none."""
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def recall(values: Sequence[float]) -> float:
    """Share of the frames of an object that score above 0.5.

    Parameters
    ----------
    values : sequence of float
        J or F of the frames; NaN where it is not defined.

    Returns
    -------
    float
        0 to 1, over the frames on which the score is defined; NaN where there is none.
    """
    return mean_of_defined(
        float(value > RECALL_ABOVE) if value == value else value for value in values
    )


def decay(values: Sequence[float]) -> float:
    """Mean score of the first quarter of the frames minus that of the last quarter.

    Parameters
    ----------
    values : sequence of float
        J or F of the frames, in their order; NaN where it is not defined.

    Returns
    -------
    float
        Positive where an object is lost with time; NaN where a quarter has no defined score.

    Notes
    -----
    The quarters are those of the toolkit of DAVIS: neighbouring quarters share a frame.
    """
    if not len(values):
        return float("nan")
    bounds = np.round(np.linspace(1, len(values), 5) + 1e-10).astype(int) - 1
    first, last = values[: bounds[1] + 1], values[bounds[3] :]
    return mean_of_defined(first) - mean_of_defined(last)


def _check_shapes(truth: Mask, mask: Mask) -> None:
    if truth.shape != mask.shape or truth.ndim != 2:
        raise ValueError(
            f"truth and mask must be (Y, X) of one shape; got {truth.shape} and {mask.shape}"
        )


def bounding_window(mask: Mask, margin: int = 0) -> tuple[slice, slice]:
    """Rows and columns that hold a mask, and some more on each side; of an empty mask nothing."""
    slices = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis=axis))
        if not len(places):
            return slice(0, 0), slice(0, 0)
        slices.append(slice(max(int(places[0]) - margin, 0), int(places[-1]) + 1 + margin))
    return slices[0], slices[1]


def _share_near(pixels: Mask, others: Mask, reach: int) -> float:
    """Which share of some pixels has one of the others within reach."""
    distance = ndimage.distance_transform_edt(~others)
    return float(np.count_nonzero(distance[pixels] <= reach) / np.count_nonzero(pixels))

"""Overlap of masks: shared pixels and intersection over union."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import ArrayLike


@dataclass(frozen=True, eq=False)
class Overlap:
    """Overlap of the objects of two labellings of one frame.

    Attributes
    ----------
    truth_ids, label_ids : (N,), (M,) int64
        Ascending, without the background.
    truth_areas, label_areas : (N,), (M,) int64
        Pixels.
    common : (N, M) int64
        Pixels that two objects share.
    """

    truth_ids: NDArray[np.int64]
    label_ids: NDArray[np.int64]
    truth_areas: NDArray[np.int64]
    label_areas: NDArray[np.int64]
    common: NDArray[np.int64]

    @property
    def ious(self) -> NDArray[np.float64]:
        """(N, M) intersections over union."""
        union = self.truth_areas[:, None] + self.label_areas - self.common
        return self.common / np.maximum(union, 1)


def overlap(truth: NDArray[Any], labels: NDArray[Any]) -> Overlap:
    """Count the pixels that objects share.

    Parameters
    ----------
    truth, labels : (Y, X) integers
        Object ids, 0 is background.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if truth.shape != labels.shape:
        raise ValueError(f"truth has the shape {truth.shape}, labels {labels.shape}: not one frame")
    truth_ids, rows = np.unique(truth, return_inverse=True)
    label_ids, columns = np.unique(labels, return_inverse=True)
    size = (len(truth_ids), len(label_ids))
    pairs = rows.ravel() * size[1] + columns.ravel()
    table = np.bincount(pairs, minlength=size[0] * size[1]).reshape(size)
    is_truth, is_label = truth_ids != 0, label_ids != 0
    return Overlap(
        truth_ids[is_truth].astype(np.int64),
        label_ids[is_label].astype(np.int64),
        table.sum(axis=1)[is_truth],
        table.sum(axis=0)[is_label],
        table[is_truth][:, is_label],
    )


def frame_ious(truth: NDArray[Any], labels: NDArray[Any]) -> dict[int, float]:
    """Intersection over union of each object of one frame with the truth of the same id.

    Parameters
    ----------
    truth, labels : (Y, X) integers
        Object ids, 0 is background.

    Returns
    -------
    dict of int to float
        For each id that is in either, 0 to 1.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if truth.shape != labels.shape:
        raise ValueError(f"truth has the shape {truth.shape}, labels {labels.shape}: not one frame")
    ids, sizes = np.unique(np.concatenate([truth.ravel(), labels.ravel()]), return_counts=True)
    common_ids, common = np.unique(truth[truth == labels], return_counts=True)
    shared = dict(zip(common_ids.tolist(), common.tolist(), strict=True))
    return {
        object_id: shared.get(object_id, 0) / (size - shared.get(object_id, 0))
        for object_id, size in zip(ids.tolist(), sizes.tolist(), strict=True)
        if object_id
    }


def object_ious(truth: ArrayLike, labels: ArrayLike) -> dict[int, list[float]]:
    """Intersections over union of each object on the frames where it is in truth or labels.

    Parameters
    ----------
    truth, labels : (T, Y, X) array-like of integers

    Returns
    -------
    dict of int to list of float
        By id, in order; the mean over all numbers is the mean over frames and objects.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if tuple(truth.shape) != tuple(labels.shape):
        raise ValueError(f"truth has the shape {truth.shape}, labels {labels.shape}: not one movie")
    found: dict[int, list[float]] = {}
    for t in range(truth.shape[0]):
        for object_id, iou in frame_ious(np.asarray(truth[t]), np.asarray(labels[t])).items():
            found.setdefault(object_id, []).append(iou)
    return dict(sorted(found.items()))

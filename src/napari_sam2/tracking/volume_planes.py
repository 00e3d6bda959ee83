"""Planes of volumes: images and labels as arrays of (Z, Y, X)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.arrays import ArrayLike

Range = tuple[int, int]
RING = 4  # width in pixels of the surroundings to which an object is compared


class Planes:
    """All planes of volumes as one stack, (T * Z, Y, X), of which one plane is read at a time.

    Parameters
    ----------
    volumes : array_like
        (T, Z, Y, X).

    Attributes
    ----------
    whole : array_like
        The volumes.
    planes : int
        Planes of each volume, Z.

    Raises
    ------
    TypeError
        If it is no array.
    ValueError
        If it has other axes, an axis of length 0, or one plane only.
    """

    def __init__(self, volumes: ArrayLike) -> None:
        if not hasattr(volumes, "shape") or not hasattr(volumes, "dtype"):
            raise TypeError(f"expected an array of volumes; got {type(volumes).__name__}")
        shape = tuple(int(length) for length in volumes.shape)
        if len(shape) != 4:
            raise ValueError(f"volumes over time must be (T, Z, Y, X); got an array of {shape}")
        if 0 in shape:
            raise ValueError(f"the volumes are empty: their shape is {shape}")
        if shape[1] == 1:
            raise ValueError("the volumes have one plane each: track them as images, (T, Y, X)")
        self.whole = volumes
        self.planes = shape[1]
        self.shape = (shape[0] * shape[1], *shape[2:])
        self.dtype = np.dtype(volumes.dtype)

    def __getitem__(self, number: int) -> NDArray[Any]:
        """Read a plane; planes are counted from volume to volume."""
        if not 0 <= number < self.shape[0]:
            raise IndexError(f"plane {number} is outside the {self.shape[0]} planes")
        t, z = divmod(number, self.planes)
        return np.asarray(self.whole[t, z])

    def __array__(self, *args: Any, **options: Any) -> NDArray[Any]:
        """Read all planes."""
        return np.stack([self[number] for number in range(self.shape[0])]).astype(*args)


def planes_of(stack: object) -> int:
    """Planes of each volume of a stack, such as `Planes`; 1 for a movie of images."""
    return int(getattr(stack, "planes", 1))


def areas_by_plane(labels: NDArray[np.integer[Any]]) -> dict[int, NDArray[np.intp]]:
    """Number of pixels of each object on each plane.

    Parameters
    ----------
    labels : ndarray
        (Z, Y, X) ids, 0 is background.

    Returns
    -------
    dict of int to ndarray
        (Z,) by object.
    """
    areas: dict[int, NDArray[np.intp]] = {}
    for z, plane in enumerate(labels):
        ids, counts = np.unique(plane, return_counts=True)
        for object_id, count in zip(ids.tolist(), counts.tolist(), strict=True):
            if object_id:
                areas.setdefault(object_id, np.zeros(len(labels), np.intp))[z] = count
    return areas


def leading_planes(areas: NDArray[np.intp], least_share: float) -> list[int]:
    """Planes of an object that may lead, the largest first, the middle one of equal ones.

    Parameters
    ----------
    areas : ndarray
        (Z,) pixels of the object.
    least_share : float
        Planes with a smaller share of the largest area are left out.
    """
    planes = np.flatnonzero(areas)
    middle = float(np.average(planes, weights=areas[planes]))
    large = [int(z) for z in planes if areas[z] >= least_share * areas.max()]
    return sorted(large, key=lambda z: (-areas[z], abs(z - middle)))


def cut_loose_planes(labels: NDArray[np.int32], prompted: Mapping[int, Range]) -> None:
    """Remove, in place, what lies beyond the first plane on which an object has no pixel.

    Parameters
    ----------
    labels : ndarray
        (Z, Y, X) ids.
    prompted : mapping of int to (int, int)
        First and last prompted plane of each object; nothing between them is removed.
    """
    for object_id, areas in areas_by_plane(labels).items():
        first, last = prompted[object_id]
        empty = np.flatnonzero(areas == 0)
        low = max((int(z) for z in empty if z < first), default=-1)
        high = min((int(z) for z in empty if z > last), default=len(areas))
        for z in (*range(low), *range(high + 1, len(areas))):
            if areas[z]:
                labels[z][labels[z] == object_id] = 0


def merge_weaker(labels: NDArray[np.int32], weaker: NDArray[np.int32]) -> NDArray[np.int32]:
    """Labels of a volume with objects that take no pixels of others.

    An object that loses more than half of its pixels of a plane to others is left out there, as in
    the labels of a frame.

    Parameters
    ----------
    labels, weaker : ndarray
        (Z, Y, X) ids.
    """
    merged = labels.copy()
    for z, plane in enumerate(weaker):
        lost = plane * (labels[z] > 0)
        before = np.bincount(plane.ravel())
        after = np.bincount(lost.ravel(), minlength=len(before))
        hidden = np.flatnonzero(2 * after > before)
        is_free = (merged[z] == 0) & ~np.isin(plane, hidden)
        merged[z][is_free] = plane[is_free]
    return merged


def fade_planes(
    images: NDArray[Any],
    labels: NDArray[np.int32],
    prompted: Mapping[int, Range],
    least_contrast: float,
) -> None:
    """Remove, in place, objects from planes on which only their blurred light is left.

    Parameters
    ----------
    images, labels : ndarray
        (Z, Y, X) images and ids.
    prompted : mapping of int to (int, int)
        First and last prompted plane of each object, which keep it, as do those between.
    least_contrast : float
        Planes with a smaller share of the object's largest contrast are cleared.
    """
    for object_id, (first, last) in prompted.items():
        contrasts = contrast_by_plane(images, labels, object_id)
        if contrasts is None:
            continue
        for z in np.flatnonzero(contrasts < least_contrast).tolist():
            if not first <= z <= last:
                labels[z][labels[z] == object_id] = 0


def contrast_by_plane(
    images: NDArray[Any], labels: NDArray[np.int32], object_id: int
) -> NDArray[np.float64] | None:
    """Contrast of an object to its surroundings on each plane, relative to its best plane.

    Parameters
    ----------
    images, labels : ndarray
        (Z, Y, X) images and ids.
    object_id : int
        The object.

    Returns
    -------
    ndarray or None
        (Z,) 1 on the best plane, 0 where the object has no pixel, below 0 where it is dark instead
        of bright; None if the object differs less from its surroundings than these vary.
    """
    contrasts, noise = np.zeros(len(labels)), np.zeros(len(labels))
    for z, plane in enumerate(labels):
        mask = plane == object_id
        if not mask.any():
            continue
        part = _around(mask)
        around = ndimage.binary_dilation(mask[part], iterations=RING) & (plane[part] == 0)
        if around.any():
            ring = images[z][part][around].astype(np.float64)
            contrasts[z] = images[z][part][mask[part]].mean() - ring.mean()
            noise[z] = ring.std()
    best = int(np.abs(contrasts).argmax())
    if abs(contrasts[best]) <= noise[best]:
        return None
    relative: NDArray[np.float64] = contrasts / contrasts[best]
    return relative


def _around(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of a mask with a margin for the ring around it."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    low = max(int(rows[0]) - RING, 0), max(int(columns[0]) - RING, 0)
    return slice(low[0], int(rows[-1]) + RING + 1), slice(low[1], int(columns[-1]) + RING + 1)

"""Labels as writers take them: an array of one or more frames, read frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import ArrayLike
from napari_sam2.io.movie import lazy_stack


def shape_of_labels(labels: ArrayLike) -> tuple[int, ...]:
    """Shape of labels that can be written.

    Raises
    ------
    ValueError
        If they have other axes than (T, Y, X) or (Y, X), or no pixels.
    TypeError
        If they are not integers.
    """
    shape = tuple(int(size) for size in labels.shape)
    if len(shape) not in (2, 3):
        raise ValueError(f"labels must be (T, Y, X) or (Y, X); got an array of shape {shape}")
    if 0 in shape:
        raise ValueError(f"labels have no pixels: their shape is {shape}")
    if np.dtype(labels.dtype).kind not in "uib":
        raise TypeError(f"labels must be integers; got {labels.dtype}")
    return shape


def planes_of_volumes(labels: ArrayLike) -> ArrayLike:
    """All planes of labels of volumes, (T, Z, Y, X), as (T * Z, Y, X), read one at a time.

    Raises
    ------
    ValueError
        If they have other axes, or no pixels.
    TypeError
        If they are not integers.
    """
    shape = tuple(int(size) for size in labels.shape)
    if len(shape) != 4:
        raise ValueError(f"labels of volumes must be (T, Z, Y, X); got an array of shape {shape}")
    planes: ArrayLike = lazy_stack(
        lambda number: np.asarray(labels[divmod(number, shape[1])]),
        (shape[0] * shape[1], *shape[2:]),
        np.dtype(labels.dtype),
    )
    shape_of_labels(planes)
    return planes


class VolumesOfPlanes:
    """Labels of volumes over time, (T, Z, Y, X), of which all planes are a stack.

    Parameters
    ----------
    labels : (T * Z, Y, X) array-like of integers
        The planes, one volume after the other; read one at a time.
    planes : int
        Planes of each volume, Z.
    """

    def __init__(self, labels: ArrayLike, planes: int) -> None:
        self.stack = labels
        self.planes = planes
        length, *plane = (int(size) for size in labels.shape)
        self.shape = (length // planes, planes, *plane)
        self.dtype = np.dtype(labels.dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """The volume ``labels[t]``, or the plane ``labels[t, z]``."""
        t, z = key if isinstance(key, tuple) else (key, None)
        if not 0 <= t < self.shape[0] or not (z is None or 0 <= z < self.planes):
            raise IndexError(f"{key} is outside the volumes of {self.shape}")
        if z is not None:
            return np.asarray(self.stack[t * self.planes + z])
        first = t * self.planes
        return np.stack([np.asarray(self.stack[first + z]) for z in range(self.planes)])

    def __array__(self, *args: Any, **options: Any) -> NDArray[Any]:
        """All volumes in memory."""
        return np.stack([self[t] for t in range(self.shape[0])]).astype(*args)


def volumes_of_planes(labels: ArrayLike, planes: int) -> ArrayLike:
    """(T, Z, Y, X) labels of (T * Z, Y, X) planes: a view of an array of numpy, or read on demand.

    Parameters
    ----------
    labels : (T * Z, Y, X) array-like of integers
    planes : int
        Planes of each volume, Z.
    """
    if isinstance(labels, np.ndarray):
        return labels.reshape(-1, planes, *labels.shape[1:])
    return VolumesOfPlanes(labels, planes)


def frames_of_labels(labels: ArrayLike) -> Iterator[NDArray[Any]]:
    """Frames of labels, (Y, X) each, read one at a time; a single image is one frame."""
    if len(labels.shape) == 2:
        yield np.asarray(labels)
    else:
        for t in range(labels.shape[0]):
            yield np.asarray(labels[t])


def largest_id(labels: ArrayLike) -> int:
    """Largest id of labels.

    Raises
    ------
    ValueError
        If an id is negative, or too large for uint32.
    """
    largest = 0
    for t, frame in enumerate(frames_of_labels(labels)):
        low, high = int(frame.min()), int(frame.max())
        if low < 0 or high > np.iinfo(np.uint32).max:
            wrong = low if low < 0 else high
            raise ValueError(
                f"object ids must be 0 to {np.iinfo(np.uint32).max}; frame {t} has {wrong}"
            )
        largest = max(largest, high)
    return largest


def smallest_type(largest: int) -> np.dtype[Any]:
    """Type of the pixels of a file: uint16, or uint32 where an id is above 65535."""
    return np.dtype(np.uint16 if largest <= np.iinfo(np.uint16).max else np.uint32)

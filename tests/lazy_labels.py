"""Labels that are read one frame at a time, and know what is asked of them."""

from __future__ import annotations

import weakref

import numpy as np


class LazyLabels:
    """(T, Y, X) labels on an imaginary disk.

    Attributes
    ----------
    asked : list of int
        The frames that were read, in their order.
    most_alive : int
        The largest number of frames that were in memory at the same time.
    """

    def __init__(self, labels: np.ndarray) -> None:
        self._labels = labels
        self.shape, self.dtype, self.ndim = labels.shape, labels.dtype, labels.ndim
        self.asked: list[int] = []
        self.most_alive = 0
        self._alive: weakref.WeakSet[_Frame] = weakref.WeakSet()

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        raise MemoryError("the whole movie does not fit into memory")

    def __getitem__(self, t: int) -> np.ndarray:
        self.asked.append(t)
        plane = _Frame(self._labels[t].copy())
        self._alive.add(plane)
        self.most_alive = max(self.most_alive, len(self._alive))
        return np.frombuffer(plane, self.dtype).reshape(self.shape[1:])


class _Frame(bytearray):
    """Pixels of a frame; arrays over it keep it alive."""

    def __init__(self, plane: np.ndarray) -> None:
        super().__init__(plane.tobytes())

    __hash__ = object.__hash__  # type: ignore[assignment]

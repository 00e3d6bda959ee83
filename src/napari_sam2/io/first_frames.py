"""The first frames of a movie that has got more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import ArrayLike


class FirstFrames:
    """The first frames of an array, which are read when they are needed.

    Parameters
    ----------
    data : (T, ...) array-like
        The whole movie.
    length : int
        How many frames are taken.
    """

    def __init__(self, data: ArrayLike, length: int) -> None:
        self._data = data
        self.shape = (length, *(int(size) for size in data.shape[1:]))
        self.dtype = np.dtype(data.dtype)

    def __getitem__(self, t: int, /) -> NDArray[Any]:
        """Frame `t`, counted from 0."""
        if not 0 <= t < self.shape[0]:
            raise IndexError(f"frame {t} is outside the first {self.shape[0]} frames")
        return np.asarray(self._data[t])

    def __array__(self, *arguments: Any, **options: Any) -> NDArray[Any]:
        """All of these frames in memory."""
        return np.asarray(np.stack([self[t] for t in range(self.shape[0])]), *arguments)

"""Stacks that fail in the ways in which files do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Faulty:
    """A lazy stack whose frames may raise.

    Parameters
    ----------
    images : (T, Y, X) array
    fault : callable
        Called with the frame before it is read; raises what the frame should.
    """

    def __init__(self, images: np.ndarray, fault: Callable[[int], None]) -> None:
        self._images = images
        self.fault = fault
        self.shape, self.dtype, self.ndim = images.shape, images.dtype, images.ndim
        self.reads = 0

    def __getitem__(self, key: Any) -> Any:
        t = key[0] if isinstance(key, tuple) else key
        if isinstance(t, int | np.integer):
            self.reads += 1
            self.fault(int(t))
        return self._images[key]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self._images, dtype)

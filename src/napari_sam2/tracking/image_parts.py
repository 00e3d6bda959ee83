"""Images of which parts are computed when they are needed, so that a large one fits into memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import Pixels


class PartsOfImage:
    """An image that is computed from another one, part by part.

    Parameters
    ----------
    source : Pixels
        The other image.
    compute : callable
        Gives a part of this image from the same part of the other one, pixel by pixel.
    shape : tuple of int
        (Y, X, C) of this image.
    """

    def __init__(
        self,
        source: Pixels,
        compute: Callable[[NDArray[Any]], NDArray[np.float32]],
        shape: tuple[int, int, int],
    ) -> None:
        self._source, self._compute = source, compute
        self.shape = shape

    def __getitem__(self, key: Any, /) -> NDArray[np.float32]:
        """The part at some rows and columns."""
        return self._compute(self._source[key])

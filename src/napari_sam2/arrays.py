"""Protocols of stacks and images that are read in parts, and the border of an image."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class ArrayLike(Protocol):
    """An array in memory or on the disk: numpy, memory maps, dask and zarr offer this."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> Any:
        """Type of a pixel."""

    def __getitem__(self, key: Any, /) -> Any:
        """One frame, read now or when it is turned into a numpy array."""

    def __array__(self, *args: Any, **options: Any) -> NDArray[Any]:
        """The whole array in memory."""


class Pixels(Protocol):
    """An image, (Y, X) or (Y, X, C), of which parts are read or computed when they are indexed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    def __getitem__(self, key: Any, /) -> Any:
        """The part at some rows and columns, a numpy array."""


def is_at_border(mask: NDArray[np.bool_]) -> bool:
    """Whether a (Y, X) mask touches the border of the image."""
    inner = mask[1:-1, 1:-1]
    return bool(np.count_nonzero(inner) < np.count_nonzero(mask))

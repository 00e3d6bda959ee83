"""The protocol of a stack of images that is read one frame at a time."""

from __future__ import annotations

from typing import Any, Protocol

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

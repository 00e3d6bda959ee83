"""Pixel masks, stored as a crop, since cells are much smaller than their frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_sam2.tracking.windows import Extent, Window

CroppedMask = tuple[tuple[slice, slice], NDArray[np.bool_]]
"""Rows and columns of the image, and the (h, w) bool pixels in them."""
FEW = 2**16  # largest label for which a table of boxes is used


@dataclass(frozen=True, eq=False)
class PixelMask:
    """A (Y, X) mask, stored as a crop; `numpy.asarray` returns the whole mask.

    Attributes
    ----------
    shape : tuple of int
        (Y, X) of the frame.
    corner : tuple of int
        First row and column of the box.
    crop : ndarray
        (h, w) bool pixels of the box; shape (0, 0) if the mask is empty.

    Raises
    ------
    ValueError
        If the box exceeds the frame.
    """

    shape: tuple[int, int]
    corner: tuple[int, int]
    crop: NDArray[np.bool_]

    def __repr__(self) -> str:
        """Number of pixels and position, without the pixels."""
        return f"PixelMask({int(self.crop.sum())} pixels at {self.corner} of {self.shape})"

    def __post_init__(self) -> None:
        is_box = self.crop.ndim == 2 and self.crop.dtype == np.bool_ and min(self.corner) >= 0
        ends = np.add(self.corner, self.crop.shape) if is_box else np.array([np.inf])
        if (ends > self.shape).any():
            raise ValueError(f"a box at {self.corner} does not lie in a frame of {self.shape}")

    @classmethod
    def of(cls, mask: ArrayLike | PixelMask) -> PixelMask:
        """Convert a (Y, X) bool mask; a `PixelMask` is returned unchanged."""
        if isinstance(mask, PixelMask):
            return mask
        pixels = np.asarray(mask, dtype=bool)
        found = ndimage.find_objects(pixels.view(np.uint8)) if pixels.size else []
        rows, columns = found[0] if found else (slice(0, 0), slice(0, 0))
        height, width = pixels.shape
        return cls((height, width), (rows.start, columns.start), pixels[rows, columns].copy())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The whole (Y, X) mask."""
        full = np.zeros(self.shape, bool if dtype is None else dtype)
        full[self.window] = self.crop
        return full

    def __getitem__(self, key: Any) -> Any:
        """Index the whole mask like an array."""
        return self.full()[key]

    def full(self) -> NDArray[np.bool_]:
        """The whole (Y, X) mask as a new array."""
        return np.asarray(self)

    def any(self) -> bool:
        """Whether the mask has any pixel."""
        return self.crop.size > 0

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the box."""
        (y0, x0), (height, width) = self.corner, self.crop.shape
        return slice(y0, y0 + height), slice(x0, x0 + width)

    @property
    def extent(self) -> Extent | None:
        """Edges of the box in pixels, (y0, x0, y1, x1); None if the mask is empty."""
        if not self.any():
            return None
        rows, columns = self.window
        return float(rows.start), float(columns.start), float(rows.stop), float(columns.stop)

    def is_same(self, other: PixelMask) -> bool:
        """Whether two masks have the same pixels."""
        return (self.shape, self.corner) == (other.shape, other.corner) and np.array_equal(
            self.crop, other.crop
        )

    def cut(self, window: Window) -> NDArray[np.float32]:
        """(height, width) float32 part of the mask in a window, 0 beyond the border."""
        seen = np.zeros((window.height, window.width), np.float32)
        y0, x0 = self.corner[0] - window.y0, self.corner[1] - window.x0
        part = self.crop[max(-y0, 0) :, max(-x0, 0) :]
        there = seen[max(y0, 0) :, max(x0, 0) :]
        height, width = np.minimum(part.shape, there.shape)
        there[:height, :width] = part[:height, :width]
        return seen


def shared_pixels(one: CroppedMask, other: CroppedMask) -> int:
    """Number of pixels that two masks of one image share; each is given as window and crop."""
    starts = [max(a.start, b.start) for a, b in zip(one[0], other[0], strict=True)]
    stops = [min(a.stop, b.stop) for a, b in zip(one[0], other[0], strict=True)]
    if any(start >= stop for start, stop in zip(starts, stops, strict=True)):
        return 0
    parts = (
        crop[
            starts[0] - window[0].start : stops[0] - window[0].start,
            starts[1] - window[1].start : stops[1] - window[1].start,
        ]
        for window, crop in (one, other)
    )
    return int(np.logical_and(*parts).sum())


def masks_of(labels: NDArray[np.integer[Any]]) -> dict[int, PixelMask]:
    """The mask of each label of a frame.

    Parameters
    ----------
    labels : ndarray
        (Y, X) integers, 0 is background; negative labels are not allowed.

    Returns
    -------
    dict of int to PixelMask
        Masks in ascending order of the labels.
    """
    numbers = np.arange(int(labels.max(initial=0)) + 1) if labels.max(initial=0) < FEW else None
    if numbers is None:  # large labels would need a large table of boxes
        numbers, flat = np.unique(np.append(0, labels), return_inverse=True)
        labels = flat[1:].reshape(labels.shape)
    narrow = labels if labels.dtype.itemsize <= 4 else labels.astype(np.int32)
    found = ndimage.find_objects(narrow) if labels.size else []
    return {
        int(numbers[place]): PixelMask(
            (labels.shape[0], labels.shape[1]),
            (box[0].start, box[1].start),
            labels[box] == place,
        )
        for place, box in enumerate(found, start=1)
        if box is not None
    }

"""Images of which parts are computed when they are needed, so that a large one fits into memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_sam2.arrays import Pixels
from napari_sam2.tracking.windows import Window

STRIP = 2**21  # pixels of a large image that are read at once


def shrunk(image: Pixels, window: Window, size: int) -> NDArray[np.float32]:
    """A window of a large image in the size of the network's input, read strip by strip.

    The pixels are those of PyTorch's antialiased bilinear interpolation, up to rounding.

    Parameters
    ----------
    image : Pixels
        (Y, X, C) float32.
    window : Window
        Inside of the image.
    size : int
        Rows and columns of the result.

    Returns
    -------
    ndarray
        (size, size, C) float32.
    """
    down, right = _shrinking(window.height, size), _shrinking(window.width, size)
    columns = slice(window.x0, window.x0 + window.width)
    rows = max(STRIP // window.width, 1)
    total = np.zeros((image.shape[2], size, size))
    for start in range(0, window.height, rows):
        stop = min(start + rows, window.height)
        strip = np.asarray(image[window.y0 + start : window.y0 + stop, columns])
        for channel in range(image.shape[2]):
            narrow = (right @ strip[..., channel].T).T
            total[channel] += down[:, start:stop] @ narrow
    return np.ascontiguousarray(total.transpose(1, 2, 0), np.float32)


def _shrinking(length: int, size: int) -> csr_array:
    """(size, length) weights of the triangles that antialias one axis."""
    step = length / size
    reach = max(step, 1.0)
    middles = step * (np.arange(size) + 0.5)
    first = np.maximum(middles - reach + 0.5, 0).astype(int)
    last = np.minimum(middles + reach + 0.5, length).astype(int)
    places = [np.arange(start, stop) for start, stop in zip(first, last, strict=True)]
    weights = [
        np.maximum(1 - np.abs((place + 0.5 - middle) / reach), 0)
        for place, middle in zip(places, middles, strict=True)
    ]
    shares = np.concatenate([weight / weight.sum() for weight in weights])
    ends = np.concatenate([[0], np.cumsum([len(place) for place in places])])
    return csr_array((shares, np.concatenate(places), ends), shape=(size, length))


def stretched(image: Pixels, low: float, high: float) -> PartsOfImage:
    """An image with the levels from `low` to `high` stretched to 0..1.

    Parameters
    ----------
    image : Pixels
        (Y, X, C) float32.
    low, high : float
        What becomes black and white.
    """

    def stretch(part: NDArray[Any]) -> NDArray[np.float32]:
        seen = (part - np.float32(low)) / np.float32(max(high - low, 1e-6))
        return np.asarray(np.clip(seen, 0, 1, out=seen))

    return PartsOfImage(image, stretch, (image.shape[0], image.shape[1], image.shape[2]))


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

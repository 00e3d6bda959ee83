"""Object ids from images of other programs: floats, bool, and grey pictures saved in colour."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.io.movie import Movie, lazy_stack

_LARGEST_ID = np.iinfo(np.uint32).max


def as_object_ids(movie: Movie) -> Movie:
    """The movie with whole numbers as pixels; the first frame is read as a check.

    Parameters
    ----------
    movie : Movie
        Integers are left as they are. Bool becomes 0 and 1, whole floats integers, and pictures in
        colour, with opacity or without, become grey.

    Raises
    ------
    TypeError
        If the first frame has colours that differ, or numbers that are not whole. A later frame
        raises it when it is read.
    ValueError
        If a number of the first frame is no id of an object.
    """
    kind = np.dtype(movie.data.dtype).kind
    if not movie.rgb and kind in "ui":
        return movie
    dtype = np.dtype(np.uint8) if kind == "b" else np.dtype(np.uint32)
    if kind in "ui":
        dtype = np.dtype(movie.data.dtype)

    def read_frame(t: int) -> NDArray[Any]:
        return _whole(_grey(movie.frame(t), t, movie.name), t, movie.name).astype(dtype)

    read_frame(0)
    return replace(movie, data=lazy_stack(read_frame, movie.shape, dtype), rgb=False)


def _grey(frame: NDArray[Any], t: int, source: str) -> NDArray[Any]:
    if frame.ndim == 2:
        return frame
    grey: NDArray[Any] = frame[..., 0]
    if any((frame[..., place] != grey).any() for place in (1, 2)):
        raise TypeError(
            f"{source} holds colours on frame {t}; labels are one integer per pixel. Save them as "
            "a grey image"
        )
    return grey


def _whole(frame: NDArray[Any], t: int, source: str) -> NDArray[Any]:
    if frame.dtype.kind in "uib":
        return frame
    if not (np.isfinite(frame) & (np.floor(frame) == frame)).all():
        raise TypeError(
            f"{source} holds {frame.dtype} pixels that are not whole numbers on frame {t}; labels "
            "are one integer per pixel"
        )
    if frame.min() < 0 or frame.max() > _LARGEST_ID:
        raise ValueError(
            f"{source} holds ids from {frame.min():.0f} to {frame.max():.0f} on frame {t}; object "
            f"ids are 0 to {_LARGEST_ID}"
        )
    return frame

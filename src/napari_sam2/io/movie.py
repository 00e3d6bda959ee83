"""A movie as it comes from a file: an array that is read one frame at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import ArrayLike
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.selection import EVERYTHING, Selection

if TYPE_CHECKING:
    import dask.array as da


@dataclass(frozen=True, eq=False)
class Movie:
    """A time-lapse whose frames are read when they are needed.

    Parameters
    ----------
    data : (T, Y, X) or (T, Y, X, 3|4) array-like
        Lazy; a single image is a movie of one frame.
    rgb : bool
        Whether the last axis holds colours.
    scale : ImageScale
        As far as the file tells it.
    name : str
        Name of the file without its folder.
    path : Path, optional
        File or folder that the movie was opened from.
    note : str
        Which part of the file was taken, in words; empty where there was nothing to choose.
    selection : Selection
        Which part of the file was asked for.
    shown_limits : (float, float), optional
        Values that the file says are shown as black and white; see `Frames`.
    """

    data: ArrayLike
    rgb: bool
    scale: ImageScale = field(default_factory=ImageScale)
    name: str = ""
    path: Path | None = None
    note: str = ""
    selection: Selection = EVERYTHING
    shown_limits: tuple[float, float] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X)."""
        t, y, x = self.data.shape[:3]
        return t, y, x

    def frame(self, t: int) -> NDArray[Any]:
        """One frame, (Y, X) or (Y, X, 3|4), in memory."""
        return np.asarray(self.data[t])


def lazy_stack(
    read_frame: Callable[..., NDArray[Any]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    *,
    leading: int = 1,
) -> da.Array:
    """An array whose frames are read by a function, one chunk per frame.

    Parameters
    ----------
    read_frame : callable
        From the index `t` to the frame, of `shape` without its first axis and of `dtype`. May be
        called from several threads.
    shape : (T, Y, X) or (T, Y, X, C)
    dtype : dtype
    leading : int
        Number of axes that count frames; `read_frame` takes an index along each of them.
    """
    import dask.array as da  # slow to import, and not needed for arrays in memory

    def read_block(block_id: tuple[int, ...]) -> NDArray[Any]:
        return read_frame(*block_id[:leading])[(np.newaxis,) * leading]

    chunks = (*((1,) * count for count in shape[:leading]), *((size,) for size in shape[leading:]))
    meta = np.empty((0,) * len(shape), dtype=dtype)
    name = f"frames-{uuid4().hex}"  # dask would pickle and hash the whole image to find a name
    stack: da.Array = da.map_blocks(read_block, chunks=chunks, dtype=dtype, meta=meta, name=name)
    return stack

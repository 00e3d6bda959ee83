"""Where the pixels of an image, and the labels to import, are read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.io.file_scale import ScaleSource

NOWHERE = -1


@dataclass(frozen=True, eq=False)
class ImageSource:
    """What the engine needs to know of an image layer.

    Parameters
    ----------
    data : array-like
        (Y, X), (T, Y, X), or the same with 3 or 4 colours last; read one frame at a time by the
        inference thread.
    rgb : bool
        Whether the last axis is colour.
    contrast_limits : (float, float), optional
        Black and white as the user has set them; None leaves them to robust percentiles.
    name : str
        As the user knows it.
    path : str, optional
        The file that it came from.
    scale : ScaleSource, optional
        What the layer tells of axes and scale, and the file that tells the rest.
    project : str, optional
        The project to go on with.
    """

    data: Any
    rgb: bool = False
    contrast_limits: tuple[float, float] | None = None
    name: str = ""
    path: str | None = None
    scale: ScaleSource | None = None
    project: str | None = None


@dataclass(frozen=True, eq=False)
class LabelSource:
    """Where the labels of each pixel of a stack are found; nothing is read before it is asked for.

    Parameters
    ----------
    name : str
        Of the layer.
    data : array-like
        (Y', X') or (T', Y', X') integers; read one frame at a time.
    frames : (T,) integers or None
        Frame of `data` for each frame of the stack, -1 where there is none; None if `data` is a
        single frame, which then suits any frame.
    rows, columns : (Y,) and (X,) integers
        Row and column of `data` for each pixel of the stack, -1 outside.
    """

    name: str
    data: Any
    frames: NDArray[np.intp] | None
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the labels of a frame."""
        dtype = np.dtype(self.data.dtype)
        return np.dtype(np.uint8) if dtype.kind == "b" else dtype

    def read(self, t: int) -> NDArray[np.integer[Any]]:
        """(Y, X) labels on frame `t` of the stack; 0 where the layer has nothing."""
        if self.frames is None:
            plane = np.asarray(self.data[...])
            plane = plane.reshape(plane.shape[-2:])
        elif self.frames[t] == NOWHERE:
            return np.zeros((len(self.rows), len(self.columns)), np.uint8)
        else:
            plane = np.asarray(self.data[int(self.frames[t])])
        if plane.dtype == bool:
            plane = plane.astype(np.uint8)
        seen = plane[np.ix_(self.rows.clip(0), self.columns.clip(0))].copy()
        seen[self.rows == NOWHERE] = 0
        seen[:, self.columns == NOWHERE] = 0
        return seen


class LabelStack:
    """Labels of a source as a (T, Y, X) array that is read one frame at a time.

    Parameters
    ----------
    source : LabelSource
        Where the labels are found.
    shape : (int, int, int)
        (T, Y, X) of the stack.
    label : int or None
        The only label that is taken; None takes all.
    """

    def __init__(self, source: LabelSource, shape: tuple[int, int, int], label: int | None) -> None:
        self._source = source
        self._label = label
        self._shape = shape

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, Y, X) of the stack."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the labels."""
        return self._source.dtype

    def __getitem__(self, t: int) -> NDArray[np.integer[Any]]:
        """(Y, X) labels of frame `t`."""
        labels = self._source.read(t)
        if self._label is not None:
            labels[labels != self._label] = 0
        return labels

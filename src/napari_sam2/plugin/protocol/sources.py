"""Sources of pixels and of labels for the inference thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.io.file_scale import ScaleSource

NOWHERE = -1


@dataclass(frozen=True, eq=False)
class ImageSource:
    """Data and metadata of an image layer that the engine needs.

    Parameters
    ----------
    data : array-like
        (Y, X) or (T, Y, X), or the same shapes with a last axis of 3 or 4 colours. The inference
        thread reads it one frame at a time.
    rgb : bool
        Whether the last axis is colour.
    contrast_limits : (float, float), optional
        Contrast limits set by the user; None selects robust percentiles.
    name : str
        Name of the layer.
    path : str, optional
        File from which the image was opened.
    scale : ScaleSource, optional
        Axes and scale of the layer, and the file from which missing values are read.
    project : str, optional
        Project folder to open.
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
    """Labels of a layer, mapped to the pixels of a stack and read on demand.

    Parameters
    ----------
    name : str
        Name of the layer.
    data : array-like
        (Y', X') or (T', Y', X') integers, read one frame at a time.
    frames : (T,) integers or None
        Frame of `data` for each frame of the stack, -1 where `data` has no frame; None if `data` is
        a single frame, which is then used for every frame.
    rows, columns : (Y,) and (X,) integers
        Row and column of `data` for each row and column of the stack, -1 outside of `data`.
    parents : mapping of int to int
        Label of a daughter to label of her mother.
    """

    name: str
    data: Any
    frames: NDArray[np.intp] | None
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    parents: Mapping[int, int] = field(default_factory=dict)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the labels; uint8 for boolean data."""
        dtype = np.dtype(self.data.dtype)
        return np.dtype(np.uint8) if dtype.kind == "b" else dtype

    def read(self, t: int) -> NDArray[np.integer[Any]]:
        """Read the (Y, X) labels of frame `t` of the stack; 0 outside of the layer."""
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
    """Array-like (T, Y, X) of the labels of a source, read one frame at a time.

    Parameters
    ----------
    source : LabelSource
        The labels.
    shape : (int, int, int)
        (T, Y, X) of the stack.
    label : int or None
        The only label to keep; None keeps all labels.
    """

    def __init__(self, source: LabelSource, shape: tuple[int, int, int], label: int | None) -> None:
        self._source = source
        self._label = label
        self._shape = shape

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the stack, (T, Y, X)."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the labels."""
        return self._source.dtype

    def __getitem__(self, t: int) -> NDArray[np.integer[Any]]:
        """Read the (Y, X) labels of frame `t`."""
        labels = self._source.read(t)
        if self._label is not None:
            labels[labels != self._label] = 0
        return labels

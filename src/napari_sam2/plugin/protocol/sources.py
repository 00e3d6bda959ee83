"""Sources of pixels and of labels for the inference thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.arrays import ArrayLike
    from napari_sam2.io.file_scale import ScaleSource
    from napari_sam2.io.selection import Selection

NOWHERE = -1


@dataclass(frozen=True, eq=False)
class ImageSource:
    """Data and metadata of an image layer that the engine needs.

    Parameters
    ----------
    data : array-like
        (Y, X) or (T, Y, X), or the same shapes with a last axis of 3 or 4 colours. The inference
        thread reads it one frame at a time. Where the layer has more axes, an `ImagePart`.
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
    selection : Selection, optional
        Which part of the layer `data` is; None for the whole layer.
    first_limits : FirstLimits, optional
        Contrast limits that the layer had when it was opened, which a reader may have given.
    paths : tuple of str
        All files, in their order, where each frame was chosen as a file.
    """

    data: Any
    rgb: bool = False
    contrast_limits: tuple[float, float] | None = None
    name: str = ""
    path: str | None = None
    scale: ScaleSource | None = None
    project: str | None = None
    selection: Selection | None = None
    first_limits: FirstLimits | None = None
    paths: tuple[str, ...] = ()

    @property
    def model_limits(self) -> tuple[float, float] | None:
        """Contrast limits for the model: those of the user, or else those that a reader gave.

        May read some frames, in the inference thread; None selects robust percentiles.
        """
        if self.contrast_limits is not None or self.first_limits is None:
            return self.contrast_limits
        return self.first_limits.given

    @property
    def layer_data(self) -> Any:
        """Data of the layer, with all of its axes."""
        return self.data.whole if isinstance(self.data, ImagePart) else self.data


class FirstLimits:
    """Contrast limits with which a layer was opened.

    Parameters
    ----------
    limits : (float, float)
        The limits.
    compute : callable
        Computes the limits that napari sets where a reader gives none; may read some frames.
    """

    def __init__(
        self, limits: tuple[float, float], compute: Callable[[], tuple[float, float]]
    ) -> None:
        self.limits = limits
        self._compute: Callable[[], tuple[float, float]] | None = compute

    @cached_property
    def given(self) -> tuple[float, float] | None:
        """The limits if a reader gave them; None if napari computed them."""
        assert self._compute is not None
        try:
            low, high = self._compute()
        except Exception:  # napari could not have computed limits of such data
            return self.limits
        finally:
            self._compute = None  # releases the data
        return None if (float(low), float(high)) == self.limits else self.limits


class ImagePart:
    """Array-like (T, Y, X) or (T, Y, X, C) of a part of a layer, read one frame at a time.

    Parameters
    ----------
    whole : array-like
        Data of the layer.
    letters : str
        One letter per axis of it, as in `ImageStack`.
    selection : Selection
        Channel and plane.
    shape : tuple of int
        Length of the axes of the part.
    name : str
        Name of the layer, for messages.

    Attributes
    ----------
    planes : int
        Planes of each volume in 3D, where the frames are the planes of all volumes; otherwise 1.
    """

    def __init__(
        self, whole: Any, letters: str, selection: Selection, shape: tuple[int, ...], name: str
    ) -> None:
        self.whole = whole
        self.letters = letters
        self._selection = selection
        self.name = name
        self.shape = shape
        self.planes = int(whole.shape[letters.index("Z")]) if selection.is_3d else 1
        is_computed = selection.is_mix or selection.z == "mean"
        self.dtype = np.dtype(np.float32) if is_computed else np.dtype(whole.dtype)

    @cached_property
    def _movie(self) -> ArrayLike:
        """The part as a movie, made in the thread that reads the first frame."""
        from napari_sam2.io.stack import ImageStack
        from napari_sam2.io.volume_stack import part_of_stack

        stack = ImageStack(self.whole, self.letters, name=self.name)
        return part_of_stack(stack, replace(self._selection, axes=None)).data

    def other(self, selection: Selection) -> ImagePart | None:
        """Another part of the same layer; None if it belongs to other axes."""
        if selection.axes != self.letters.replace("1", "").removesuffix("S"):
            return None
        colours = (3,) if selection.is_mix else self.shape[3:] if self.letters[-1] == "S" else ()
        planes = int(self.whole.shape[self.letters.index("Z")]) if selection.is_3d else 1
        shape = (self.shape[0] // self.planes * planes, *self.shape[1:3], *colours)
        return ImagePart(self.whole, self.letters, selection, shape, self.name)

    def __getitem__(self, t: int) -> NDArray[Any]:
        """Read frame `t`, (Y, X) or (Y, X, C)."""
        return np.asarray(self._movie[t])

    def __array__(self, *args: Any, **options: Any) -> NDArray[Any]:
        """Read all frames."""
        return np.asarray(self._movie, *args)


class VolumePlanes:
    """The planes of labels of volumes, one volume after the other, read one at a time.

    Parameters
    ----------
    volumes : (T, Z, Y, X) array-like of integers
    planes : int
        Planes of each volume, Z.
    """

    def __init__(self, volumes: Any, planes: int) -> None:
        self._volumes = volumes
        self._planes = planes
        self.dtype = np.dtype(volumes.dtype)

    def __getitem__(self, number: int) -> NDArray[Any]:
        """(Y, X) labels of a plane."""
        return np.asarray(self._volumes[divmod(number, self._planes)])


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

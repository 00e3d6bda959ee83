"""All images of a file with all of their axes, and the movie that a selection makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_sam2.io.axes import MovieAxes, resolve_axes
from napari_sam2.io.movie import Movie, lazy_stack
from napari_sam2.io.projection import project
from napari_sam2.io.scale import Step, scale_of_steps
from napari_sam2.io.selection import EVERYTHING, Selection

if TYPE_CHECKING:
    from napari_sam2.arrays import ArrayLike


Limits = tuple[float, float]


class Indexable(Protocol):
    """Pixels of any number of axes, of which one plane is read at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> Any:
        """Type of a pixel."""

    def __getitem__(self, index: Any, /) -> Any:
        """The part at an index of one number or slice per axis."""


@dataclass(frozen=True, eq=False)
class ImageStack:
    """All images of a file.

    Parameters
    ----------
    data : Indexable
        Its pixels; a plane is read when it is indexed.
    axes : str
        One letter per axis, see `resolve_axes`.
    steps : mapping of str to (number, unit)
        Steps along the axes "t", "z", "y" and "x", as far as the file tells them.
    name : str
        Name of the file, for messages.
    origins : mapping of str to (number, unit)
        Position of the first pixel along the same axes, as far as the file tells it.
    shown_limits : tuple of (float, float) or None
        For each channel, the values that the file says are shown as black and white; empty where it
        says nothing.
    """

    data: Indexable
    axes: str
    steps: Mapping[str, Step] = field(default_factory=dict)
    name: str = ""
    origins: Mapping[str, Step] = field(default_factory=dict)
    shown_limits: Sequence[Limits | None] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(self.data.shape)

    def limits_of(self, channel: int) -> Limits | None:
        """The values of a channel that are shown as black and white; None where nothing says so."""
        return self.shown_limits[channel] if channel < len(self.shown_limits) else None


def limits(low: object, high: object) -> Limits | None:
    """Limits of a contrast as a file has them; None if they are not two ascending numbers."""
    try:
        pair = float(low), float(high)  # type: ignore[arg-type]  # anything may be in a file
    except (TypeError, ValueError):
        return None
    return pair if all(map(math.isfinite, pair)) and pair[0] < pair[1] else None


def movie_of(stack: ImageStack, selection: Selection = EVERYTHING) -> Movie:
    """The movie that a selection makes of a stack; no frame is read.

    Raises
    ------
    ValueError
        See `resolve_axes`.
    """
    axes = resolve_axes(stack.axes, stack.shape, stack.name, selection)
    planes = StackPlanes(stack.data, axes)
    if selection.is_mix:
        data: ArrayLike = _mixed(planes, axes, selection, stack)
    else:
        data = planes.view() if planes.is_view else planes.channel(axes.channels[0])
    scale = scale_of_steps(stack.steps, axes.frame_axis, stack.origins)
    is_rgb = axes.colours > 0 or selection.is_mix
    return Movie(
        data,
        rgb=is_rgb,
        scale=scale.of_frames(axes.frames.start, axes.frames.step),
        name=stack.name,
        note=axes.note,
        selection=selection,
        shown_limits=None if is_rgb else stack.limits_of(axes.channels[0]),
    )


class StackPlanes:
    """Frames of a stack, read plane by plane.

    Parameters
    ----------
    data : Indexable
        Pixels of the stack.
    axes : MovieAxes
        What its axes are.
    """

    def __init__(self, data: Indexable, axes: MovieAxes) -> None:
        self._data, self._axes = data, axes
        left = [(axes.rows, 0), (axes.columns, 1)]
        if axes.colour_place is not None:
            left.append((axes.colour_place, 2))
        self._order = tuple(np.argsort([target for _, target in sorted(left)]).tolist())

    @property
    def is_view(self) -> bool:
        """Whether frames are parts of an array, in memory or mapped, without a projection."""
        is_plane = self._axes.z_place is None or isinstance(self._axes.z, int)
        return is_plane and isinstance(self._data, np.ndarray)

    def view(self) -> NDArray[Any]:
        """The movie as a view of the array."""
        axes, frame = self._axes, self._axes.frame_place
        index = list(self._index(0, axes.channels[0], axes.z if isinstance(axes.z, int) else 0))
        if frame is None:
            return self._in_order(self._data[tuple(index)])[np.newaxis]
        index[frame] = slice(axes.frames.start, axes.frames.stop, axes.frames.step)
        left = [place for place, part in enumerate(index) if isinstance(part, slice)]
        part: NDArray[Any] = np.moveaxis(self._data[tuple(index)], left.index(frame), 0)
        return part.transpose(0, *(1 + place for place in self._order))

    def channel(self, channel: int) -> ArrayLike:
        """The movie of a channel, whose frames are read when they are needed."""
        axes = self._axes
        is_mean = axes.z_place is not None and axes.z == "mean"
        dtype = np.dtype(np.float32) if is_mean else np.dtype(self._data.dtype)
        return lazy_stack(lambda t: self.frame(t, channel), axes.shape, dtype)

    def frame(self, t: int, channel: int) -> NDArray[Any]:
        """One frame of the movie, (Y, X) or (Y, X, C)."""
        axes = self._axes
        frame, z = axes.frames[t], axes.z
        if axes.z_place is None or isinstance(z, int):
            return self._read(frame, channel, z if isinstance(z, int) else 0)
        focus_channel = axes.channels[0]  # all channels of a mix show the same plane
        return project(
            lambda plane: self._read(frame, channel, plane),
            lambda plane: self._read(frame, focus_channel, plane),
            axes.depth,
            z or "max",
        )

    def _read(self, frame: int, channel: int, plane: int) -> NDArray[Any]:
        return self._in_order(np.asarray(self._data[self._index(frame, channel, plane)]))

    def _index(self, frame: int, channel: int, plane: int) -> tuple[int | slice, ...]:
        axes = self._axes
        index: list[int | slice] = [0] * len(self._data.shape)
        for place in (axes.rows, axes.columns, axes.colour_place):
            if place is not None:
                index[place] = slice(None)
        for place, part in (
            (axes.frame_place, frame),
            (axes.channel_place, channel),
            (axes.z_place, plane),
        ):
            if place is not None:
                index[place] = part
        return tuple(index)

    def _in_order(self, image: NDArray[Any]) -> NDArray[Any]:
        return image.transpose(self._order)


def _mixed(
    planes: StackPlanes, axes: MovieAxes, selection: Selection, stack: ImageStack
) -> ArrayLike:
    """Channels as red, green and blue between 0 and 1, each with the contrast of its movie."""
    from napari_sam2.tracking.frames import Frames  # loads the network, only where it is needed

    channels = [
        Frames(planes.channel(channel), shown_limits=stack.limits_of(channel))
        for channel in axes.channels
    ]

    def read_frame(t: int) -> NDArray[np.float32]:
        mix = np.zeros((axes.height, axes.width, 3), np.float32)
        for place, (frames, weight) in enumerate(zip(channels, selection.weights, strict=True)):
            mix[..., place] = frames.read(t)[..., 0] * np.float32(weight)
        return mix

    return lazy_stack(read_frame, (*axes.shape, 3), np.dtype(np.float32))

"""Scale of an array that another program read from a file without all of the metadata."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.io.scale import FrameAxis, ImageScale, scale_of_steps

if TYPE_CHECKING:
    from napari_sam2.io.stack import ImageStack

_FRAME_AXES: tuple[tuple[str, FrameAxis | None], ...] = (
    ("T", "t"),
    ("Z", "z"),
    ("I", None),
    ("Q", None),
)


@dataclass(frozen=True)
class ScaleSource:
    """Known scale of an array in memory, and the file that may hold the rest of the scale.

    Parameters
    ----------
    known : ImageScale
        Scale that the owner of the array gives; it has priority over that of the file.
    shape : tuple of int
        Length of its axes without colours, (Y, X), (frames, Y, X), or (T, Z, Y, X) in 3D.
    path : path, optional
        File or folder that the array was read from.
    """

    known: ImageScale
    shape: tuple[int, ...]
    path: str | os.PathLike[str] | None = None

    def read(self) -> ImageScale:
        """The scale; opens the file, but reads no image of a file that holds several."""
        if self.path is None:
            return self.known
        found = file_scale(self.path, self.shape, self.known.frame_axis)
        return self.known.completed_by(found)


def file_scale(
    path: str | os.PathLike[str], shape: tuple[int, ...], frame_axis: FrameAxis | None = None
) -> ImageScale:
    """Scale of a movie or stack in a file, which may hold other channels or axes beside it.

    Parameters
    ----------
    path : path
        File or folder; nothing is known from one that is missing or cannot be read.
    shape : tuple of int
        Length of the axes of the stack, (Y, X), (frames, Y, X) or (T, Z, Y, X). Where frames of
        the file have another size, nothing is known; where none of its axes has that many frames,
        no interval or spacing.
    frame_axis : {"t", "z"}, optional
        Axis along which frames are stacked; None: the axis of the file.
    """
    place = Path(path)
    try:
        stack = _stack_of_file(place)
    except (OSError, ValueError):
        return ImageScale()
    steps, by_axis = stack.steps, dict(zip(stack.axes, stack.shape, strict=True))
    if (by_axis.get("Y"), by_axis.get("X")) != tuple(shape[-2:]):
        return ImageScale()
    if len(shape) == 4 and (by_axis.get("T", 1), by_axis.get("Z")) == tuple(shape[:2]):
        return scale_of_steps(steps, "tz", stack.origins)
    names = [name for name, _ in _FRAME_AXES if len(shape) == 3 and by_axis.get(name) == shape[0]]
    if not names:
        plane, placed = (
            {axis: one[axis] for axis in "yx" if axis in one} for one in (steps, stack.origins)
        )
        return scale_of_steps(plane, frame_axis, placed)
    return scale_of_steps(steps, frame_axis or dict(_FRAME_AXES)[names[0]], stack.origins)


def _stack_of_file(place: Path) -> ImageStack:
    """All axes of a file.

    The readers are imported here, where a file is read: the window makes a `ScaleSource` before the
    first click, and dask, zarr and the video reader take most of a second to import.
    """
    from napari_sam2.io.movies import open_stack

    try:
        return open_stack(place)
    except ValueError:  # a file of several images of one scale
        return open_stack(place, series=0)

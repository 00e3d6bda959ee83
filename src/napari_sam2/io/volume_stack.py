"""Volumes over time that a selection makes of all images of a file, and their planes as a movie."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import ArrayLike
from napari_sam2.io.axes import MovieAxes, lengths_text, plane_text, resolve_axes
from napari_sam2.io.movie import Movie, lazy_stack
from napari_sam2.io.selection import EVERYTHING, IN_3D, Selection
from napari_sam2.io.stack import ImageStack, StackPlanes, movie_of
from napari_sam2.io.volume_scale import VolumeScale


@dataclass(frozen=True, eq=False)
class VolumeMovie:
    """Volumes over time whose planes are read when they are needed.

    Parameters
    ----------
    data : (T, Z, Y, X) array-like
        Lazy; a single volume has one time point.
    scale : VolumeScale
        As far as the file tells it.
    name : str
        Name of the file without its folder.
    path : Path, optional
        File or folder that the volumes were opened from.
    note : str
        Which part of the file was taken, in words.
    shown_limits : (float, float), optional
        Values that the file says are shown as black and white.
    """

    data: ArrayLike
    scale: VolumeScale = field(default_factory=VolumeScale)
    name: str = ""
    path: Path | None = None
    note: str = ""
    shown_limits: tuple[float, float] | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X)."""
        t, z, y, x = self.data.shape
        return t, z, y, x

    def volume(self, t: int) -> NDArray[Any]:
        """(Z, Y, X) of a time point, in memory."""
        return np.asarray(self.data[t])


def volumes_of(stack: ImageStack, selection: Selection = EVERYTHING) -> VolumeMovie:
    """The volumes that a selection makes of a stack, with all planes; no plane is read.

    Raises
    ------
    ValueError
        See `open_volumes`.
    """
    if selection.is_mix:
        raise ValueError("volumes are tracked in one channel: choose one, as with --channel 0")
    axes = resolve_axes(stack.axes, stack.shape, stack.name, replace(selection, z=0))
    _check_depth(axes, stack)
    planes = [StackPlanes(stack.data, replace(axes, z=z)) for z in range(axes.depth)]
    data = lazy_stack(
        lambda t, z: planes[z].frame(t, axes.channels[0]),
        (len(axes.frames), axes.depth, axes.height, axes.width),
        np.dtype(stack.data.dtype),
        leading=2,
    )
    note = axes.note.replace(plane_text(0, axes.depth), f"all {axes.depth} planes, in 3D")
    scale = VolumeScale.of_steps(stack.steps, stack.origins)
    scale = scale.of_frames(axes.frames.start, axes.frames.step)
    return VolumeMovie(data, scale, stack.name, None, note, stack.limits_of(axes.channels[0]))


def _check_depth(axes: MovieAxes, stack: ImageStack) -> None:
    text = lengths_text(stack.axes, stack.shape)
    if axes.z_place is None:
        raise ValueError(
            f"{stack.name} ({text}) cannot be tracked in 3D: it has one plane. Track it without "
            "--z, or say which axis is depth, as with --axes TZYX"
        )
    if axes.colours:
        raise ValueError(f"{stack.name} ({text}) is in colour; volumes are grey images")


def part_of_stack(stack: ImageStack, selection: Selection = EVERYTHING) -> Movie:
    """The movie that a selection makes of a stack; in 3D its frames are the planes of all volumes.

    Raises
    ------
    ValueError
        See `resolve_axes` and `volumes_of`.
    """
    return planes_of_stack(stack, selection) if selection.is_3d else movie_of(stack, selection)


def planes_of_stack(stack: ImageStack, selection: Selection = EVERYTHING) -> Movie:
    """All planes of the volumes of a stack as a movie, one volume after the other.

    Raises
    ------
    ValueError
        See `volumes_of`.
    """
    from napari_sam2.tracking.volume_planes import Planes  # loads the network, where it is needed

    volumes = volumes_of(stack, selection)
    return Movie(
        Planes(volumes.data),
        rgb=False,
        scale=volumes.scale.planes,
        name=volumes.name,
        note=volumes.note,
        selection=replace(selection, z=IN_3D),
        shown_limits=volumes.shown_limits,
    )

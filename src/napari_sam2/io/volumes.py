"""Open volumes over time, (T, Z, Y, X), from any file with an axis of depth."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from napari_sam2.io.movies import open_stack
from napari_sam2.io.selection import Selection
from napari_sam2.io.volume_stack import VolumeMovie, volumes_of

__all__ = ["VolumeMovie", "open_volumes", "volumes_of"]


def open_volumes(
    path: str | os.PathLike[str],
    *,
    axes: str | None = None,
    channel: int | None = None,
    frames: slice | None = None,
    series: int | None = None,
) -> VolumeMovie:
    """Open volumes over time without reading them.

    Parameters
    ----------
    path : path
        File or folder; see `open_movie`. A Z stack without time is one volume.
    axes : str, optional
        What each axis of the file is, as "TZYX"; default: what its metadata say.
    channel : int, optional
        Channel, where there are several.
    frames : slice, optional
        Range of time points.
    series : int, optional
        Which image of a file that holds several.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ValueError
        If there is no axis of depth or only one plane, the images are in colour, or something has
        to be chosen; the message names the choices.
    """
    selection = Selection(axes, channel, None, frames, series)
    stack = open_stack(path, series=series)
    return replace(volumes_of(stack, selection), path=Path(path))

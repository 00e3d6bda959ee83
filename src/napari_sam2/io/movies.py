"""Open a movie from any supported file or folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from napari_sam2.io.formats import is_zarr
from napari_sam2.io.image_folder import FRAME_SUFFIXES, folder_stack
from napari_sam2.io.movie import Movie
from napari_sam2.io.object_ids import as_object_ids
from napari_sam2.io.selection import Channel, In3D, Projection, Selection
from napari_sam2.io.stack import ImageStack
from napari_sam2.io.tiff_pages import opened_tiff, tiff_stack
from napari_sam2.io.video import VIDEO_SUFFIXES, open_gif, open_video
from napari_sam2.io.volume_stack import part_of_stack

__all__ = ["MOVIE_SUFFIXES", "Movie", "open_movie", "open_stack"]

TIFF_SUFFIXES = (".tif", ".tiff", ".stk", ".lsm", ".btf", ".tf8")
MOVIE_SUFFIXES = (*TIFF_SUFFIXES, *VIDEO_SUFFIXES, ".gif", ".zarr")


def open_movie(
    path: str | os.PathLike[str],
    *,
    axes: str | None = None,
    channel: Channel | None = None,
    z: int | Projection | In3D | None = None,
    frames: slice | None = None,
    series: int | None = None,
    as_labels: bool = False,
) -> Movie:
    """Open a movie without reading its frames.

    TIFF (ImageJ, OME and others), folders of TIFF, PNG or JPEG images in natural order, MP4, AVI,
    MOV, MKV and GIF videos, and zarr arrays (OME-Zarr included). A single image is a movie of one
    frame. A Z stack, (Z, Y, X), is taken as a movie whose frames are its slices; its scale says so.

    Parameters
    ----------
    path : path
        File or folder.
    axes : str, optional
        What each axis of the file is, as "TCYX"; default: what its metadata say. See `Selection`.
    channel : int, sequence of int, or mapping of int to float, optional
        One channel, or two or three as red, green and blue, with weights or without.
    z : int or {"max", "mean", "focus", "3d"}, optional
        One plane, or a projection of all planes of each frame; or all planes in 3D, which are the
        frames of the movie then: plane z of time t is frame t * Z + z.
    frames : slice, optional
        Range of frames; frame 0 of the movie is the first of the range.
    series : int, optional
        Which image of a file that holds several.
    as_labels : bool
        Whether the pixels are object ids: in a folder of images with palettes these are the numbers
        in the palette, pictures in colour are taken where all colours agree, floats where they are
        whole, and JPEG images only where they have two levels. Of an OME-Zarr image with labels,
        these are opened.

    Returns
    -------
    Movie
        With ``data`` (T, Y, X) or (T, Y, X, 3|4), in the type of the file unless planes or channels
        are mixed; ``note`` describes the chosen part.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ValueError
        If its format is not supported, it is truncated, or a channel, a plane, an image or the
        meaning of an axis has to be chosen; the message names the choices.
    TypeError
        If labels were asked for and the pixels are none.
    """
    selection = Selection(axes, channel, z, frames, series)
    return open_selection(path, selection, as_labels=as_labels)


def open_selection(
    path: str | os.PathLike[str], selection: Selection, *, as_labels: bool = False
) -> Movie:
    """Open a part of a file; see `open_movie`."""
    stack = open_stack(path, series=selection.series, as_labels=as_labels)
    movie = replace(part_of_stack(stack, selection), path=Path(path))
    return as_object_ids(movie) if as_labels else movie


def open_stack(
    path: str | os.PathLike[str], *, series: int | None = None, as_labels: bool = False
) -> ImageStack:
    """Open all images of a file with all of its axes; see `open_movie`."""
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"there is no movie {file}")
    suffix = file.suffix.lower()
    if file.is_file() and suffix in TIFF_SUFFIXES:
        with opened_tiff(file) as tif:
            return tiff_stack(tif, file.name, series)
    if series not in (None, 0):
        raise ValueError(f"{file.name} holds one image, 0; got {series}")
    if is_zarr(file):
        from napari_sam2.io.zarr_movie import zarr_stack  # imports zarr, which is slow

        return zarr_stack(file, as_labels=as_labels)
    if file.is_dir():
        return folder_stack(file, as_labels=as_labels)
    if suffix in VIDEO_SUFFIXES:
        return open_video(file)
    if suffix == ".gif":
        return open_gif(file)
    raise ValueError(
        f"{file.name} is not a movie that can be read; expected one of "
        f"{', '.join(MOVIE_SUFFIXES)}, or a folder of {', '.join(FRAME_SUFFIXES)} images"
    )

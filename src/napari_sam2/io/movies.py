"""Open a movie from any supported file or folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from napari_sam2.io.image_folder import FRAME_SUFFIXES, open_image_folder
from napari_sam2.io.movie import Movie
from napari_sam2.io.tiff_metadata import read_scale
from napari_sam2.io.tiff_pages import lazy_pages, opened_tiff
from napari_sam2.io.video import VIDEO_SUFFIXES, open_gif, open_video
from napari_sam2.io.zarr_movie import is_zarr, open_zarr

__all__ = ["MOVIE_SUFFIXES", "Movie", "open_movie"]

TIFF_SUFFIXES = (".tif", ".tiff", ".stk", ".lsm", ".btf", ".tf8")
MOVIE_SUFFIXES = (*TIFF_SUFFIXES, *VIDEO_SUFFIXES, ".gif", ".zarr")


def open_movie(path: str | os.PathLike[str], *, as_labels: bool = False) -> Movie:
    """Open a movie without reading its frames.

    TIFF (ImageJ, OME and others), folders of TIFF, PNG or JPEG images in natural order, MP4, AVI,
    MOV, MKV and GIF videos, and zarr arrays (OME-Zarr included). A single image is a movie of one
    frame. A Z stack, (Z, Y, X), is taken as a movie whose frames are its slices; its scale says so.

    Parameters
    ----------
    path : path
        File or folder.
    as_labels : bool
        Whether the pixels are object ids: in a folder of images with palettes these are the numbers
        in the palette, and JPEG images are refused.

    Returns
    -------
    Movie
        With ``data`` (T, Y, X) or (T, Y, X, 3|4) in the type of the file.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ValueError
        If its format is not supported, it is truncated, or it has other axes, which are named.
    """
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"there is no movie {file}")
    opener = _opener(file)
    if as_labels and opener is open_image_folder:
        opener = partial(open_image_folder, as_labels=True)
    return replace(opener(file), path=file)


def _opener(file: Path) -> Callable[[Path], Movie]:
    suffix = file.suffix.lower()
    if is_zarr(file):
        return open_zarr
    if file.is_dir():
        return open_image_folder
    if suffix in TIFF_SUFFIXES:
        return open_tiff
    if suffix in VIDEO_SUFFIXES:
        return open_video
    if suffix == ".gif":
        return open_gif
    raise ValueError(
        f"{file.name} is not a movie that can be read; expected one of "
        f"{', '.join(MOVIE_SUFFIXES)}, or a folder of {', '.join(FRAME_SUFFIXES)} images"
    )


def open_tiff(file: Path) -> Movie:
    """Open a TIFF movie; see `open_movie`."""
    with opened_tiff(file) as tif:
        data, axes = lazy_pages(tif, file.name)
        scale = read_scale(tif, axes.frame_axis)
    return Movie(data, rgb=axes.channels > 0, scale=scale, name=file.name)

"""A folder of images as a movie, one file per frame."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_sam2.io.axes import MovieAxes, resolve_axes
from napari_sam2.io.movie import Movie, lazy_stack
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tiff_metadata import read_scale
from napari_sam2.io.tiff_pages import lazy_pages, opened_tiff

_TIFF, _JPEG = (".tif", ".tiff"), (".jpg", ".jpeg")
_KINDS = {
    **dict.fromkeys(_TIFF, "TIFF"),
    ".png": "PNG",
    **dict.fromkeys(_JPEG, "JPEG"),
    ".bmp": "BMP",
    ".webp": "WebP",
    ".pgm": "PNM",
    ".ppm": "PNM",
}
FRAME_SUFFIXES = tuple(_KINDS)
LABEL_SUFFIXES = tuple(suffix for suffix in FRAME_SUFFIXES if suffix not in _JPEG)


def natural_order(name: str) -> list[tuple[int, str]]:
    """Key that sorts t2.tif before t10.tif.

    Examples
    --------
    >>> sorted(["t10", "t9", "t1"], key=natural_order)
    ['t1', 't9', 't10']
    """
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def open_image_folder(folder: Path, *, as_labels: bool = False) -> Movie:
    """A movie of the images of a folder, TIFF, PNG, JPEG and others, in natural order of names.

    Hidden files and other kinds of files are passed over.

    Parameters
    ----------
    folder : Path
    as_labels : bool
        Whether the images hold object ids, see `read_image`.

    Raises
    ------
    ValueError
        If there are no images, images of two kinds, or the first one is not a 2D image; and when a
        frame is read that differs from the first in shape or type.
    """
    files = frame_files(folder)
    first, rgb, scale = read_first(files[0], as_labels=as_labels)
    shape = (len(files), *first.shape)
    dtype = first.dtype

    def read_frame(t: int) -> NDArray[Any]:
        image = read_image(files[t], as_labels=as_labels)
        if image.shape != shape[1:] or image.dtype != dtype:
            raise ValueError(
                f"{files[t].name} is {image.shape} {image.dtype}, "
                f"but {files[0].name} is {shape[1:]} {dtype}; "
                "all frames of a movie must be alike"
            )
        return image

    return Movie(lazy_stack(read_frame, shape, dtype), rgb, scale, folder.name)


def read_image(file: Path, *, as_labels: bool = False) -> NDArray[Any]:
    """One 2D image from a TIFF, PNG or JPEG file and the like, (Y, X) or (Y, X, 3|4).

    Parameters
    ----------
    file : Path
    as_labels : bool
        Whether the image holds object ids. Where it has a palette, the ids are then the numbers in
        the palette, as in the masks of DAVIS; the colours otherwise.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read or holds several images, or labels are to be read from a JPEG file.
    """
    if as_labels and file.suffix.lower() in _JPEG:
        raise ValueError(
            f"{file.name} cannot hold labels: JPEG changes the values of pixels. Use PNG or TIFF"
        )
    if file.suffix.lower() in _TIFF:
        return _read_tiff(file)[0]
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    try:
        image = _read_palette(file) if as_labels else _read_colours(file)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{file.name} cannot be read as an image: {error}") from error
    _plane_axes(image, file.name)
    return image


def _read_palette(file: Path) -> NDArray[Any]:
    with Image.open(file) as picture:
        if picture.mode == "P":
            return np.array(picture)
    return _read_colours(file)


def _read_colours(file: Path) -> NDArray[Any]:
    with Image.open(file) as picture:
        is_print = picture.mode in ("CMYK", "YCCK")  # four channels that are no colour and opacity
    image: NDArray[Any] = iio.imread(file, plugin="pillow", mode="RGB" if is_print else None)
    return image


def read_first(file: Path, *, as_labels: bool = False) -> tuple[NDArray[Any], bool, ImageScale]:
    """The first image of a folder, whether it is in colour, and its scale; see `read_image`."""
    if file.suffix.lower() in _TIFF:
        image, scale = _read_tiff(file)
    else:
        image, scale = read_image(file, as_labels=as_labels), ImageScale()
    return image, image.ndim == 3, scale


def _read_tiff(file: Path) -> tuple[NDArray[Any], ImageScale]:
    with opened_tiff(file) as tif:
        data, axes = lazy_pages(tif, file.name)
        scale = read_scale(tif, axes.frame_axis)
    if axes.frames != 1:
        raise ValueError(
            f"{file.name} holds {axes.frames} images; open it by itself, "
            "or give a folder of single images"
        )
    return np.array(data[0]), scale


def _plane_axes(image: NDArray[Any], source: str) -> MovieAxes:
    axes = {2: "YX", 3: "YXS"}.get(image.ndim, "")
    return resolve_axes(axes, image.shape, source)


def frame_files(folder: Path) -> list[Path]:
    """The images of a folder that are the frames of its movie, in natural order of names.

    Raises
    ------
    ValueError
        If there are no images, or images of two kinds.
    """
    files = [
        file
        for file in folder.iterdir()
        if file.suffix.lower() in FRAME_SUFFIXES and not file.name.startswith(".")
    ]
    if not files:
        raise ValueError(f"no {', '.join(FRAME_SUFFIXES)} images in the folder {folder}")
    kinds = sorted({_KINDS[file.suffix.lower()] for file in files}, reverse=True)
    if len(kinds) > 1:
        raise ValueError(
            f"the folder {folder} holds {' and '.join(kinds)} images; keep one kind in it"
        )
    return sorted(files, key=lambda file: natural_order(file.name))

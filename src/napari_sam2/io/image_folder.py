"""A folder of images as a movie, one file per frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_sam2.io.axes import resolve_axes
from napari_sam2.io.file_names import Counted, counted_files, natural_order
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.stack import ImageStack, movie_of
from napari_sam2.io.tiff_pages import opened_tiff, tiff_stack

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
_NEARLY_BLACK = 40  # grey values beside an edge of a JPEG mask stay this close to 0 or 255
_GREY_AND_ALPHA = 2
LABEL_SUFFIXES = tuple(suffix for suffix in FRAME_SUFFIXES if suffix not in _JPEG)


def folder_stack(
    folder: Path, *, as_labels: bool = False, files: Sequence[Path] | None = None
) -> ImageStack:
    """The images of a folder, TIFF, PNG, JPEG and others, in natural order of names.

    Hidden files and other kinds of files are passed over. Where the names count channels, planes
    and time, as ``img_channel001_time003``, these are axes of the stack.

    Parameters
    ----------
    folder : Path
    as_labels : bool
        Whether the images hold object ids, see `read_image`.
    files : sequence of Path, optional
        The images to take, in natural order of names. Default: all, from `frame_files`.

    Raises
    ------
    ValueError
        If there are no images, images of two kinds, names of two patterns, or several positions;
        and when a frame is read that differs from the first in shape or cannot be converted
        to its type.

    Warns
    -----
    UserWarning
        If numbers are missing in the names.
    """
    given = frame_files(folder) if files is None else list(files)
    files, counted = counted_files(given, folder.name)
    return _counted_stack(files, counted, folder.name, as_labels=as_labels)


def files_stack(files: Sequence[Path]) -> ImageStack:
    """Images in files as the frames of a stack, in this order, whatever their names count."""
    name = files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"
    return _counted_stack(list(files), Counted("T", (len(files),)), name)


def _counted_stack(
    files: list[Path], counted: Counted, name: str, *, as_labels: bool = False
) -> ImageStack:
    first = _stack_of(files[0], as_labels=as_labels)
    pairs = zip(first.axes, first.shape, strict=True)
    inner = "".join("1" if n == 1 and axis not in "YX" else axis for axis, n in pairs)
    return ImageStack(
        _Files(files, counted, first, as_labels=as_labels),
        counted.axes + inner,
        first.steps,
        name,
        first.origins,
        first.shown_limits,
    )


class _Files:
    """Images of equal shape in files, as an array of which one plane is read at a time."""

    def __init__(
        self, files: list[Path], counted: Counted, first: ImageStack, *, as_labels: bool
    ) -> None:
        self._files, self._counts, self._as_labels = files, counted.shape, as_labels
        self._first = first.shape
        self.shape, self.dtype = (*counted.shape, *first.shape), np.dtype(first.data.dtype)

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        place = [part for part in index[: len(self._counts)] if isinstance(part, int)]
        if len(place) < len(self._counts):
            raise ValueError("the images of a folder are frames; axes must begin with T")
        file = self._files[int(np.ravel_multi_index(place, self._counts))]
        stack = _stack_of(file, as_labels=self._as_labels)
        dtype = np.dtype(stack.data.dtype)
        if stack.shape != self._first or not np.can_cast(dtype, self.dtype):
            raise ValueError(
                f"{file.name} is {stack.shape} {dtype}, but {self._files[0].name} is "
                f"{self._first} {self.dtype}; all frames of a movie must be alike"
            )
        return np.array(stack.data[index[len(self._counts) :]], dtype=self.dtype)


def _stack_of(file: Path, *, as_labels: bool) -> ImageStack:
    """The images of one file, which is a frame of the folder."""
    if file.suffix.lower() not in _TIFF:
        image = read_image(file, as_labels=as_labels)
        return ImageStack(image, "YXS"[: image.ndim], name=file.name)
    with opened_tiff(file) as tif:
        return tiff_stack(tif, file.name)


def read_image(file: Path, *, as_labels: bool = False) -> NDArray[Any]:
    """One 2D image from a TIFF, PNG or JPEG file and the like, (Y, X) or (Y, X, 3|4).

    Parameters
    ----------
    file : Path
    as_labels : bool
        Whether the image holds object ids. Where it has a palette, the ids are then the numbers in
        the palette, as in the masks of DAVIS; the colours otherwise. A JPEG file, which changes
        values, is read as 0 and 1 if it is nearly black and white.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read or holds several images, or is a JPEG file of other labels.
    """
    if file.suffix.lower() in _TIFF:
        return _read_tiff(file)[0]
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    try:
        image = _read_ids(file) if as_labels else _read_colours(file)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{file.name} cannot be read as an image: {error}") from error
    _check_plane(image, file.name)
    return image[..., 0] if image.ndim == 3 and image.shape[-1] == _GREY_AND_ALPHA else image


def _read_ids(file: Path) -> NDArray[Any]:
    if file.suffix.lower() in _JPEG:
        return _two_levels(file)
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
        movie = movie_of(tiff_stack(tif, file.name))
    if movie.shape[0] != 1:
        raise ValueError(
            f"{file.name} holds {movie.shape[0]} images; open it by itself, "
            "or give a folder of single images"
        )
    return np.array(movie.data[0]), movie.scale


def _check_plane(image: NDArray[Any], source: str) -> None:
    axes = {2: "YX", 3: "YXS"}.get(image.ndim, "")
    resolve_axes(axes, image.shape, source)


def _two_levels(file: Path) -> NDArray[Any]:
    """A mask from a JPEG file, whose pixels are nearly black or nearly white."""
    with Image.open(file) as picture:
        grey = np.array(picture.convert("L"))
    if ((grey > _NEARLY_BLACK) & (grey < 255 - _NEARLY_BLACK)).any():
        raise ValueError(
            "it cannot hold labels: JPEG changes the values of pixels. Use PNG or TIFF"
        )
    return np.where(grey > _NEARLY_BLACK, np.uint8(1), np.uint8(0))


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

"""Labels as TIFF that ImageJ, napari and Python read with their axes and scale."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_sam2.annotation.packed_labels import LabelArray, labels_in_memory
from napari_sam2.arrays import ArrayLike
from napari_sam2.io.atomic import atomic_path
from napari_sam2.io.formats import format_of, is_ome_zarr
from napari_sam2.io.label_arrays import (
    frames_of_labels,
    largest_id,
    planes_of_volumes,
    shape_of_labels,
    smallest_type,
)
from napari_sam2.io.movie import Movie
from napari_sam2.io.object_ids import as_object_ids
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.stack import movie_of
from napari_sam2.io.tiff_metadata import (
    imagej_metadata,
    imagej_resolution,
    ome_metadata,
    ome_planes,
    own_axes,
    read_scale,
    software_tag,
)
from napari_sam2.io.tiff_pages import opened_tiff, tiff_stack
from napari_sam2.io.volume_scale import VolumeScale

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.io.ngff_image import ShownImage
    from napari_sam2.io.ngff_writing import Version

__all__ = [
    "ImageScale",
    "is_own_file",
    "read_labels",
    "write_images",
    "write_labels",
    "write_volume_labels",
]

_LARGEST_IMAGEJ_BYTES = 2**32 - 2**25  # a TIFF file of ImageJ ends at 4 GiB, headers included
LabelsFormat = Literal[
    "auto", "imagej", "ome", "ome-zarr", "ome-zarr-0.5", "ome-zarr-movie", "ome-zarr-movie-0.5"
]
FileFormat = Literal["imagej", "ome"]
_ZARR_VERSIONS: dict[str, Version] = {"ome-zarr": "0.4", "ome-zarr-0.5": "0.5"}
_MOVIE_VERSIONS: dict[str, Version] = {"ome-zarr-movie": "0.4", "ome-zarr-movie-0.5": "0.5"}


@singledispatch
def labels_of(labels: Any) -> tuple[ArrayLike, ImageScale | None]:
    """Array of labels and its scale, taken from an array or an `Annotation`.

    Arrays know no scale. `napari_sam2.io.project.saving` registers `Annotation`, so that writing an
    array does not load the network.
    """
    return labels, None


def write_labels(
    path: str | os.PathLike[str],
    labels: ArrayLike | Annotation,
    scale: ImageScale | Movie | None = None,
    format: LabelsFormat = "auto",  # the word of imageio and PIL too
    *,
    compress: bool = True,
) -> None:
    """Write labels as a compressed TIFF file, or OME-Zarr, that is complete or not there at all.

    The file holds uint16, or uint32 when an id is above 65535, compressed, and the axes, pixel
    size, unit, and frame interval or z spacing. Frames are read one at a time, twice.

    Parameters
    ----------
    path : path
        File to write; an existing one is replaced when the new one is complete. A name that ends
        with .ome.zarr is a folder, which is replaced only if it holds such labels and nothing else.
    labels : (T, Y, X), (Z, Y, X) or (Y, X) array-like of integers
        Object ids, 0 is background. May be lazy: numpy, memory map, dask or zarr. An `Annotation`
        stands for its labels without those of rejected objects; in 3D they are written with all
        four axes.
    scale : ImageScale or Movie, optional
        Scale of the image; its ``frame_axis`` tells a Z stack from a movie. Default: that of the
        movie of an `Annotation` that was opened from a file.
    format : {"auto", "imagej", "ome", "ome-zarr", "ome-zarr-0.5", "ome-zarr-movie", ...}
        "auto" writes OME-Zarr where the name ends so (version 0.4, or 0.5 where it ends with
        .v05.ome.zarr), and beside the labels the movie that is given as `scale` where it ends with
        .movie.ome.zarr ("ome-zarr-movie"); otherwise an ImageJ file, and an OME file where ImageJ's
        format ends: above 65535 ids, from 4 GiB of pixels on, or when the name ends with .ome.tif.
    compress : bool
        False writes the pixels of a TIFF as they are, so that programs can read single frames
        quickly.

    Raises
    ------
    ValueError
        If the labels have another shape, no pixels or negative ids, or `format` cannot hold them.
    TypeError
        If the labels are not integers.
    FileExistsError
        If the folder of an OME-Zarr holds anything else.
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    array, known = labels_of(labels)
    movie = scale if isinstance(scale, Movie) else None
    scale = (scale.scale if isinstance(scale, Movie) else scale or known) or ImageScale()
    if len(array.shape) == 4 and array is not labels:
        write_volume_labels(path, array, VolumeScale.of_planes(scale), format)
        return
    if (version := _zarr_version(path, format)) is not None:
        image = _image_beside(path, format, movie, array)
        from napari_sam2.io.ome_zarr import write_label_zarr  # imports zarr, which is slow

        write_label_zarr(path, array, scale, version=version, image=image)
        return
    shape = _checked_shape(array)
    largest = largest_id(array)
    dtype = smallest_type(largest)
    file_format = _chosen_format(format, Path(path), shape, dtype)
    description = _description(file_format, shape, scale, (0, max(largest, 1)))
    _write_pages(path, _pages(array, dtype), shape, dtype, file_format, description, compress)


def write_images(
    path: str | os.PathLike[str], images: NDArray[Any], scale: ImageScale | None = None
) -> None:
    """Write a grey movie as `write_labels` writes labels: compressed, with its scale, atomically.

    Parameters
    ----------
    path : path
        File to write.
    images : (T, Y, X) or (Z, Y, X) uint8, uint16 or float32
    scale : ImageScale, optional

    Raises
    ------
    ValueError
        If the images have another shape.
    TypeError
        If they have another type.
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    if images.ndim != 3 or 0 in images.shape:
        raise ValueError(f"images must be (T, Y, X); got an array of shape {images.shape}")
    if images.dtype not in (np.uint8, np.uint16, np.float32):
        raise TypeError(f"images must be uint8, uint16 or float32; got {images.dtype}")
    file_format = _chosen_format("auto", Path(path), images.shape, images.dtype)
    description = _description(file_format, images.shape, scale or ImageScale(), None)
    _write_pages(path, iter(images), images.shape, images.dtype, file_format, description)


def write_volume_labels(
    path: str | os.PathLike[str],
    labels: ArrayLike,
    scale: VolumeScale | None = None,
    format: LabelsFormat = "auto",
) -> None:
    """Write labels of volumes over time as `write_labels` writes those of a movie.

    Parameters
    ----------
    path : path
        File to write; an existing one is replaced when the new one is complete.
    labels : (T, Z, Y, X) array-like of integers
        Object ids, 0 is background; one plane is read at a time, twice.
    scale : VolumeScale, optional
        Voxel size and interval, which the file then holds.
    format : {"auto", "imagej", "ome", "ome-zarr", "ome-zarr-0.5"}
        See `write_labels`.

    Raises
    ------
    ValueError
        If the labels have other axes, no pixels or negative ids, or `format` cannot hold them.
    TypeError
        If the labels are not integers.
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    planes, scale = planes_of_volumes(labels), scale or VolumeScale()
    _image_beside(path, format, None, labels)  # raises where a movie is asked for
    if (version := _zarr_version(path, format)) is not None:
        from napari_sam2.io.ome_zarr import write_label_zarr  # imports zarr, which is slow

        write_label_zarr(path, labels, scale, version=version)
        return
    shape = tuple(int(size) for size in labels.shape)
    _checked_shape(planes)
    largest = largest_id(planes)
    dtype = smallest_type(largest)
    file_format = _chosen_format(format, Path(path), shape, dtype)
    description = _description(file_format, shape, scale, (0, max(largest, 1)))
    _write_pages(path, _pages(planes, dtype), shape, dtype, file_format, description)


def write_stack(
    path: str | os.PathLike[str],
    images: ArrayLike,
    scale: ImageScale | None = None,
    *,
    rgb: bool = False,
) -> None:
    """Write an image or a movie uncompressed, one frame at a time, atomically.

    Parameters
    ----------
    path : path
        File to write.
    images : (T, Y, X), (Y, X), or the same with 3 colours last
        May be lazy. The scale is kept for grey images of uint8, uint16 and float32.
    scale : ImageScale, optional
        Its axes and sizes.
    rgb : bool
        Whether the last axis holds colours.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    shape, dtype = tuple(images.shape), np.dtype(images.dtype)
    is_stack = len(shape) - rgb == 3
    frames = (np.asarray(images[t]) for t in range(shape[0])) if is_stack else [np.asarray(images)]
    file_format: FileFormat | None = None
    description: dict[str, Any] = {"metadata": None}
    if not rgb and dtype in (np.uint8, np.uint16, np.float32):
        file_format = _chosen_format("auto", Path(path), shape, dtype)
        description = _description(file_format, shape, scale or ImageScale(), None)
    _write_pages(path, iter(frames), shape, dtype, file_format, description, False, rgb)


def read_labels(path: str | os.PathLike[str]) -> tuple[LabelArray, ImageScale]:
    """Read labels and their scale, from our own files and from others.

    Parameters
    ----------
    path : path
        TIFF file of integers.

    Returns
    -------
    labels : (T, Y, X), (Z, Y, X) or (Y, X) uint16, uint32 when an id is above 65535
        With the dimensions that were written; of a foreign file (Y, X) when it holds one image.
        An array, or from 512 MiB on `PackedLabels`, which is indexed like one.
    scale : ImageScale

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a TIFF, is truncated, has other axes, or holds no labels: colours that
        differ, or numbers that are not whole.
    """
    name = Path(path).name
    with opened_tiff(path) as tif:
        written = own_axes(tif)
        movie = movie_of(tiff_stack(tif, name))
        scale = read_scale(tif, "z") if written == "ZYX" else movie.scale
    try:
        labels = labels_in_memory(as_object_ids(movie).data)
    except TypeError as error:
        raise ValueError(str(error)) from error
    single = written == "YX" or (written is None and len(labels) == 1)
    return _as_labels(labels[0] if single else labels, name), scale


def is_own_file(path: str | os.PathLike[str]) -> bool:
    """Whether a TIFF file was written by `write_labels`; False if it is no readable TIFF."""
    try:
        with opened_tiff(path) as tif:
            return own_axes(tif) is not None
    except (OSError, ValueError):
        return False


def _zarr_version(path: str | os.PathLike[str], wanted: str) -> Version | None:
    """Version of OME-Zarr that is asked for, by the format or the name; None for a TIFF."""
    if wanted == "auto" and is_ome_zarr(path):
        wanted = format_of(path).name
    return _ZARR_VERSIONS.get(wanted) or _MOVIE_VERSIONS.get(wanted)


def _image_beside(
    path: str | os.PathLike[str], wanted: str, movie: Movie | None, labels: ArrayLike
) -> ShownImage | None:
    """The movie to write beside its labels; None where only labels are wanted.

    Raises
    ------
    ValueError
        If the movie is wanted and not given.
    """
    name = format_of(path).name if wanted == "auto" and is_ome_zarr(path) else wanted
    if name not in _MOVIE_VERSIONS:
        return None
    if movie is None:
        raise ValueError("the movie is to be written beside its labels: give it in place of scale")
    from napari_sam2.io.ngff_image import ShownImage  # imports zarr, which is slow

    title = movie.name or "image"
    shown = {} if movie.shown_limits is None else {title: movie.shown_limits}
    return ShownImage({title: movie.data if len(labels.shape) == 3 else movie.data[0]}, shown)


def _checked_shape(labels: ArrayLike) -> tuple[int, ...]:
    shape = shape_of_labels(labels)
    if shape[-1] == 1:
        raise ValueError(
            "labels must be at least 2 pixels wide: TIFF drops a last axis of length 1"
        )
    return shape


def _pages(labels: ArrayLike, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    for frame in frames_of_labels(labels):
        yield np.ascontiguousarray(frame, dtype=dtype)


def _chosen_format(
    wanted: str, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> FileFormat:
    if wanted not in ("auto", "imagej", "ome"):
        others = ", ".join(map(repr, _ZARR_VERSIONS))
        raise ValueError(f"format must be 'auto', 'imagej', 'ome', {others}; got {wanted!r}")
    fits_imagej = dtype != np.uint32 and _size_bytes(shape, dtype) < _LARGEST_IMAGEJ_BYTES
    if wanted == "imagej" and not fits_imagej:
        raise ValueError(
            "ImageJ files hold ids up to 65535 and up to 4 GiB of pixels; "
            "write format='ome' instead"
        )
    if wanted == "auto":
        named_ome = path.name.lower().endswith((".ome.tif", ".ome.tiff"))
        return "imagej" if fits_imagej and not named_ome else "ome"
    return "imagej" if wanted == "imagej" else "ome"


def _description(
    file_format: FileFormat,
    shape: tuple[int, ...],
    scale: ImageScale | VolumeScale,
    limits: tuple[float, float] | None,
) -> dict[str, Any]:
    axes = scale.axes(len(shape))
    software = {"software": software_tag(axes)}
    if file_format == "ome":
        return {"metadata": ome_metadata(axes, scale) | ome_planes(axes, shape, scale), **software}
    metadata = imagej_metadata(axes, scale, limits)
    return {"metadata": metadata, "resolution": imagej_resolution(scale), **software}


def _write_pages(
    path: str | os.PathLike[str],
    pages: Iterator[NDArray[Any]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    file_format: FileFormat | None,
    description: dict[str, Any],
    compress: bool = True,
    rgb: bool = False,
) -> None:
    with (
        atomic_path(path) as temporary,
        tifffile.TiffWriter(
            temporary,
            bigtiff=_size_bytes(shape, dtype) >= _LARGEST_IMAGEJ_BYTES,
            imagej=file_format == "imagej",
            ome=file_format == "ome",
        ) as writer,
    ):
        writer.write(
            pages,
            shape=shape,
            dtype=dtype,
            photometric="rgb" if rgb else "minisblack",
            compression="zlib" if compress else None,
            maxworkers=1,
            **description,
        )


def _size_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return int(np.prod(shape)) * dtype.itemsize


def _as_labels(labels: LabelArray, source: str) -> LabelArray:
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > np.iinfo(np.uint32).max:
        raise ValueError(
            f"{source} holds ids from {low} to {high}; object ids are 0 to {2**32 - 1}"
        )
    return labels.astype(np.uint16 if high <= np.iinfo(np.uint16).max else np.uint32)

"""Zarr arrays and OME-Zarr images as movies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask.array as da
import zarr
from zarr.errors import BaseZarrError

from napari_sam2.io.axes import MovieAxes, resolve_axes
from napari_sam2.io.movie import Movie
from napari_sam2.io.scale import ImageScale, known_length_unit

_MARKERS = ("zarr.json", ".zarray", ".zgroup")
_AXES_BY_DIMENSIONS = {2: "YX", 3: "TYX"}
_SECONDS = {"second": 1.0, "millisecond": 1e-3, "minute": 60.0, "hour": 3600.0}


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr array or group."""
    return path.is_dir() and (
        path.suffix.lower() == ".zarr" or any((path / marker).is_file() for marker in _MARKERS)
    )


def open_zarr(folder: Path) -> Movie:
    """A zarr array, the only array of a group, or the full resolution of an OME-Zarr image.

    Raises
    ------
    ValueError
        If there is no array or a choice of several, or its axes are not those of a movie.
    """
    try:
        node = zarr.open(folder, mode="r")
    except (OSError, ValueError, KeyError, BaseZarrError) as error:
        raise ValueError(f"{folder.name} cannot be read as zarr: {error}") from error
    if isinstance(node, zarr.Array):
        array, axes, scale = node, _axes_of(node), ImageScale()
    else:
        array, axes, scale = _array_of_group(node, folder.name)
    movie = resolve_axes(axes, array.shape, folder.name)
    data = _in_order(da.from_array(array, chunks=array.chunks), axes, movie)
    return Movie(data, rgb=movie.channels > 0, scale=scale, name=folder.name)


def _axes_of(array: zarr.Array[Any]) -> str:
    if array.ndim == 4 and array.shape[-1] in (3, 4) and array.dtype.kind == "u":
        return "TYXS"
    if array.ndim not in _AXES_BY_DIMENSIONS:
        shape = array.shape
        raise ValueError(
            f"a zarr array of shape {shape} is no movie; expected (T, Y, X) or (T, Y, X, 3)"
        )
    return _AXES_BY_DIMENSIONS[array.ndim]


def _array_of_group(group: zarr.Group, source: str) -> tuple[zarr.Array[Any], str, ImageScale]:
    attributes: Mapping[str, Any] = dict(group.attrs)
    multiscales = attributes.get("multiscales") or attributes.get("ome", {}).get("multiscales")
    if multiscales:
        return _array_of_multiscales(group, multiscales[0], source)
    arrays = dict(group.arrays())
    if len(arrays) != 1:
        names = ", ".join(f"{source}/{name}" for name in sorted(arrays)) or "none"
        raise ValueError(
            f"{source} holds {len(arrays)} arrays; open one of them by its path: {names}"
        )
    array = next(iter(arrays.values()))
    return array, _axes_of(array), ImageScale()


def _array_of_multiscales(
    group: zarr.Group, image: Mapping[str, Any], source: str
) -> tuple[zarr.Array[Any], str, ImageScale]:
    """Full resolution of an OME-Zarr image, with what it says about axes and scale."""
    try:
        dataset = image["datasets"][0]
        array = group[dataset["path"]]
        axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image["axes"]]
        letters = "".join(axis["name"].upper() for axis in axes)
        scale = _ome_scale(axes, dataset)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{source} is no complete OME-Zarr image: {error!r}") from error
    if not isinstance(array, zarr.Array):
        raise ValueError(f"{source} is no complete OME-Zarr image: {dataset['path']} is no array")
    return array, letters, scale


def _ome_scale(axes: list[dict[str, Any]], dataset: Mapping[str, Any]) -> ImageScale:
    factors = next(
        (step["scale"] for step in dataset.get("coordinateTransformations", ()) if "scale" in step),
        None,
    )
    if factors is None:
        return ImageScale()
    by_name = {
        axis["name"]: (float(f), axis.get("unit")) for axis, f in zip(axes, factors, strict=True)
    }
    (y, unit_y), (x, unit_x) = by_name["y"], by_name["x"]
    unit = known_length_unit(unit_x)
    duration, time_unit = by_name.get("t", (0.0, None))
    seconds = _SECONDS.get(time_unit or "", 0.0) * duration
    size = (y, x) if unit is not None and unit_y == unit_x and y > 0 and x > 0 else None
    return ImageScale(size, unit or "um", seconds if seconds > 0 else None)


def _in_order(data: da.Array, axes: str, movie: MovieAxes) -> da.Array:
    """Axes of length 1 away, colours last, and an axis of frames in front."""
    if axes.endswith("S") or "S" not in axes:
        ordered = data
    else:
        ordered = da.moveaxis(data, axes.index("S"), -1)
    stack: da.Array = ordered.reshape(movie.shape)
    return stack

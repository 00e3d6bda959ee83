"""Zarr arrays and OME-Zarr images as movies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import zarr
from zarr.errors import BaseZarrError

from napari_sam2.io.axes import MovieAxes, resolve_axes
from napari_sam2.io.movie import Movie
from napari_sam2.io.scale import Step, scale_of_steps

_MARKERS = ("zarr.json", ".zarray", ".zgroup")
_LETTERS = {"t": "T", "time": "T", "z": "Z", "depth": "Z", "y": "Y", "x": "X"}
_AXES_BY_DIMENSIONS = {2: "YX", 3: "TYX"}

Steps = dict[str, Step]


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr array or group."""
    return path.is_dir() and (
        path.suffix.lower() == ".zarr" or any((path / marker).is_file() for marker in _MARKERS)
    )


@dataclass(frozen=True)
class PlateField:
    """One image of a well of an OME-Zarr plate.

    Attributes
    ----------
    plate : str
        Name of the plate.
    well : str
        Row and column, such as ``"B3"``.
    field : str
        Name of the image in the well, such as ``"0"``.
    path : Path
        Folder of the image, for `open_zarr`.
    """

    plate: str
    well: str
    field: str
    path: Path


def plate_fields(folder: Path) -> tuple[PlateField, ...]:
    """Images of all wells of an OME-Zarr plate, in the order of the file.

    Parameters
    ----------
    folder : Path
        A zarr group.

    Returns
    -------
    tuple of PlateField
        Empty if the group is no plate.

    Raises
    ------
    ValueError
        If the plate is incomplete.
    """
    try:
        group = zarr.open_group(folder, mode="r")
        plate = _ome_attribute(group, "plate")
        if plate is None:
            return ()
        return tuple(
            PlateField(
                str(plate.get("name") or folder.stem),
                well["path"].replace("/", ""),
                str(image["path"]),
                folder / well["path"] / str(image["path"]),
            )
            for well in plate["wells"]
            for image in _ome_attribute(group[well["path"]], "well")["images"]
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder.name} is no complete OME-Zarr plate: {error!r}") from error
    except (OSError, ValueError, BaseZarrError):
        return ()  # an array, or no zarr that can be read: opening it as a movie says why


def _ome_attribute(node: Any, name: str) -> Any:
    """Attribute of OME-Zarr 0.4 or 0.5; None if there is none."""
    attributes: Mapping[str, Any] = dict(node.attrs)
    return attributes.get(name) or attributes.get("ome", {}).get(name)


def open_zarr(folder: Path) -> Movie:
    """A zarr array, the only array of a group, or the full resolution of an OME-Zarr image.

    Raises
    ------
    ValueError
        If there is no array or a choice of several, or its axes are not those of a movie.
    """
    array, axes, steps = _open(folder)
    movie = resolve_axes(axes, array.shape, folder.name)
    data = _in_order(da.from_array(array, chunks=array.chunks), axes, movie)
    scale = scale_of_steps(steps, movie.frame_axis)
    return Movie(data, rgb=movie.channels > 0, scale=scale, name=folder.name)


def zarr_axes(folder: Path) -> tuple[str, tuple[int, ...], Steps]:
    """Letters and lengths of the axes of an array, also with other axes than a movie, and steps.

    Raises
    ------
    ValueError
        If there is no array or a choice of several.
    """
    array, axes, steps = _open(folder)
    return axes, array.shape, steps


def _open(folder: Path) -> tuple[zarr.Array[Any], str, Steps]:
    try:
        node = zarr.open(folder, mode="r")
    except (OSError, ValueError, KeyError, BaseZarrError) as error:
        raise ValueError(f"{folder.name} cannot be read as zarr: {error}") from error
    if isinstance(node, zarr.Array):
        return node, _axes_of(node), {}
    return _array_of_group(node, folder.name)


def _axes_of(array: zarr.Array[Any]) -> str:
    named: Any = array.metadata.to_dict().get("dimension_names")
    names: Any = named or array.attrs.get("_ARRAY_DIMENSIONS")
    letters = "".join(_LETTERS.get(str(name).lower(), "?") for name in names or ())
    if len(letters) == array.ndim and "?" not in letters:
        return letters
    if array.ndim == 4 and array.shape[-1] in (3, 4) and array.dtype.kind == "u":
        return "TYXS"
    if array.ndim not in _AXES_BY_DIMENSIONS:
        shape = array.shape
        raise ValueError(
            f"a zarr array of shape {shape} is no movie; expected (T, Y, X) or (T, Y, X, 3)"
        )
    return _AXES_BY_DIMENSIONS[array.ndim]


def _array_of_group(group: zarr.Group, source: str) -> tuple[zarr.Array[Any], str, Steps]:
    multiscales = _ome_attribute(group, "multiscales")
    if multiscales:
        return _array_of_multiscales(group, multiscales[0], source)
    arrays = dict(group.arrays())
    if len(arrays) != 1:
        names = ", ".join(f"{source}/{name}" for name in sorted(arrays)) or "none"
        raise ValueError(
            f"{source} holds {len(arrays)} arrays; open one of them by its path: {names}"
        )
    array = next(iter(arrays.values()))
    return array, _axes_of(array), {}


def _array_of_multiscales(
    group: zarr.Group, image: Mapping[str, Any], source: str
) -> tuple[zarr.Array[Any], str, Steps]:
    """Full resolution of an OME-Zarr image, with its axes and their steps."""
    try:
        dataset = image["datasets"][0]
        array = group[dataset["path"]]
        axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image["axes"]]
        letters = "".join(axis["name"].upper() for axis in axes)
        steps = _ome_steps(axes, dataset, image)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{source} is no complete OME-Zarr image: {error!r}") from error
    if not isinstance(array, zarr.Array):
        raise ValueError(f"{source} is no complete OME-Zarr image: {dataset['path']} is no array")
    return array, letters, steps


def _ome_steps(axes: list[dict[str, Any]], *transformed: Mapping[str, Any]) -> Steps:
    """Steps of the axes: the scale of a resolution times the one that all resolutions share."""
    factors = [
        step["scale"]
        for place in transformed
        for step in place.get("coordinateTransformations", ())
        if "scale" in step
    ]
    if not factors:
        return {}
    sizes = np.prod(np.asarray(factors, dtype=float), axis=0)
    return {
        axis["name"]: (size, axis.get("unit"))
        for axis, size in zip(axes, sizes.tolist(), strict=True)
    }


def _in_order(data: da.Array, axes: str, movie: MovieAxes) -> da.Array:
    """Axes of length 1 away, colours last, and an axis of frames in front."""
    if axes.endswith("S") or "S" not in axes:
        ordered = data
    else:
        ordered = da.moveaxis(data, axes.index("S"), -1)
    stack: da.Array = ordered.reshape(movie.shape)
    return stack

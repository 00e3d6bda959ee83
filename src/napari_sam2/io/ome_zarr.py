"""Labels as OME-Zarr (https://ngff.openmicroscopy.org), in the versions 0.4 and 0.5.

A folder holds the group ``labels`` with one image of labels, ``cells``, in several resolutions.
The folder itself names the same arrays as its image, so that every reader of OME-Zarr opens it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from zarr.errors import BaseZarrError

from napari_sam2.arrays import ArrayLike
from napari_sam2.io.atomic import atomic_folder
from napari_sam2.io.label_arrays import (
    frames_of_labels,
    largest_id,
    planes_of_volumes,
    shape_of_labels,
    smallest_type,
)
from napari_sam2.io.scale import SPELT_OUT_UNITS, ImageScale
from napari_sam2.io.volume_scale import VolumeScale
from napari_sam2.io.zarr_movie import label_image, ome_attribute
from napari_sam2.version import __version__

Version = Literal["0.4", "0.5"]
LABELS, NAME = "labels", "cells"
_METHOD = "napari_sam2.io.ome_zarr.write_label_zarr"
_MOTHER = "mother"
_TILE = 1024  # pixels along a side of a chunk
_SMALLEST = 256  # no side of the last resolution is longer
_ATTRIBUTE_FILES = {".zgroup", ".zattrs", "zarr.json"}


def write_label_zarr(
    folder: str | os.PathLike[str],
    labels: ArrayLike,
    scale: ImageScale | VolumeScale | None = None,
    *,
    parents: Mapping[int, int] | None = None,
    names: Mapping[int, str] | None = None,
    version: Version = "0.4",
) -> None:
    """Write labels as OME-Zarr that is complete or not there at all.

    Each resolution has every second row and column of the one before, so that ids stay ids. Names
    and mothers are properties of the labels. Frames are read one at a time, twice.

    Parameters
    ----------
    folder : path
        Folder to write; an earlier one of the same kind is replaced when the new one is complete.
    labels : (T, Y, X), (Z, Y, X), (Y, X), or with a `VolumeScale` (T, Z, Y, X), of integers
        Object ids, 0 is background. Written as uint16, or uint32 when an id is above 65535.
    scale : ImageScale or VolumeScale, optional
        Its ``frame_axis`` tells a Z stack from a movie. Sizes that are unknown are written as 1
        without a unit.
    parents : mapping of int to int, optional
        Daughter -> mother.
    names : mapping of int to str, optional
        Names that a person gave to objects.
    version : {"0.4", "0.5"}
        Version of the format: 0.4 is zarr format 2, 0.5 is zarr format 3.

    Raises
    ------
    FileExistsError
        If the folder holds anything else.
    ValueError
        If the labels have another shape, no pixels or negative ids.
    TypeError
        If the labels are not integers.
    OSError
        If it cannot be written; an old folder is left as it was.
    """
    scale = scale or ImageScale()
    frames = planes_of_volumes(labels) if isinstance(scale, VolumeScale) else labels
    is_volumes = frames is not labels
    shape = tuple(map(int, labels.shape)) if is_volumes else shape_of_labels(labels)
    dtype = smallest_type(largest_id(frames))
    axes = scale.axes(len(shape)).lower()
    levels = _number_of_levels(shape)
    properties = _properties(parents or {}, names or {})
    with atomic_folder(folder, is_label_zarr) as temporary:
        root = zarr.open_group(temporary, mode="w", zarr_format=2 if version == "0.4" else 3)
        image = _multiscales(axes, scale, levels, f"{LABELS}/{NAME}/")
        root.attrs.update(_attributes({"multiscales": [image]}, version))
        group = root.create_group(LABELS)
        group.attrs.update(_attributes({"labels": [NAME]}, version))
        cells = group.create_group(NAME)
        about = {
            "source": {"image": "../../"},
            **({"properties": properties} if properties else {}),
        }
        content = {"multiscales": [_multiscales(axes, scale, levels)], "image-label": about}
        cells.attrs.update(_attributes(content, version))
        _write_levels(_make_levels(cells, shape, dtype, axes, levels), frames)


def is_label_zarr(folder: Path) -> bool:
    """Whether a folder holds labels as we write them, and nothing else."""
    cells = folder / LABELS / NAME
    if not cells.is_dir():
        return False
    found = {file.name for file in folder.iterdir()} | {f.name for f in cells.parent.iterdir()}
    try:
        (image,) = ome_attribute(zarr.open_group(cells, mode="r"), "multiscales")
        is_ours = image["metadata"]["method"] == _METHOD
    except (OSError, ValueError, KeyError, TypeError, BaseZarrError):
        return False
    return is_ours and found <= {LABELS, NAME, *_ATTRIBUTE_FILES}


def label_properties(folder: Path) -> tuple[dict[int, int], dict[int, str]]:
    """Mothers and names of the objects of the labels in a folder; empty where there are none."""
    group = label_image(folder)
    about = None if group is None else ome_attribute(group, "image-label")
    rows = about.get("properties") if isinstance(about, Mapping) else None
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for row in rows if isinstance(rows, list) else ():
        value = row.get("label-value") if isinstance(row, Mapping) else None
        if not isinstance(value, int) or value < 1:
            continue
        mother, name = row.get(_MOTHER), row.get("name")
        if isinstance(mother, int) and mother > 0:
            parents[value] = mother
        if isinstance(name, str) and name:
            names[value] = name
    return parents, names


def _number_of_levels(shape: tuple[int, ...]) -> int:
    side, levels = max(shape[-2:]), 1
    while side > _SMALLEST:
        side, levels = -(-side // 2), levels + 1
    return levels


def _properties(parents: Mapping[int, int], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """A row for each object that has a name or a mother."""
    return [
        {"label-value": int(k)}
        | ({"name": names[k]} if k in names else {})
        | ({_MOTHER: int(parents[k])} if k in parents else {})
        for k in sorted({*parents, *names})
    ]


def _attributes(content: dict[str, Any], version: Version) -> dict[str, Any]:
    """Attributes of a group as the version has them."""
    if version == "0.5":
        return {"ome": {"version": version, **content}}
    for image in content.get("multiscales", ()):
        image["version"] = version
    if "image-label" in content:
        content["image-label"]["version"] = version
    return content


def _multiscales(
    axes: str, scale: ImageScale | VolumeScale, levels: int, place: str = ""
) -> dict[str, Any]:
    steps = [_step(scale, letter) for letter in axes]
    sizes = [size for size, _ in steps]
    return {
        "name": NAME,
        "axes": [
            {"name": letter, "type": "time" if letter == "t" else "space"}
            | ({} if unit is None else {"unit": unit})
            for letter, (_, unit) in zip(axes, steps, strict=True)
        ],
        "datasets": [
            {
                "path": f"{place}{level}",
                "coordinateTransformations": [
                    {
                        "type": "scale",
                        "scale": [*sizes[:-2], *(size * 2**level for size in sizes[-2:])],
                    },
                    *_translation(axes, scale),
                ],
            }
            for level in range(levels)
        ],
        "type": "nearest",
        "metadata": {"method": _METHOD, "version": __version__},
    }


def _translation(axes: str, scale: ImageScale | VolumeScale) -> list[dict[str, Any]]:
    """Position of the first pixel, which is the first one of every resolution."""
    if scale.origin is None:
        return []
    return [{"type": "translation", "translation": list(scale.origin.along(axes))}]


def _step(scale: ImageScale | VolumeScale, letter: str) -> tuple[float, str | None]:
    """Step along an axis with its unit; 1 and no unit where it is unknown."""
    size, _ = scale.steps[letter]
    if not isinstance(size, float | int):
        return 1.0, None
    if letter == "t":
        return float(size), "second"
    return float(size), None if scale.unit == "pixel" else SPELT_OUT_UNITS[scale.unit]


def _make_levels(
    group: zarr.Group, shape: tuple[int, ...], dtype: np.dtype[Any], axes: str, levels: int
) -> list[zarr.Array[Any]]:
    arrays = []
    for level in range(levels):
        height, width = (-(-size // 2**level) for size in shape[-2:])
        long = shape[:-2]
        arrays.append(
            group.create_array(
                str(level),
                shape=(*long, height, width),
                chunks=(*(1 for _ in long), min(height, _TILE), min(width, _TILE)),
                dtype=dtype,
                fill_value=0,
                **_layout(group, axes),
            )
        )
    return arrays


def _layout(group: zarr.Group, axes: str) -> dict[str, Any]:
    """Chunks in nested folders, as 0.4 asks for; names of the axes, as 0.5 does."""
    if group.metadata.zarr_format == 2:
        return {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    return {"dimension_names": list(axes)}


def _write_levels(arrays: list[zarr.Array[Any]], frames: ArrayLike) -> None:
    """Write (Y, X) frames one after the other, along all axes before the last two."""
    places = np.ndindex(arrays[0].shape[:-2])
    for place, frame in zip(places, frames_of_labels(frames), strict=True):
        pixels = frame.astype(arrays[0].dtype)
        arrays[0][place] = pixels
        for _, coarse in pairwise(arrays):
            pixels = pixels[::2, ::2]
            coarse[place] = pixels

"""Labels as OME-Zarr (https://ngff.openmicroscopy.org), in the versions 0.4 and 0.5.

A folder holds the group ``labels`` with one image of labels, ``cells``, in several resolutions.
The folder itself names the same arrays as its image, so that every reader of OME-Zarr opens it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
from napari_sam2.io.ngff_image import ShownImage, write_image
from napari_sam2.io.ngff_writing import (
    METHOD,
    Version,
    attributes,
    make_levels,
    multiscales,
    number_of_levels,
    write_plane,
)
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.volume_scale import VolumeScale
from napari_sam2.io.zarr_movie import label_image, ome_attribute

LABELS, NAME = "labels", "cells"
_MOTHER = "mother"
_ATTRIBUTE_FILES = {".zgroup", ".zattrs", "zarr.json"}


def write_label_zarr(
    folder: str | os.PathLike[str],
    labels: ArrayLike,
    scale: ImageScale | VolumeScale | None = None,
    *,
    parents: Mapping[int, int] | None = None,
    names: Mapping[int, str] | None = None,
    version: Version = "0.4",
    image: ShownImage | None = None,
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
    image : ShownImage, optional
        The movie, which is written beside the labels as the image of the folder; by default the
        folder names the labels as its image.

    Raises
    ------
    FileExistsError
        If the folder holds anything else, or a movie although no `image` is given.
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
    levels = number_of_levels(shape)
    properties = _properties(parents or {}, names or {})
    may_replace = is_label_zarr if image is None else is_zarr_of_ours
    with atomic_folder(folder, may_replace) as temporary:
        root = zarr.open_group(temporary, mode="w", zarr_format=2 if version == "0.4" else 3)
        if image is None:
            named = multiscales(axes, scale, levels, NAME, f"{LABELS}/{NAME}/")
            root.attrs.update(attributes({"multiscales": [named]}, version))
        else:
            write_image(root, image, shape, scale, version)
        group = root.create_group(LABELS)
        group.attrs.update(attributes({"labels": [NAME]}, version))
        cells = group.create_group(NAME)
        about = {
            "source": {"image": "../../"},
            **({"properties": properties} if properties else {}),
        }
        content = {"multiscales": [multiscales(axes, scale, levels, NAME)], "image-label": about}
        cells.attrs.update(attributes(content, version))
        arrays = make_levels(cells, shape, dtype, axes, levels)
        places = np.ndindex(shape[:-2])
        for place, frame in zip(places, frames_of_labels(frames), strict=True):
            write_plane(arrays, place, frame)


def is_label_zarr(folder: Path) -> bool:
    """Whether a folder holds labels as we write them, and nothing else."""
    cells = folder / LABELS / NAME
    if not cells.is_dir():
        return False
    found = {file.name for file in folder.iterdir()} | {f.name for f in cells.parent.iterdir()}
    try:
        (image,) = ome_attribute(zarr.open_group(cells, mode="r"), "multiscales")
        is_ours = image["metadata"]["method"] == METHOD
    except (OSError, ValueError, KeyError, TypeError, BaseZarrError):
        return False
    return is_ours and found <= {LABELS, NAME, *_ATTRIBUTE_FILES}


def is_zarr_of_ours(folder: Path) -> bool:
    """Whether a folder holds labels as we write them, with the movie or without, and no more."""
    if is_label_zarr(folder):
        return True
    try:
        (image,) = ome_attribute(zarr.open_group(folder, mode="r"), "multiscales")
        is_ours = image["metadata"]["method"] == METHOD
        levels = {str(dataset["path"]) for dataset in image["datasets"]}
    except (OSError, ValueError, KeyError, TypeError, BaseZarrError):
        return False
    found = {file.name for file in folder.iterdir()}
    inner = folder / LABELS
    inside = {file.name for file in inner.iterdir()} if inner.is_dir() else set()
    is_whole = found <= {LABELS, *levels, *_ATTRIBUTE_FILES} and inside <= {NAME, *_ATTRIBUTE_FILES}
    return is_ours and is_whole and (inner / NAME).is_dir()


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


def _properties(parents: Mapping[int, int], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """A row for each object that has a name or a mother."""
    return [
        {"label-value": int(k)}
        | ({"name": names[k]} if k in names else {})
        | ({_MOTHER: int(parents[k])} if k in parents else {})
        for k in sorted({*parents, *names})
    ]

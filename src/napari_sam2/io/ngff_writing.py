"""Attributes and arrays of OME-Zarr images as we write them, in the versions 0.4 and 0.5."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_sam2.io.scale import SPELT_OUT_UNITS, ImageScale
from napari_sam2.io.volume_scale import VolumeScale
from napari_sam2.version import __version__

Version = Literal["0.4", "0.5"]
METHOD = "napari_sam2.io.ome_zarr.write_label_zarr"
_TILE = 1024  # pixels along a side of a chunk
_SMALLEST = 256  # no side of the last resolution is longer
_TYPES = {"t": "time", "c": "channel"}


def number_of_levels(shape: tuple[int, ...]) -> int:
    """Number of resolutions of an image of this shape."""
    side, levels = max(shape[-2:]), 1
    while side > _SMALLEST:
        side, levels = -(-side // 2), levels + 1
    return levels


def attributes(content: dict[str, Any], version: Version) -> dict[str, Any]:
    """Attributes of a group as the version has them."""
    if version == "0.5":
        return {"ome": {"version": version, **content}}
    for image in content.get("multiscales", ()):
        image["version"] = version
    for name in ("image-label", "omero"):
        if name in content:
            content[name]["version"] = version
    return content


def multiscales(
    axes: str, scale: ImageScale | VolumeScale, levels: int, name: str, place: str = ""
) -> dict[str, Any]:
    """Description of an image in several resolutions, each with half the rows and columns.

    Parameters
    ----------
    axes : str
        Letters of its axes, from "t", "c", "z", "y" and "x".
    scale : ImageScale or VolumeScale
        Sizes and origin; an unknown size is 1 without a unit.
    levels : int
        Number of resolutions.
    name : str
        Name of the image.
    place : str
        Path from the group to the folder of the arrays, with a slash at its end.
    """
    steps = [_step(scale, letter) for letter in axes]
    sizes = [size for size, _ in steps]
    return {
        "name": name,
        "axes": [
            {"name": letter, "type": _TYPES.get(letter, "space")}
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
        "metadata": {"method": METHOD, "version": __version__},
    }


def _translation(axes: str, scale: ImageScale | VolumeScale) -> list[dict[str, Any]]:
    """Position of the first pixel, which is the first one of every resolution."""
    if scale.origin is None:
        return []
    origin = [0.0 if letter == "c" else scale.origin.along(letter)[0] for letter in axes]
    return [{"type": "translation", "translation": origin}]


def _step(scale: ImageScale | VolumeScale, letter: str) -> tuple[float, str | None]:
    """Step along an axis with its unit; 1 and no unit where it is unknown."""
    size, _ = scale.steps.get(letter, (None, None))
    if not isinstance(size, float | int):
        return 1.0, None
    if letter == "t":
        return float(size), "second"
    return float(size), None if scale.unit == "pixel" else SPELT_OUT_UNITS[scale.unit]


def make_levels(
    group: zarr.Group, shape: tuple[int, ...], dtype: np.dtype[Any], axes: str, levels: int
) -> list[zarr.Array[Any]]:
    """Empty arrays of all resolutions; a chunk holds one plane, or a part of one."""
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


def write_plane(
    arrays: Sequence[zarr.Array[Any]], place: tuple[int, ...], plane: NDArray[Any]
) -> None:
    """Write a (Y, X) plane into all resolutions."""
    pixels = plane.astype(arrays[0].dtype)
    arrays[0][place] = pixels
    for _, coarse in pairwise(arrays):
        pixels = pixels[::2, ::2]
        coarse[place] = pixels

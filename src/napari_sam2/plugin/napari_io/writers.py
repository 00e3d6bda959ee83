"""napari writers: labels with their scale, and results for other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.utils.notifications import show_info

from napari_sam2.plugin.layers.source_image import (
    channels_of,
    scale_source,
    scale_source_of_state,
)
from napari_sam2.plugin.napari_io.layer_metadata import NAMES, PARENTS, REJECTED

if TYPE_CHECKING:
    from napari_sam2.io.scale import ImageScale
    from napari_sam2.io.tracked import TrackedLabels
    from napari_sam2.plugin.napari_io.layer_data import LayerData


def write_labels_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a labels layer as TIFF with the scale and units of the layer.

    Objects that are rejected in the metadata of the layer are not written.

    Parameters
    ----------
    path : str
        File to write; its folder must exist.
    data : (T, Y, X), (Z, Y, X), (Y, X) or (T, Z, Y, X) array-like of integers
    meta : dict
        State of the layer, with ``scale``, ``units`` and ``axis_labels``.

    Returns
    -------
    list of str
        The written path.

    Raises
    ------
    ValueError
        If the labels have more axes or negative ids.
    OSError
        If the file cannot be written; an existing file is left unchanged.
    """
    from napari_sam2.io.tiff import write_labels

    data, meta = _without_single_axes(data, meta)
    if data.ndim == 4:
        return _write_volumes(path, data, meta)
    tracked = _tracked(data, meta, scale_source_of_state(data, meta).read(), {})
    write_labels(path, tracked.labels, tracked.scale)
    return [path]


def write_result(path: str, layers: list[LayerData]) -> list[str]:
    """Write a labels layer in the format that the file name selects.

    Parameters
    ----------
    path : str
        File or folder to write.
    layers : list of (data, state, type)
        A labels layer, and image layers for measurements and overlays. Mothers, names and rejected
        objects are read from the metadata of the labels layer.

    Returns
    -------
    list of str
        The written path.

    Raises
    ------
    ValueError
        If the name selects no format, or the layers do not match.
    OSError
        If the result cannot be written; an existing one is left unchanged.
    """
    from napari_sam2.io.exports import write_export

    data, state, _ = next(layer for layer in layers if layer[2] == "labels")
    images = [Image(data, **state) for data, state, kind in layers if kind == "image"]
    channels = {name: one for image in images for name, one in channels_of(image).items()}
    data, state = _without_single_axes(data, state)
    scale = scale_source_of_state(data, state).read()
    for image in images:
        scale = scale.completed_by(scale_source(image).read())
    write_export(path, _tracked(data, state, scale, channels))
    return [path]


def _write_volumes(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write labels of volumes over time; time comes first where the layer does not tell."""
    from napari_sam2.io.tiff import write_volume_labels
    from napari_sam2.io.tracked import left_out_text
    from napari_sam2.io.volume_scale import VolumeScale

    metadata = meta.get("metadata", {})
    if rejected := metadata.get(REJECTED):
        show_info(left_out_text(len(rejected)))
        data = np.where(np.isin(data, rejected), 0, data)
    named = str(metadata.get("axes", "")).replace("1", "")
    letters = named if sorted(named) == sorted("TZYX") else "TZYX"
    units = [str(unit) for unit in meta.get("units") or ["pixel"] * 4]
    sizes = [float(size) for size in meta.get("scale", [1.0] * 4)]
    steps = {
        letter.lower(): (size, unit)
        for letter, size, unit in zip(letters, sizes, units, strict=True)
        if (size, unit) != (1.0, "pixel")
    }
    placed = zip(meta.get("translate", [0.0] * 4), units, strict=True)
    origins = dict(zip(letters.lower(), placed, strict=True))
    volumes = np.transpose(data, [letters.index(letter) for letter in "TZYX"])
    write_volume_labels(path, volumes, VolumeScale.of_steps(steps, origins))
    return [path]


def _without_single_axes(data: Any, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Labels as (T, Y, X) or (Y, X); labels of several channels have an axis of length 1."""
    if data.ndim <= 3:
        return data, state
    kept = [axis for axis, length in enumerate(data.shape[:-2]) if length > 1]
    kept += [data.ndim - 2, data.ndim - 1]
    values = {name: state.get(name) for name in ("scale", "translate", "units", "axis_labels")}
    shown = {name: [one[axis] for axis in kept] for name, one in values.items() if one is not None}
    return data.reshape([data.shape[axis] for axis in kept]), {**state, **shown}


def _tracked(
    data: Any, state: dict[str, Any], scale: ImageScale, channels: dict[str, Any]
) -> TrackedLabels:
    """Labels of a layer without rejected objects; a notification tells their number."""
    from napari_sam2.io.tracked import TrackedLabels, left_out_text

    metadata = state.get("metadata", {})
    parents, names = metadata.get(PARENTS, {}), metadata.get(NAMES, {})
    if rejected := metadata.get(REJECTED):
        show_info(left_out_text(len(rejected)))
    return TrackedLabels(data, parents, names, scale, channels).without(rejected or ())

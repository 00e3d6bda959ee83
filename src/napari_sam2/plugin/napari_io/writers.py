"""Writers that napari calls: labels with their scale, and results for other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info

from napari_sam2.plugin.layers.source_image import scale_source_of_state
from napari_sam2.plugin.napari_io.layer_metadata import NAMES, PARENTS, REJECTED

if TYPE_CHECKING:
    from napari_sam2.io.scale import ImageScale
    from napari_sam2.io.tracked import TrackedLabels
    from napari_sam2.plugin.napari_io.layer_data import LayerData


def write_labels_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a labels layer as TIFF with the scale and units of the layer.

    Objects that the metadata of the layer calls rejected are left out.

    Parameters
    ----------
    path : str
        Where to; the folder must exist.
    data : (T, Y, X), (Z, Y, X) or (Y, X) array-like of integers
    meta : dict
        State of the layer, with ``scale``, ``units`` and ``axis_labels``.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    ValueError
        If the labels have more axes, or negative ids.
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    from napari_sam2.io.tiff import write_labels

    tracked = _tracked(data, meta, scale_source_of_state(data, meta).read(), {})
    write_labels(path, tracked.labels, tracked.scale)
    return [path]


def write_result(path: str, layers: list[LayerData]) -> list[str]:
    """Write a labels layer in the format that the name stands for.

    Parameters
    ----------
    path : str
        File or folder to write.
    layers : list of (data, state, type)
        A labels layer, and images to measure or draw on; mothers, names and rejected objects are
        taken from the metadata of the labels.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    ValueError
        If the name stands for no format, or the layers do not fit.
    OSError
        If it cannot be written; an old one is left as it was.
    """
    from napari_sam2.io.exports import write_export

    data, state, _ = next(layer for layer in layers if layer[2] == "labels")
    images = [
        (data[0] if state.get("multiscale") else data, state)
        for data, state, kind in layers
        if kind == "image"
    ]
    channels = {state["name"]: image for image, state in images}
    scale = scale_source_of_state(data, state).read()
    for image, image_state in images:
        scale = scale.completed_by(scale_source_of_state(image, image_state).read())
    write_export(path, _tracked(data, state, scale, channels))
    return [path]


def _tracked(
    data: Any, state: dict[str, Any], scale: ImageScale, channels: dict[str, Any]
) -> TrackedLabels:
    """The labels of a layer without its rejected objects; the user is told how many there are."""
    from napari_sam2.io.tracked import TrackedLabels, left_out_text

    metadata = state.get("metadata", {})
    parents, names = metadata.get(PARENTS, {}), metadata.get(NAMES, {})
    if rejected := metadata.get(REJECTED):
        show_info(left_out_text(len(rejected)))
    return TrackedLabels(data, parents, names, scale, channels).without(rejected or ())

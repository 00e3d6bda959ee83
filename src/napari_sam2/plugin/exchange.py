"""What napari opens and saves for other tools: tracks of other formats, and our results."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_sam2.plugin.images import scale_source_of_state
from napari_sam2.plugin.layer_data import layer_scale

if TYPE_CHECKING:
    from napari_sam2.plugin.layer_data import LayerData

PARENTS, NAMES = "parents", "names"  # keys in the metadata of a labels layer


def get_tracks_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """The reader for folders of the Cell Tracking Challenge and GEFF; None for others.

    Parameters
    ----------
    path : str or list of str
        What the user opens; several folders at once are no movie.
    """
    from pathlib import Path

    from napari_sam2.io.ctc import track_table
    from napari_sam2.io.geff import graph_of

    if not isinstance(path, str) or not Path(path).is_dir():
        return None
    is_known = track_table(Path(path)) is not None or graph_of(Path(path)) is not None
    return read_tracks_layer if is_known else None


def read_tracks_layer(path: str) -> list[LayerData]:
    """Labels of a folder as a layer that can be edited, with mothers and names in its metadata."""
    from pathlib import Path

    import numpy as np

    from napari_sam2.io.exports import open_tracked
    from napari_sam2.io.formats import stem_of

    tracked = open_tracked(path)
    labels = np.asarray(tracked.labels)
    options = {
        "name": stem_of(Path(path).name),
        "metadata": {PARENTS: dict(tracked.parents), NAMES: dict(tracked.names)},
        **layer_scale(tracked.scale, labels.ndim),
    }
    return [(labels, options, "labels")]


def write_result(path: str, layers: list[LayerData]) -> list[str]:
    """Write a labels layer in the format that the name stands for.

    Parameters
    ----------
    path : str
        File or folder to write.
    layers : list of (data, state, type)
        A labels layer, and images to measure or draw on; mothers and names are taken from the
        metadata of the labels.

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
    from napari_sam2.io.tracked import TrackedLabels

    data, state, _ = next(layer for layer in layers if layer[2] == "labels")
    images = [
        (data[0] if state.get("multiscale") else data, state)
        for data, state, kind in layers
        if kind == "image"
    ]
    channels = {state["name"]: image for image, state in images}
    metadata = state.get("metadata", {})
    scale = scale_source_of_state(data, state).read()
    for image, image_state in images:
        scale = scale.completed_by(scale_source_of_state(image, image_state).read())
    parents, names = metadata.get(PARENTS, {}), metadata.get(NAMES, {})
    write_export(path, TrackedLabels(data, parents, names, scale, channels))
    return [path]

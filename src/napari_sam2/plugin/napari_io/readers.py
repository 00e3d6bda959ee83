"""napari readers: label files of this plugin, projects, and tracks of other tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from napari_sam2.plugin.napari_io.layer_data import LayerData, layer_scale
from napari_sam2.plugin.napari_io.layer_metadata import NAMES, PARENTS

if TYPE_CHECKING:
    from napari_sam2.io.tracked import TrackedLabels


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """The reader for a label file of this plugin; None for other files.

    Parameters
    ----------
    path : str or list of str
        Path that the user opens; a list of several paths is not supported.
    """
    from napari_sam2.io.tiff import is_own_file

    if not isinstance(path, str) or not is_own_file(path):
        return None
    return read_labels_layer


def read_labels_layer(path: str) -> list[LayerData]:
    """Read a label file of this plugin as a layer with scale and units."""
    from pathlib import Path

    from napari_sam2.io.tiff import read_labels

    labels, scale = read_labels(path)
    name = Path(path).name.removesuffix(".tiff").removesuffix(".tif").removesuffix(".sam2")
    return [(labels, {"name": name, **layer_scale(scale, labels.ndim)}, "labels")]


def get_project_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """The reader for a project; None for other folders.

    Parameters
    ----------
    path : str or list of str
        Path that the user opens; a list of several paths is not supported.
    """
    from pathlib import Path

    from napari_sam2.io.project.manifest import MANIFEST

    if not isinstance(path, str) or not (Path(path) / MANIFEST).is_file():
        return None
    return read_project_layer


def read_project_layer(path: str) -> list[LayerData]:
    """Read the image of a project, and show the panel, which opens the annotation.

    If the panel is open, it opens the project as its button does, on the open image that the
    project belongs to, or else with its image; no layer is then read here.

    Raises
    ------
    ValueError
        If the project is damaged, or the image is not the image of the project.
    OSError
        If the image is missing and the user does not locate it.
    """
    from napari_sam2.plugin.napari_io.open_project import let_panel_open, opened_image, show_panel

    if let_panel_open(path):
        return [cast("LayerData", (None,))]  # napari adds no layer
    layer = opened_image(path)
    show_panel()
    return [layer]


def get_tracks_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """The reader for folders of the Cell Tracking Challenge and GEFF; None for others.

    Parameters
    ----------
    path : str or list of str
        Path that the user opens; a list of several paths is not supported.
    """
    from pathlib import Path

    from napari_sam2.io.ctc import track_table
    from napari_sam2.io.geff import graph_of

    if not isinstance(path, str) or not Path(path).is_dir():
        return None
    is_known = track_table(Path(path)) is not None or graph_of(Path(path)) is not None
    return read_tracks_layer if is_known else None


def read_tracks_layer(path: str) -> list[LayerData]:
    """Read tracked labels as an editable layer, and their paths and families as a Tracks layer."""
    from pathlib import Path

    from napari_sam2.annotation.packed_labels import labels_in_memory
    from napari_sam2.io.exports import open_tracked
    from napari_sam2.io.formats import stem_of

    tracked = open_tracked(path)
    labels = labels_in_memory(tracked.labels)
    options = {
        "name": stem_of(Path(path).name),
        "metadata": {PARENTS: dict(tracked.parents), NAMES: dict(tracked.names)},
        **layer_scale(tracked.scale, labels.ndim),
    }
    layers: list[LayerData] = [(labels, options, "labels")]
    if labels.ndim == 3 and labels.any():
        layers.append(_tracks(tracked, options))
    return layers


def _tracks(tracked: TrackedLabels, options: dict[str, Any]) -> LayerData:
    """The Tracks layer of tracked labels: objects, their centres, and their mothers."""
    import numpy as np

    from napari_sam2.io.spots import find_spots

    spots = find_spots(tracked)
    rows = np.stack([spots.object_id, spots.t, spots.y, spots.x], axis=1)
    seen = set(spots.object_id.tolist())
    graph = {k: [mother] for k, mother in tracked.parents.items() if {k, mother} <= seen}
    shown = {name: options[name] for name in ("scale", "units", "axis_labels")}
    order = np.lexsort((spots.t, spots.object_id))
    name = f"{options['name']} tracks"
    return rows[order].astype(np.float64), {"name": name, "graph": graph, **shown}, "tracks"

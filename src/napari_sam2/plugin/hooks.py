"""What napari asks of us beside the widget: read and write our files, open samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.images import scale_source_of_state
from napari_sam2.plugin.layer_data import LayerData, layer_scale

if TYPE_CHECKING:
    from napari_sam2.io.movie import Movie


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """The reader for a file of ours, None for every other one.

    Parameters
    ----------
    path : str or list of str
        What the user opens; several files at once are no stack of ours.
    """
    from napari_sam2.io.tiff import is_own_file

    if not isinstance(path, str) or not is_own_file(path):
        return None
    return read_labels_layer


def read_labels_layer(path: str) -> list[LayerData]:
    """Labels of a file of ours as a layer with its scale and units."""
    from pathlib import Path

    from napari_sam2.io.tiff import read_labels

    labels, scale = read_labels(path)
    name = Path(path).name.removesuffix(".tiff").removesuffix(".tif").removesuffix(".sam2")
    return [(labels, {"name": name, **layer_scale(scale, labels.ndim)}, "labels")]


def get_session_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """The reader for a saved annotation, None for every other folder.

    Parameters
    ----------
    path : str or list of str
        What the user opens; one annotation at a time.
    """
    from pathlib import Path

    from napari_sam2.io.session.manifest import MANIFEST

    if not isinstance(path, str) or not (Path(path) / MANIFEST).is_file():
        return None
    return read_session_layer


def read_session_layer(path: str) -> list[LayerData]:
    """The image of a saved annotation; the panel, which is shown, goes on with the rest.

    Raises
    ------
    ValueError
        If the annotation is damaged, or its image is another one.
    OSError
        If the image is not there and the user does not say where it is.
    """
    from napari_sam2.plugin.reopening import opened_image, show_panel

    layer = opened_image(path)
    show_panel()
    return [layer]


def write_labels_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a labels layer as TIFF with the scale and units of the layer.

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

    write_labels(path, data, scale_source_of_state(data, meta).read())
    return [path]


def synthetic_sample() -> list[LayerData]:
    """A drawn movie of cells and its truth."""
    from napari_sam2.io.samples import synthetic_movie

    sample = synthetic_movie()
    place = layer_scale(sample.scale, 3)
    truth = {"name": "truth", "visible": False, **place}
    return [
        (sample.images, {"name": sample.name, **place}, "image"),
        (sample.labels, truth, "labels"),
    ]


def c2c12_sample() -> list[LayerData]:
    """Ten frames of real cells, with whom to thank for them in the metadata of the layer."""
    from napari_sam2.io.samples import c2c12_movie

    sample = c2c12_movie()
    metadata = {"attribution": sample.attribution}
    return [(sample.images, {"name": sample.name, "metadata": metadata}, "image")]


def movie_layer(movie: Movie) -> LayerData:
    """A movie as an image layer; a single image loses its axis of frames."""
    data: Any = movie.data[0] if movie.shape[0] == 1 else movie.data
    spatial = data.ndim - 1 if movie.rgb else data.ndim
    return (
        data,
        {"name": movie.name, "rgb": movie.rgb, **layer_scale(movie.scale, spatial)},
        "image",
    )

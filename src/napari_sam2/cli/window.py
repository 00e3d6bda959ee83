"""``napari-sam2 open``: open napari with the widget docked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from napari_sam2.cli.movies import (
    AxesOption,
    ChannelOption,
    PlaneOption,
    RangeOption,
    SeriesOption,
    open_part,
    part_of_movie,
)
from napari_sam2.cli.options import MovieArgument

if TYPE_CHECKING:
    from napari_sam2.plugin.napari_io.layer_data import LayerData


def open_window(
    movie: Annotated[
        Path | None,
        MovieArgument,
    ] = None,
    axes: AxesOption = None,
    channel: ChannelOption = None,
    z: PlaneOption = None,
    frame_range: RangeOption = None,
    series: SeriesOption = None,
) -> None:
    """Open napari with the widget docked, and a movie if one is given."""
    part = part_of_movie(axes, channel, z, frame_range, series)
    layers = []
    if movie is not None:
        from napari_sam2.plugin.napari_io.layer_data import movie_layer

        layers = [movie_layer(open_part(movie, part))]
    show(layers)


def show(layers: list[LayerData]) -> None:
    """Open napari on some layers, on their first frame, and wait until it is closed.

    Raises
    ------
    RuntimeError
        If napari or Qt is not installed.
    """
    try:
        import napari
        import qtpy.QtWidgets  # noqa: F401  # raises where no binding of Qt is installed
    except ImportError as error:
        raise RuntimeError(
            f"napari is not installed ({error}): pip install 'napari-sam2[all]'"
        ) from error
    make_viewer(layers)
    napari.run()


def make_viewer(layers: list[LayerData]) -> Any:
    """A viewer with some layers, on their first frame, and the widget docked."""
    import napari
    from napari.layers import Layer

    viewer = napari.Viewer()
    for data in layers:
        viewer.add_layer(Layer.create(*data))
    if viewer.dims.ndim > 2:
        viewer.dims.set_current_step(0, 0)
    if layers:
        viewer.layers.selection.active = viewer.layers[0]
    viewer.window.add_plugin_dock_widget("napari-sam2", "SAM 2")
    return viewer

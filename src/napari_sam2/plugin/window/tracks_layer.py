"""The Tracks layer: paths and families of the cells, on demand and in step with the annotation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Tracks
from qtpy.QtCore import QObject, QTimer

from napari_sam2.plugin.layers.image_layers import append_unselected
from napari_sam2.plugin.protocol.messages import (
    FrameChanged,
    HistoryChanged,
    ObjectsChanged,
    TrackEnded,
)
from napari_sam2.plugin.protocol.review_messages import FindTracks, TracksFound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.plugin.layers.image_axes import ImageAxes
    from napari_sam2.plugin.protocol.messages import Command, ImageReport
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers
    from napari_sam2.plugin.window.view import View

TRACKS_GEOMETRY = ("scale", "translate", "units")
DELAY_MS = 400  # waits until the changes of a moment are over


class TracksLayers(QObject):
    """Adds a Tracks layer to an image, and asks for new paths when the annotation changes.

    Parameters
    ----------
    view : View
        Knows the layers.
    chosen : callable
        Gives the state of the chosen image; None if none is chosen.
    send : callable
        Takes commands to the inference thread.
    parent : QObject
        The controller.
    """

    def __init__(
        self,
        view: View,
        chosen: Callable[[], ImageState | None],
        send: Callable[[Command], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._view = view
        self._chosen = chosen
        self._send = send
        self._layers: dict[int, tuple[ImageState, Tracks | None]] = {}  # by number of the image
        self._timer = QTimer(self, singleShot=True, interval=DELAY_MS)
        self._timer.timeout.connect(self._ask)
        self._changed: set[int] = set()
        changes = (ObjectsChanged, FrameChanged, HistoryChanged, TrackEnded)
        self.handlers: Handlers = {TracksFound: self._show} | dict.fromkeys(changes, self._mark)

    @property
    def is_shown(self) -> bool:
        """Whether the chosen image has a Tracks layer."""
        image_state = self._chosen()
        return image_state is not None and image_state.number in self._layers

    def set_shown(self, is_shown: bool) -> None:
        """Add a Tracks layer to the chosen image, or remove it."""
        image_state = self._chosen()
        if image_state is None:
            return
        if is_shown:
            self._layers.setdefault(image_state.number, (image_state, None))
            self._send(FindTracks(image_state.number))
        elif (layer := self._layers.pop(image_state.number, (image_state, None))[1]) is not None:
            self._view.layers.remove(layer)

    def forget(self, layer: Any) -> None:
        """Forget a Tracks layer that the user deleted, or that of an image that was closed."""
        self._layers = {
            number: (image_state, own)
            for number, (image_state, own) in self._layers.items()
            if own is not layer and image_state.image is not layer
        }

    def close(self) -> None:
        """Ask for no more paths."""
        self._timer.stop()

    def _mark(self, report: ImageReport) -> None:
        if report.image in self._layers:
            self._changed.add(report.image)
            self._timer.start()

    def _ask(self) -> None:
        for number in self._changed & self._layers.keys():
            self._send(FindTracks(number))
        self._changed.clear()

    def _show(self, report: TracksFound) -> None:
        image_state, layer = self._layers.get(report.image, (None, None))
        if image_state is None or not len(report.rows):
            return
        rows = track_rows(report.rows, image_state.layers.axes)
        graph = {daughter: [mother] for daughter, mother in report.parents.items()}
        if layer is None:
            image, axes = image_state.image, image_state.layers.axes
            placed = axes.geometry(image)
            geometry = {name: placed[name][axes.frames :] for name in TRACKS_GEOMETRY}
            layer = Tracks(rows, graph=graph, name=f"{image.name} tracks", **geometry)
            self._layers[report.image] = (image_state, layer)
            append_unselected(self._view.layers, layer)  # clicks stay where they were
            return
        layer.graph = {}
        layer.data = rows
        layer.graph = graph


def track_rows(rows: NDArray[Any], axes: ImageAxes) -> NDArray[Any]:
    """Rows of id, t, y and x with a 0 for each other axis after the frames, as napari takes them.

    napari aligns the last axes of all layers.
    """
    first = 0 if axes.frames is None else axes.frames
    found = np.zeros((len(rows), 1 + len(axes.letters) - first))
    found[:, 0] = rows[:, 0]
    for axis, column in zip(axes.kept, rows.T[1:], strict=True):
        found[:, 1 + axis - first] = column
    return found

"""What a user does with mouse and keyboard.

The events go straight to the canvas. The pointer of the screen stays where it is: moving it makes
the screen send events of its own, which come late on a busy machine, in the middle of what follows.
"""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from .model_viewer import ModelViewer

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NOTHING, PLAIN = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier


def canvas_of(viewer):
    """The widget that shows the layers."""
    return viewer.window._qt_viewer.canvas.native


def place_on_canvas(viewer, layer, coordinates) -> QPoint | np.ndarray:
    """Where a place of a layer's data is drawn, in a 2D view.

    It is a point of the canvas, or a place in the world of a viewer that has no canvas.
    """
    if isinstance(viewer, ModelViewer):
        place = np.asarray(layer.data_to_world(coordinates))
        return np.concatenate([viewer.dims.point[: -len(place)], place])
    camera = getattr(viewer, "scene", viewer).camera
    world = layer.data_to_world(coordinates)
    y, x = (world[axis - viewer.dims.ndim] for axis in viewer.dims.displayed)
    centre_y, centre_x = camera.center[-2:]
    canvas = canvas_of(viewer)
    return QPoint(
        round(canvas.width() / 2 + (x - centre_x) * camera.zoom),
        round(canvas.height() / 2 + (y - centre_y) * camera.zoom),
    )


def centre_of_view(viewer) -> tuple[float, float]:
    """The place of the world in the middle of a 2D view."""
    return getattr(viewer, "scene", viewer).camera.center[-2:]


def zoom_in(image) -> None:
    """Tell an image layer that one pixel of it is in view, as a canvas that draws does."""
    image.corner_pixels = np.zeros((2, image.ndim), int)


def click(viewer, layer, coordinates, button=LEFT, modifier=PLAIN) -> None:
    """Click on a place given in data coordinates of a layer."""
    at = place_on_canvas(viewer, layer, coordinates)
    move(viewer, at)
    press_button(viewer, at, button, modifier)
    release_button(viewer, at, button, modifier)


def right_click(viewer, layer, coordinates) -> None:
    click(viewer, layer, coordinates, button=RIGHT)


def alt_click(viewer, layer, coordinates) -> None:
    click(viewer, layer, coordinates, modifier=Qt.KeyboardModifier.AltModifier)


def ctrl_click(viewer, layer, coordinates) -> None:
    click(viewer, layer, coordinates, modifier=Qt.KeyboardModifier.ControlModifier)


def drag(viewer, layer, *way) -> None:
    """Press at the first place, pass by the others and release at the last."""
    places = [place_on_canvas(viewer, layer, coordinates) for coordinates in way]
    middle = (places[0] + places[1]) / 2
    move(viewer, places[0])
    press_button(viewer, places[0])
    for place in (middle, *places[1:]):
        QTest.qWait(1)  # napari moves a shape by what it has drawn
        move(viewer, place, LEFT)
    release_button(viewer, places[-1])


def move(viewer, at, held=NOTHING) -> None:
    """Move to a place of the canvas, with a button held down or not."""
    if not isinstance(viewer, ModelViewer):
        canvas_of(viewer)._last_time = 0.0  # vispy drops moves that come within 10 ms of another
    _send(viewer, QEvent.Type.MouseMove, at, NOTHING, held)


def press_button(viewer, at, button=LEFT, modifier=PLAIN) -> None:
    """Press a mouse button."""
    _send(viewer, QEvent.Type.MouseButtonPress, at, button, button, modifier)


def release_button(viewer, at, button=LEFT, modifier=PLAIN) -> None:
    """Release a mouse button."""
    _send(viewer, QEvent.Type.MouseButtonRelease, at, button, NOTHING, modifier)


def press(viewer, key, modifier=PLAIN) -> None:
    """Press a key over the canvas."""
    if isinstance(viewer, ModelViewer):
        viewer.press_key(key, modifier)
        return
    QTest.keyClick(canvas_of(viewer), key, modifier)


def _send(viewer, kind, at, button, held, modifier=PLAIN) -> None:
    if isinstance(viewer, ModelViewer):
        viewer.mouse(kind, at, button, held, modifier)
        return
    canvas = canvas_of(viewer)
    here, on_screen = QPointF(at), QPointF(canvas.mapToGlobal(at))
    QApplication.sendEvent(canvas, QMouseEvent(kind, here, on_screen, button, held, modifier))

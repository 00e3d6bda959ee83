"""What a user does with mouse and keyboard."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest


def canvas_of(viewer):
    """The widget that shows the layers."""
    return viewer.window._qt_viewer.canvas.native


def place_on_canvas(viewer, layer, coordinates) -> QPoint:
    """Where on the canvas a place of a layer's data is drawn, in a 2D view."""
    camera = getattr(viewer, "scene", viewer).camera
    world = layer.data_to_world(coordinates)
    y, x = (world[axis - viewer.dims.ndim] for axis in viewer.dims.displayed)
    centre_y, centre_x = camera.center[-2:]
    canvas = canvas_of(viewer)
    return QPoint(
        round(canvas.width() / 2 + (x - centre_x) * camera.zoom),
        round(canvas.height() / 2 + (y - centre_y) * camera.zoom),
    )


def click(
    viewer,
    layer,
    coordinates,
    button=Qt.MouseButton.LeftButton,
    modifier=Qt.KeyboardModifier.NoModifier,
) -> None:
    """Click on a place given in data coordinates of a layer."""
    at = place_on_canvas(viewer, layer, coordinates)
    QTest.mouseMove(canvas_of(viewer), at)
    QTest.mouseClick(canvas_of(viewer), button, modifier, at)


def right_click(viewer, layer, coordinates) -> None:
    click(viewer, layer, coordinates, button=Qt.MouseButton.RightButton)


def alt_click(viewer, layer, coordinates) -> None:
    click(viewer, layer, coordinates, modifier=Qt.KeyboardModifier.AltModifier)


def ctrl_click(viewer, layer, coordinates) -> None:
    click(viewer, layer, coordinates, modifier=Qt.KeyboardModifier.ControlModifier)


def drag(viewer, layer, start, end) -> None:
    """Press at one place and release at another."""
    canvas = canvas_of(viewer)
    places = [
        place_on_canvas(viewer, layer, np.add(start, np.subtract(end, start) * part))
        for part in (0, 0.5, 1, 1)  # the last one twice: a busy machine may drop a move
    ]
    QTest.mouseMove(canvas, places[0])
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, places[0])
    for place in places[1:]:
        QTest.mouseMove(canvas, place)
        QTest.qWait(50)
    QTest.mouseRelease(
        canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, places[-1]
    )


def press(viewer, key, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key over the canvas."""
    QTest.keyClick(canvas_of(viewer), key, modifier)

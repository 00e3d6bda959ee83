"""The place of the lanes in napari's window: below the canvas alone, and low on small screens."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

SHARE, LOWEST, HIGHEST = 0.2, 120, 240  # of the window's height; limits in logical pixels


def put_below_canvas(widget: QWidget) -> None:
    """Leave the corners of the window to the docks at the sides, and make a widget's dock low."""
    dock, window = widget.parent(), widget.window()
    if not isinstance(dock, QDockWidget) or not isinstance(window, QMainWindow):
        return
    corners = {
        Qt.Corner.BottomLeftCorner: Qt.DockWidgetArea.LeftDockWidgetArea,
        Qt.Corner.BottomRightCorner: Qt.DockWidgetArea.RightDockWidgetArea,
    }
    for corner, area in corners.items():
        window.setCorner(corner, area)
    window.resizeDocks([dock], [height_for(window.height())], Qt.Orientation.Vertical)


def height_for(window_height: int) -> int:
    """Height of the lanes in a window of some height."""
    return max(LOWEST, min(HIGHEST, round(SHARE * window_height)))

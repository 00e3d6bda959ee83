"""A viewer of layers, keys and mouse without napari's window, for tests of what our window does.

napari's window takes most of the time of a test: its menus, its layer controls and its OpenGL
canvas. The window of a `ModelViewer` is an ordinary main window with docks. Mouse and keys take
napari's own way from the canvas on: the callbacks of the viewer and of the selected layer, and the
key bindings in napari's order. Tests that rest on the canvas or on the window mark their module
with `pytest.mark.real_window`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from napari.utils.key_bindings import KeymapHandler
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

CALLBACKS = {
    QEvent.Type.MouseMove: ("mouse_move", mouse_move_callbacks),
    QEvent.Type.MouseButtonPress: ("mouse_press", mouse_press_callbacks),
    QEvent.Type.MouseButtonRelease: ("mouse_release", mouse_release_callbacks),
}
AREAS = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "top": Qt.DockWidgetArea.TopDockWidgetArea,
    "bottom": Qt.DockWidgetArea.BottomDockWidgetArea,
}
BUTTONS = {Qt.MouseButton.LeftButton: 1, Qt.MouseButton.RightButton: 2}
MODIFIERS = {
    Qt.KeyboardModifier.ShiftModifier: "Shift",
    Qt.KeyboardModifier.ControlModifier: "Control",
    Qt.KeyboardModifier.AltModifier: "Alt",
}


class PlainWindow:
    """A main window with docks, as far as our widgets use napari's `Window`."""

    def __init__(self) -> None:
        self._qt_window = QMainWindow()
        self._qt_window.resize(400, 900)
        self._qt_window.show()
        self.dock_widgets: dict[str, QDockWidget] = {}

    def add_dock_widget(
        self,
        widget: QWidget,
        *,
        name: str = "",
        area: str = "right",
        add_vertical_stretch: bool = True,
    ) -> QDockWidget:
        """Dock a widget."""
        dock = QDockWidget(name, self._qt_window)
        dock.setWidget(widget)
        widget.setParent(dock)
        self._qt_window.addDockWidget(AREAS[area], dock)
        self.dock_widgets[name] = dock
        return dock

    def remove_dock_widget(self, widget: QWidget) -> None:
        """Remove a dock, given by itself or by its widget, which is set free but not closed."""
        docks = self.dock_widgets.items()
        [name] = [name for name, dock in docks if widget in (dock, dock.widget())]
        dock = self.dock_widgets.pop(name)
        dock.widget().setParent(None)
        self._qt_window.removeDockWidget(dock)
        dock.deleteLater()

    def close(self) -> None:
        """Close the window with all its docks."""
        for dock in list(self.dock_widgets.values()):
            dock.widget().close()
        self._qt_window.close()
        self._qt_window.deleteLater()


class ModelViewer(ViewerModel):
    """napari's model of a viewer, with a `PlainWindow`, mouse and keys."""

    _window: Any = None
    _keys: Any = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._window = PlainWindow()
        self._keys = KeymapHandler()

    @property
    def window(self) -> PlainWindow:
        return self._window

    def close(self) -> None:
        """Close the window."""
        self.layers.clear()
        self._window.close()

    def mouse(
        self,
        kind: QEvent.Type,
        world: np.ndarray,
        button: Qt.MouseButton,
        held: Qt.MouseButton,
        modifier: Qt.KeyboardModifier,
    ) -> None:
        """Do what napari's canvas does with an event of the mouse at a place of the world."""
        scene = getattr(self, "scene", self)
        name, call = CALLBACKS[kind]
        event = SimpleNamespace(
            type=name,
            position=tuple(world),
            pos=np.asarray(world)[list(self.dims.displayed)][::-1],
            button=BUTTONS.get(button),
            buttons=[BUTTONS[held]] if held in BUTTONS else [],
            modifiers=[MODIFIERS[modifier]] if modifier in MODIFIERS else [],
            is_dragging=name == "mouse_move" and held in BUTTONS,
            dims_displayed=list(self.dims.displayed),
            dims_point=list(self.dims.point),
            view_direction=None,
            up_direction=None,
            camera_zoom=scene.camera.zoom,
            viewbox=(0, 0),
            inverted=False,
            delta=(0, 0),
            native=None,
            handled=False,
        )
        self.cursor.position = event.position
        seen = ReadOnlyWrapper(event, exceptions=("handled",))  # a drag gets its later events by it
        for owner in (self, self.layers.selection.active):
            if owner is not None:
                call(owner, seen)

    def press_key(self, key: Qt.Key, modifier: Qt.KeyboardModifier) -> None:
        """Press and release a key over the canvas."""
        active = self.layers.selection.active
        self._keys.keymap_providers = [self] if active is None else [active, self]
        name = QKeySequence(key).toString()
        name = {"Return": "Enter", "Esc": "Escape", "Del": "Delete"}.get(name, name)
        parts = [text for flag, text in MODIFIERS.items() if modifier & flag]
        bound = "-".join([*parts, name])
        self._keys.press_key(bound)
        self._keys.release_key(bound)

"""Import of labels: labels of any Labels layer become objects, all at once or one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QMenu, QWidget

from napari_sam2.plugin.layers.label_source import label_source
from napari_sam2.plugin.protocol.messages import ImportLabels
from napari_sam2.plugin.startup.error_notifications import show_info

if TYPE_CHECKING:
    from napari_sam2.plugin.window.controller import Controller

RIGHT_BUTTON = 2


class LabelImport:
    """Finds Labels layers made by other tools and imports their labels.

    Parameters
    ----------
    controller : Controller
        Knows the layers of the viewer and the chosen image.
    parent : QWidget
        Owns the menu that a right click on a label opens.
    """

    def __init__(self, controller: Controller, parent: QWidget) -> None:
        self._controller = controller
        self._parent = parent
        self._listening: list[Labels] = []
        self._hidden: list[Labels] = []  # by the last import; its undo shows them again
        self.menu: QMenu | None = None
        controller.imported.connect(self._take_imported)

    def layers(self) -> list[Labels]:
        """Labels layers that do not belong to the plugin."""
        layers = self._controller.view.layers
        return [
            layer
            for layer in layers
            if isinstance(layer, Labels)
            and not self._controller.images.owns(layer)
            and not self._controller.finding.owns(layer)
        ]

    def is_offered(self, shows_more: bool) -> bool:
        """Whether there are labels to import, and the viewer shows them or they are asked for."""
        is_usable = self._controller.image_state is not None
        is_asked = self._controller.label_links.text is not None
        return is_usable and (
            is_asked or any(shows_more or layer.visible for layer in self.layers())
        )

    def refresh(self) -> None:
        """Listen to right clicks on the Labels layers; show those again whose import is undone."""
        image_state = self._controller.image_state
        redo_text = None if image_state is None else image_state.redo_text
        if self._hidden and (redo_text or "").startswith("import "):
            for layer in self._hidden:
                layer.visible = True
            self._hidden.clear()
        now = self.layers()
        for layer in [layer for layer in self._listening if layer not in now]:
            self._let_go(layer)
        for layer in now:
            if layer not in self._listening:
                layer.mouse_drag_callbacks.append(self._on_press)
                self._listening.append(layer)

    def close(self) -> None:
        """Stop listening to all layers."""
        for layer in list(self._listening):
            self._let_go(layer)

    def _let_go(self, layer: Labels) -> None:
        self._listening.remove(layer)
        if self._on_press in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.remove(self._on_press)

    def import_labels(self, layer: Labels, all_frames: bool, label: int | None = None) -> None:
        """Import the labels of a layer as objects.

        Parameters
        ----------
        layer : Labels
            Any Labels layer of the viewer.
        all_frames : bool
            Whether to import every frame, or only the shown one.
        label : int, optional
            Import only this label.
        """
        controller = self._controller
        image_state = controller.image_state
        if image_state is None:
            return
        try:
            source = label_source(layer, image_state.image)
        except ValueError as error:
            controller.canvas.on_refusal(str(error))
            return
        if all_frames and source.frames is None and image_state.frames > 1:
            controller.canvas.on_refusal(
                f"“{layer.name}” has only one frame. Go to its frame and press “Import frame”."
            )
            return
        if all_frames and image_state.frames > 1:
            controller.canvas.ask(ImportLabels(image_state.number, source, None, label))
            return
        shown, t = controller.view.acting_place()
        if shown is not None:
            controller.canvas.ask(ImportLabels(shown.number, source, t, label))

    def _take_imported(self, command: ImportLabels) -> None:
        """Hide the imported layer, return to clicking, and say what to do next."""
        controller, image_state = self._controller, self._controller.image_state
        if command.label is not None or image_state is None:
            return
        self._hidden.clear()
        for layer in self.layers():
            if str(layer.name) == command.source.name and layer.visible:
                layer.visible = False
                self._hidden.append(layer)
        controller.activate_clicks()
        undo_text = image_state.undo_text or ""
        cells = undo_text.removeprefix("import ") if undo_text.startswith("import ") else "Labels"
        track = " Track (K)" if image_state.is_movie else ""
        show_info(f"{cells} imported.{track}")

    def _on_press(self, layer: Labels, event: Any) -> Iterator[None]:
        is_right = event.button == RIGHT_BUTTON
        yield
        if not is_right or event.type == "mouse_move":
            return  # a drag with the right button zooms
        label = layer.get_value(
            event.position,
            view_direction=event.view_direction,
            dims_displayed=event.dims_displayed,
            world=True,
        )
        if label:
            self._offer(layer, int(label))

    def _offer(self, layer: Labels, label: int) -> None:
        self.menu = QMenu(self._parent)
        for text, all_frames in (("on this frame", False), ("on all frames", True)):
            action = self.menu.addAction(f"SAM 2: import label {label} {text}")
            action.triggered.connect(self._importer(layer, all_frames, label))
        self.menu.popup(QCursor.pos())

    def _importer(self, layer: Labels, all_frames: bool, label: int) -> Callable[[], None]:
        return lambda: self.import_labels(layer, all_frames, label)

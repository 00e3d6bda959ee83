"""The form row that imports labels of another tool, on one frame or on all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_sam2.plugin.widgets.form import button, form, label, menu, row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels


class ImportBox(QWidget):
    """A menu of Labels layers made by other tools; hidden while there is none.

    Signals
    -------
    asked(object, bool)
        The user wants the labels of a layer, on the frame that is shown or on all frames.
    """

    asked = Signal(object, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers: list[Labels] = []
        self.menu = menu(
            "Labels of another tool. Right-click a label on the image to import only that one"
        )
        self.frame = button("Import frame", "Every label on the shown frame becomes a cell")
        self.movie = button("Import all", "Every label becomes a cell, on all its frames")
        layout = form(self)
        layout.addRow(label("Labels"), self.menu)
        layout.addRow(label(), row(self.frame, self.movie))
        self.menu.activated.connect(self.menu.clearFocus)
        self.frame.clicked.connect(lambda: self._ask(all_frames=False))
        self.movie.clicked.connect(lambda: self._ask(all_frames=True))

    def show_layers(self, layers: Sequence[Labels], is_stack: bool) -> None:
        """List the layers by name, and keep references to them."""
        names = [str(layer.name) for layer in layers]
        shown = [self.menu.itemText(i) for i in range(self.menu.count())]
        if self._layers != list(layers) or shown != names:
            chosen = self._chosen()
            self._layers = list(layers)
            self.menu.clear()
            self.menu.addItems(names)
            if chosen in self._layers:
                self.menu.setCurrentIndex(self._layers.index(chosen))
        self.setVisible(bool(layers))
        self.movie.setVisible(is_stack)

    def _chosen(self) -> Labels | None:
        index = self.menu.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def _ask(self, *, all_frames: bool) -> None:
        layer = self._chosen()
        if layer is not None:
            self.asked.emit(layer, all_frames)

"""The form row that imports labels of another tool, on one frame or on all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

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
    link_asked(), keep_asked(), leave_asked()
        The user wants masks that overlap linked, or the numbers as they are, or no import.
    """

    asked = Signal(object, bool)
    link_asked = Signal()
    keep_asked = Signal()
    leave_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers: list[Labels] = []
        self.menu = menu(
            "Labels of another tool. Right-click a label on the image to import only that one"
        )
        self.frame = button("Import frame", "Every label on the shown frame becomes a cell")
        self.movie = button("Import all", "Every label becomes a cell, on all its frames")
        self.question = QLabel()
        self.question.setWordWrap(True)
        self.link = button("Link them", "Masks that overlap from frame to frame become one cell")
        self.keep = button("Keep numbers", "Each number becomes one cell, as it is in the layer")
        self.leave = button("Cancel", "Import no labels")
        self.answers = QWidget()
        layout = form(self)
        layout.addRow(label("Labels"), self.menu)
        layout.addRow(label(), row(self.frame, self.movie))
        answers = QVBoxLayout(self.answers)
        answers.setContentsMargins(0, 0, 0, 0)
        answers.addWidget(self.question)
        answers.addWidget(row(self.link, self.keep, self.leave))
        layout.addRow(self.answers)
        self.answers.hide()
        self.menu.activated.connect(self.menu.clearFocus)
        self.frame.clicked.connect(lambda: self._ask(all_frames=False))
        self.movie.clicked.connect(lambda: self._ask(all_frames=True))
        self.link.clicked.connect(self.link_asked)
        self.keep.clicked.connect(self.keep_asked)
        self.leave.clicked.connect(self.leave_asked)

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
        self.movie.setVisible(is_stack)

    def show_links(self, text: str | None) -> None:
        """Ask whether to link labels, after a text about what they become; None asks nothing."""
        if text is not None:
            self.question.setText(
                f"The cells are numbered anew on each frame. {text} if masks that overlap are "
                "linked. Link them?"
            )
        self.answers.setVisible(text is not None)

    def _chosen(self) -> Labels | None:
        index = self.menu.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def _ask(self, *, all_frames: bool) -> None:
        layer = self._chosen()
        if layer is not None:
            self.asked.emit(layer, all_frames)

"""The menu of objects, and the buttons that decide what the next click does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QButtonGroup, QPushButton, QSizePolicy, QWidget

from napari_sam2.plugin.layers.colours import GREEN, RED, Colour
from napari_sam2.plugin.protocol.messages import EXCLUDE, INCLUDE
from napari_sam2.plugin.widgets.form import button, form, label, menu, row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SWATCH = 14  # pixels


class ObjectBox(QWidget):
    """Menu of objects, with the buttons Next, Delete, Include and Exclude.

    Signals
    -------
    object_chosen(int), sign_chosen(int)
        The user chose an object, or include or exclude.
    next_asked(), remove_asked(), box_asked()
        The user asked for a new object, to delete the current one, or to draw boxes.
    """

    object_chosen = Signal(int)
    sign_chosen = Signal(int)
    next_asked = Signal()
    box_asked = Signal()
    remove_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.objects = menu("The cell that clicks are for. Ctrl+click on a mask selects its cell")
        self.objects.setMinimumContentsLength(4)  # the widest row of the panel: it sets its width
        self.next = button("Next (N)", "The next click makes a new cell")
        self.remove = button("×", "Delete this cell with its prompts and masks")
        self.remove.setFixedWidth(28)
        self.include = _choice(
            "Include", GREEN, "A click includes an area in the cell (T switches)"
        )
        self.exclude = _choice(
            "Exclude",
            RED,
            "A click excludes an area from the cell (T switches); so does a right-click",
        )
        self.signs = QButtonGroup(self)
        self.signs.addButton(self.include, INCLUDE)
        self.signs.addButton(self.exclude, EXCLUDE)
        self._shown: list[tuple[int, str, tuple[float, ...]]] = []
        self._form = form(self)
        self.box = button("Box", "Draw boxes around cells (Shift+B)")
        self._clicks = row(self.include, self.exclude, self.box)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self._form.addRow(label("Cell"), row(self.objects, self.next, self.remove))
        self._form.addRow(label("Click (T)"), self._clicks)

    def _connect(self) -> None:
        self.objects.activated.connect(self._on_object)
        self.next.clicked.connect(self.next_asked)
        self.remove.clicked.connect(self.remove_asked)
        self.box.clicked.connect(self.box_asked)
        self.signs.idClicked.connect(self.sign_chosen)

    def show_objects(
        self,
        object_ids: Sequence[int],
        current: int,
        names: Mapping[int, str],
        colour_of: Callable[[int], Colour],
    ) -> None:
        """List the objects with their colours and mark the current one."""
        shown = [
            (
                object_id,
                names.get(object_id, ""),
                tuple(float(part) for part in colour_of(object_id)),
            )
            for object_id in object_ids
        ]
        if shown != self._shown:
            self._shown = shown
            self.objects.clear()
            for object_id, name, colour in shown:
                self.objects.addItem(swatch(colour), f"{object_id}  {name}".strip())
        self.objects.setCurrentIndex(list(object_ids).index(current))

    def show_more(self, shows_more: bool) -> None:
        """Show all controls, or only what is needed: the next cell, and how to include again."""
        for widget in (self.objects, self.remove):
            widget.setVisible(shows_more)
        self._form.setRowVisible(self._clicks, shows_more or self.exclude.isChecked())

    def show_sign(self, sign: int) -> None:
        """Show whether a click includes or excludes."""
        (self.include if sign == INCLUDE else self.exclude).setChecked(True)

    def _on_object(self, index: int) -> None:
        self.objects.clearFocus()
        self.object_chosen.emit(self._shown[index][0])


def swatch(colour: Sequence[float]) -> QIcon:
    """Make an icon: a round spot of a colour given as RGBA 0..1."""
    pixmap = QPixmap(SWATCH, SWATCH)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor.fromRgbF(*(float(part) for part in colour[:3])))
    painter.drawEllipse(1, 1, SWATCH - 2, SWATCH - 2)
    painter.end()
    return QIcon(pixmap)


def _choice(text: str, colour: Sequence[float], tool_tip: str) -> QPushButton:
    """Make a checkable button with a coloured icon."""
    choice = button(f" {text}", tool_tip)
    choice.setCheckable(True)
    choice.setIcon(swatch(colour))
    choice.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return choice

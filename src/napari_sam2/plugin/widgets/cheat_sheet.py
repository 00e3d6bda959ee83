"""All keys and gestures on one page."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

SHEET: dict[str, tuple[tuple[str, str], ...]] = {
    "Prompts": (
        ("Click", "this belongs to the cell; the first click makes it"),
        ("Right-click, Alt+click", "this does not"),
        ("Click on a point of the cell", "removes it; points of other cells stay"),
        ("Ctrl+click on a mask", "picks its cell"),
        ("T", "include or exclude with the left button"),
        ("N", "the next click makes another cell"),
        ("Shift+C", "clear the cell's prompts on this frame"),
    ),
    "Painting on the labels": (
        ("Paint, erase, fill, polygon", "each stroke corrects the cell and is kept"),
        ("Another label", "takes up that cell, or begins a new one"),
    ),
    "Tracking": (
        ("K", "track, or cancel"),
        ("Esc", "cancel; what is done stays"),
        ("Shift+K", "outline the cell on this frame only, from its other frames"),
    ),
    "Review": (
        ("]", "next doubtful frame"),
        ("[", "the one before"),
        ("C", "accept the cell on this frame"),
        ("L", "lock the cell on this frame"),
        ("D", "the cell divides on this frame"),
    ),
    "Always": (
        ("Ctrl+Z", "undo, whatever it was"),
        ("Ctrl+Shift+Z", "redo"),
        ("?", "this page"),
    ),
}


class CheatSheet(QDialog):
    """A window with the keys, closed by Esc."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("SAM 2: keys and clicks")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        layout = QVBoxLayout(self)
        for title, rows in SHEET.items():
            heading = QLabel(title)
            font = heading.font()
            font.setBold(True)
            heading.setFont(font)
            layout.addWidget(heading)
            grid = QGridLayout()
            grid.setContentsMargins(12, 0, 0, 8)
            grid.setColumnMinimumWidth(0, 190)
            grid.setColumnStretch(1, 1)
            for index, (key, text) in enumerate(rows):
                grid.addWidget(QLabel(key), index, 0)
                grid.addWidget(QLabel(text), index, 1)
            layout.addLayout(grid)

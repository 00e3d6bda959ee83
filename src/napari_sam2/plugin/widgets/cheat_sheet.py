"""The dialog that lists all keys and clicks."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

SHEET: dict[str, tuple[tuple[str, str], ...]] = {
    "Prompts": (
        ("Click", "includes this area in the cell; the first click makes the cell"),
        ("Right-click, Alt+click", "excludes this area from the cell, or from the one below"),
        ("Click on a point of the cell", "removes the point; points of other cells stay"),
        ("Ctrl+click on a mask", "selects its cell"),
        ("T", "switches the left button between include and exclude"),
        ("N", "the next click makes a new cell"),
        ("O", "after one click: shows another guess of the outline; there are three"),
        ("Shift+C", "clears the prompts of the cell on this frame"),
        ("Shift+B", "draws boxes around cells; N starts the next one"),
        (".", "selects the next cell of the table and shows a frame with its mask"),
        (",", "selects the cell before"),
    ),
    "Clicks by the keyboard": (
        ("Ctrl+Shift+Up, Ctrl+Shift+Down", "show and move the crosshair; the mouse removes it"),
        ("Ctrl+Shift+Left, Ctrl+Shift+Right", "move it to the left, to the right"),
        ("Enter", "clicks at the crosshair"),
    ),
    "Find cells": (
        ("F", "finds all cells of this frame and shows them as yellow outlines"),
        ("Enter", "makes a cell of each yellow outline"),
        ("Click, right-click an outline", "takes this cell, drops this cell"),
        ("Esc", "stops the search; removes the outlines without a change"),
        ("] and [", "after looking for new cells: go to the next, or the last, frame"),
        ("Backspace", "drops the new cells of this frame"),
    ),
    "Painting on the labels layer": (
        ("Paint, erase, fill, polygon", "each stroke corrects the cell; tracking keeps it"),
        ("Choose a label that exists", "selects that cell for the brush"),
        ("Choose a new label", "makes a new cell"),
    ),
    "Tracking": (
        ("K", "starts tracking; while tracking, cancels it"),
        ("Esc", "cancels tracking; frames that are done stay"),
        ("Shift+K", "outlines the cell on this frame only, from its other frames"),
    ),
    "Teaching": (("Shift+T", "teaches the model your cells; while teaching, stops it"),),
    "Review": (
        ("]", "goes to the next doubtful frame, the worst first"),
        ("[", "goes back to the doubtful frame before"),
        ("C", "marks the cell as reviewed on this frame; again: takes it back"),
        ("L", "locks the cell on this frame; again: unlocks it"),
        ("D", "on the first frame with two cells: click each daughter; Esc undoes it"),
        ("D, then drag", "from one daughter to the other: makes both"),
        ("Shift+D", "says that a possible division is none"),
        ("D with two cells selected", "makes them daughters of the cell before"),
        ("Q", "shows the lanes of the family of the current cell only; again: all lanes"),
        ("Arrow keys in the lanes", "go to the next lane or frame, and from mother to daughter"),
    ),
    "Review of whole cells": (
        ("Shift+R", "plays each cell, its doubtful frames first; again: leaves the review"),
        ("G", "good: the cell is right on every frame"),
        ("W", "wrong: the cell goes to the list of cells to refine"),
        ("J", "rejects the cell: it is left out of exports"),
        ("Q", "pauses; plays the cell again"),
    ),
    "Judge a sample": (
        ("G", "good: the outline is right and is marked as reviewed"),
        ("W", "wrong: the outline is marked as wrong"),
    ),
    "Always": (
        ("Ctrl+Z", "undoes the last change, on any layer"),
        ("Ctrl+Shift+Z", "redoes it"),
        ("?", "opens this list"),
    ),
}


class CheatSheet(QDialog):
    """A dialog with all keys and clicks; Esc closes it."""

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

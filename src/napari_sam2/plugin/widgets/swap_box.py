"""Possible swaps of two cells: the question, and its two answers."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_sam2.plugin.widgets.form import SPACING, button, row


class SwapBox(QWidget):
    """A button that looks for possible swaps, and two to decide each of them.

    Signals
    -------
    swaps_asked(), swap_asked(), keep_asked()
        The user pressed a button.
    """

    swaps_asked = Signal()
    swap_asked = Signal()
    keep_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.swaps = button(
            "Possible swaps",
            "Look for cells that touched, parted, and may have exchanged their numbers",
        )
        self.swaps.setCheckable(True)
        self.swap = button("Swap", "Exchange the two cells from this frame on")
        self.keep = button("Leave", "The cells did not swap")
        self.text = QLabel()
        self.text.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(row(self.swaps, self.swap, self.keep))
        layout.addWidget(self.text)
        self.swaps.clicked.connect(self.swaps_asked)
        self.swap.clicked.connect(self.swap_asked)
        self.keep.clicked.connect(self.keep_asked)
        self.show_question("")

    def show_question(self, text: str) -> None:
        """Show the question about a pair; empty while there is none."""
        self.swaps.setChecked(bool(text))
        for answer in (self.swap, self.keep):
            answer.setVisible(bool(text))
        self.text.setText(text)
        self.text.setVisible(bool(text))

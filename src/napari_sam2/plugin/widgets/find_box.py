"""Find cells: the button, its progress, and which proposals are shown."""

from __future__ import annotations

from math import ceil, floor

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QSlider, QVBoxLayout, QWidget
from superqt import QRangeSlider

from napari_sam2.annotation.undo_texts import counted
from napari_sam2.plugin.widgets.form import SPACING, button, label, row

PERCENT = 100


class FindBox(QWidget):
    """The button that finds all cells of a frame, and what to do with them.

    Signals
    -------
    find_asked(), take_asked(), leave_asked()
        The user pressed a button.
    limits_chosen(float, float, float)
        The user moved a slider: least score, least and largest diameter in pixels.
    """

    find_asked = Signal()
    take_asked = Signal()
    leave_asked = Signal()
    limits_chosen = Signal(float, float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.find = button("Find cells (F)", "Look for all cells of the shown frame")
        self.cancel = button("Cancel (Esc)", "Stop looking for cells")
        self.progress = QProgressBar()
        self.found = QWidget()
        self.count = QLabel()
        self.score = QSlider(Qt.Orientation.Horizontal)
        self.score.setRange(0, PERCENT)
        self.score.setToolTip("Show only cells of which the model is at least this sure")
        self.size = QRangeSlider(Qt.Orientation.Horizontal)
        self.size.setToolTip("Show only cells between these two diameters")
        self.hovered = QLabel()
        self.take = button("Take all (Enter)", "Make a cell of each yellow outline")
        self.leave = button("Leave (Esc)", "Remove the yellow outlines; nothing is changed")
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        inner, layout = QVBoxLayout(self.found), QVBoxLayout(self)
        for one in (inner, layout):
            one.setContentsMargins(0, 0, 0, 0)
            one.setSpacing(SPACING)
        for slider in (self.score, self.size):
            slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Enter and Esc stay with the canvas
        inner.addWidget(self.count)
        inner.addWidget(row(label("Score"), self.score))
        inner.addWidget(row(label("Size"), self.size))
        inner.addWidget(self.hovered)
        inner.addWidget(row(self.take, self.leave))
        for widget in (self.find, self.cancel, self.progress, self.found):
            layout.addWidget(widget)

    def _connect(self) -> None:
        self.find.clicked.connect(self.find_asked)
        self.take.clicked.connect(self.take_asked)
        self.cancel.clicked.connect(self.leave_asked)
        self.leave.clicked.connect(self.leave_asked)
        self.score.valueChanged.connect(self._choose_limits)
        self.size.valueChanged.connect(self._choose_limits)

    def _choose_limits(self) -> None:
        low, high = self.size.value()
        self.limits_chosen.emit(self.score.value() / PERCENT, float(low), float(high))

    def show_search(self, progress: tuple[int, int] | None) -> None:
        """Show the done and all steps of a search; None if there is no search."""
        self.find.setVisible(progress is None)
        self.cancel.setVisible(progress is not None)
        self.progress.setVisible(progress is not None)
        if progress is not None:
            done, total = progress
            self.progress.setRange(0, total)  # 0 of 0 shows that it is busy
            self.progress.setValue(done)

    def show_found(self, shown: int | None, hidden: int = 0) -> None:
        """Show how many proposals are shown and hidden; None if there are none to decide on."""
        self.found.setVisible(shown is not None)
        if shown is not None:
            rest = f", {hidden} hidden" if hidden else ""
            self.count.setText(f"{counted(shown, 'cell')} found{rest}")
            self.take.setEnabled(shown > 0)

    def show_limits(
        self, score: float, sizes: tuple[float, float], limits: tuple[float, float]
    ) -> None:
        """Show the least score, the diameters between which cells are shown, and their limits."""
        with QSignalBlocker(self.score), QSignalBlocker(self.size):
            self.score.setValue(round(score * PERCENT))
            self.size.setRange(floor(limits[0]), max(ceil(limits[1]), floor(limits[0]) + 1))
            self.size.setValue((floor(sizes[0]), ceil(sizes[1])))

    def show_hovered(self, text: str) -> None:
        """Show the score and size of the proposal under the mouse."""
        self.hovered.setText(text or "Point at an outline for its score and size")

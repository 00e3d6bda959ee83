"""The card at the end of a lesson: figures and pictures, and the choice of the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_sam2.annotation.undo_texts import counted
from napari_sam2.plugin.widgets.form import SPACING, button, row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.plugin.window.teaching import Outcome

USE, KEEP, CLOSE = "Use it", "Keep the old one", "Close"


class TeachCard(QDialog):
    """Shows what came of a lesson; closing it keeps the old model.

    Parameters
    ----------
    outcome : Outcome
        What came of the lesson.
    parent : QWidget, optional
        The panel.

    Signals
    -------
    use_asked(str)
        The user wants the taught model, under this name.
    keep_asked()
        The user keeps the old model.
    """

    use_asked = Signal(str)
    keep_asked = Signal()

    def __init__(self, outcome: Outcome, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("SAM 2: taught model")
        self.verdict = QLabel(verdict(outcome))
        self.verdict.setWordWrap(True)
        self.verdict.setTextFormat(Qt.TextFormat.PlainText)
        self.name = QLineEdit(outcome.name)
        self.use = button(USE, "Use the taught model; undo goes back to the old one")
        self.keep = button(KEEP if outcome.result.is_better else CLOSE)
        self.use.clicked.connect(lambda: self.use_asked.emit(self.name.text()))
        self.keep.clicked.connect(self.reject)
        self.rejected.connect(self.keep_asked)
        layout = QVBoxLayout(self)
        layout.setSpacing(2 * SPACING)
        layout.addWidget(self.verdict)
        layout.addLayout(_pictures(outcome))
        if outcome.result.is_better:
            layout.addWidget(row(QLabel("Name"), self.name))
            layout.addWidget(row(self.use, self.keep))
            self.use.setDefault(True)
        else:
            layout.addWidget(self.keep)


def verdict(outcome: Outcome) -> str:
    """Sentences that say whether the taught model is better, and how that was measured."""
    result = outcome.result
    figures = f"{result.before:.2f} before, {result.after:.2f} after"
    if result.is_better:
        first = f"The taught model is better on your cells: IoU {figures}."
    else:
        first = f"The taught model is not better: IoU {figures}. The old model stays in use."
    lines = [
        first,
        f"It learnt {result.learnt_masks} masks and was tested on "
        f"{counted(result.judged_masks, 'other mask')} that it did not learn.",
    ]
    if outcome.overlapping:
        lines.append(
            f"On {counted(outcome.overlapping, 'frame')}, masks of two cells overlap. "
            "Each pixel was learnt as part of the cell that the labels show there."
        )
    return "\n".join([*lines, *result.notes])


def _pictures(outcome: Outcome) -> QGridLayout:
    grid = QGridLayout()
    for line, title in enumerate(("Before", "After")):
        grid.addWidget(QLabel(title), line, 0)
        for column, cell in enumerate(outcome.pictures):
            picture = QLabel()
            picture.setPixmap(_pixmap(cell[line]))
            picture.setToolTip(f"IoU {outcome.result.cells[column][line]:.2f} after one click")
            grid.addWidget(picture, line, column + 1)
    for column in range(len(outcome.pictures)):
        is_aside = column < outcome.result.cells_aside
        grid.addWidget(QLabel("Kept aside" if is_aside else "Learnt"), 2, column + 1)
    grid.setColumnStretch(len(outcome.pictures) + 1, 1)
    return grid


def _pixmap(pixels: NDArray[np.uint8]) -> QPixmap:
    height, width, _ = pixels.shape
    data = pixels.tobytes()
    return QPixmap.fromImage(
        QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    )

"""The dialog that shows the time and the corrections that an annotation took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from napari_sam2.io.project.effort import Effort, ObjectEffort

CELL_TITLES = ("cell", "name", "minutes", "frames", "edited", "clicks", "strokes", "other edits")


class EffortDialog(QDialog):
    """Two tables to read: the figures by how masks were made, and those of each cell.

    Parameters
    ----------
    effort : Effort
        What to show.
    parent : QWidget, optional
        The panel.
    """

    def __init__(self, effort: Effort, parent: QWidget | None = None) -> None:
        # the import loads torch, which is there by now
        from napari_sam2.io.project.effort import TITLES, phase_texts

        super().__init__(parent)
        self.setWindowTitle("SAM 2: time and corrections")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(640, 420)
        self.summary = QLabel(
            f"{effort.seconds / 60:.1f} minutes in all. Of a pause, at most 30 seconds count; "
            "tracking by the computer does not count."
        )
        self.summary.setWordWrap(True)
        self.phases = _table(TITLES, [phase_texts(row) for row in effort.phases])
        cells = sorted(effort.objects, key=lambda row: -row.seconds)
        self.cells = _table(CELL_TITLES, [_texts(row) for row in cells])
        layout = QVBoxLayout(self)
        layout.addWidget(self.summary)
        layout.addWidget(self.phases, stretch=1)
        layout.addWidget(self.cells, stretch=2)


def _texts(row: ObjectEffort) -> tuple[str, ...]:
    counts = (row.frames, row.edited_frames, row.clicks, row.strokes, row.edits)
    return (str(row.object_id), row.name, f"{row.seconds / 60:.1f}", *map(str, counts))


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> QTableWidget:
    table = QTableWidget(len(rows), len(titles))
    table.setHorizontalHeaderLabels(list(titles))
    table.verticalHeader().hide()
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    for i, texts in enumerate(rows):
        for j, text in enumerate(texts):
            table.setItem(i, j, QTableWidgetItem(text))
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    return table

"""The Qt item model of the table of objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal

from napari_sam2.plugin.widgets.object_box import swatch
from napari_sam2.plugin.window.timelines import Summary, extent_text

if TYPE_CHECKING:
    from napari_sam2.plugin.layers.colours import Colour

SORT_ROLE = Qt.ItemDataRole.UserRole
STATUSES = ("draft", "reviewed", "to refine", "rejected")


class Column(IntEnum):
    """Columns of the table, from the left."""

    SHOWN = 0
    OBJECT = 1
    NAME = 2
    FRAMES = 3
    PROMPTS = 4
    DOUBTFUL = 5
    STATUS = 6
    MOTHER = 7


TITLES = {
    Column.SHOWN: ("", "Whether the labels layer shows the cell"),
    Column.OBJECT: ("Id", "Colour of the cell, and its number in the labels"),
    Column.NAME: ("Name", "Double-click to rename"),
    Column.FRAMES: ("Frames", "First and last frame with a mask (number of frames with a mask)"),
    Column.PROMPTS: ("●", "Frames with clicks, boxes or painted masks"),
    Column.DOUBTFUL: ("?", "Doubtful frames that are not reviewed yet"),
    Column.STATUS: (
        "Status",
        "Double-click to change: draft, reviewed, to refine or rejected (left out of exports)",
    ),
    Column.MOTHER: ("↑", "Number of the mother; double-click to change it, empty for none"),
}
TITLES_IN_3D = TITLES | {
    Column.FRAMES: ("Times", "First and last time with a mask (number of times with a mask)"),
    Column.PROMPTS: ("●", "Planes with clicks, boxes or painted masks"),
    Column.DOUBTFUL: ("?", "Doubtful times that are not reviewed yet"),
}
EDITABLE = (Column.NAME, Column.STATUS, Column.MOTHER)
NUMBERS = (Column.FRAMES, Column.PROMPTS, Column.DOUBTFUL, Column.MOTHER)


@dataclass(frozen=True)
class ObjectRow:
    """One object as a row of the table."""

    object_id: int
    name: str
    colour: Colour
    summary: Summary
    status: str = "draft"
    is_shown: bool = True
    mother: int | None = None
    family: str = ""

    @property
    def shown_name(self) -> str:
        """The name; that of the family, such as 1.1.2, for a daughter without a name."""
        return self.name or ("" if self.mother is None else self.family)

    def text(self, column: Column) -> str:
        """Text of a column."""
        texts = {
            Column.OBJECT: str(self.object_id),
            Column.NAME: self.name,
            Column.FRAMES: extent_text(self.summary),
            Column.PROMPTS: str(self.summary.prompts),
            Column.DOUBTFUL: str(self.unreviewed or ""),
            Column.STATUS: self.status,
            Column.MOTHER: str(self.mother or ""),
        }
        return texts.get(column, "")

    def sort_key(self, column: Column) -> Any:
        """Sort key of a column."""
        keys = {
            Column.SHOWN: self.is_shown,
            Column.OBJECT: self.object_id,
            Column.NAME: self.shown_name.casefold(),
            Column.FRAMES: -1 if self.summary.first is None else self.summary.first,
            Column.PROMPTS: self.summary.prompts,
            Column.DOUBTFUL: self.unreviewed,
            Column.STATUS: STATUSES.index(self.status),
            Column.MOTHER: self.mother or 0,
        }
        return keys[column]

    @property
    def unreviewed(self) -> int:
        """Number of doubtful frames that are not reviewed."""
        return self.summary.doubtful - self.summary.reviewed


class ObjectsModel(QAbstractTableModel):
    """Rows of the table in the order of the ids.

    Signals
    -------
    renamed(int, str), status_chosen(int, str), shown_chosen(int, bool), mother_chosen(int, int)
        The user edited an object; mother 0 is none. The table shows the change once the document
        has made it.
    """

    renamed = Signal(int, str)
    status_chosen = Signal(int, str)
    shown_chosen = Signal(int, bool)
    mother_chosen = Signal(int, int)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._rows: list[ObjectRow] = []
        self._titles = TITLES

    def show_titles(self, in_3d: bool) -> None:
        """Show the titles for frames, or in 3D for the times of volumes."""
        titles = TITLES_IN_3D if in_3d else TITLES
        if titles is not self._titles:
            self._titles = titles
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(Column) - 1)

    def show_rows(self, rows: Sequence[ObjectRow]) -> None:
        """Show these rows, changing only what differs, so that selection and editors stay."""
        wanted = sorted(rows, key=lambda row: row.object_id)
        self._remove_all_but({row.object_id for row in wanted})
        for index, row in enumerate(wanted):
            if index == len(self._rows) or self._rows[index].object_id != row.object_id:
                self.beginInsertRows(QModelIndex(), index, index)
                self._rows.insert(index, row)
                self.endInsertRows()
            elif self._rows[index] != row:
                self._rows[index] = row
                last = self.index(index, len(Column) - 1)
                self.dataChanged.emit(self.index(index, 0), last)

    def _remove_all_but(self, kept: set[int]) -> None:
        for index in reversed(range(len(self._rows))):
            if self._rows[index].object_id not in kept:
                self.beginRemoveRows(QModelIndex(), index, index)
                del self._rows[index]
                self.endRemoveRows()

    def object_at(self, row: int) -> ObjectRow:
        """The object of a row."""
        return self._rows[row]

    def row_of(self, object_id: int) -> int | None:
        """Row of an object; None if the table does not list it."""
        rows = (i for i, row in enumerate(self._rows) if row.object_id == object_id)
        return next(rows, None)

    # Overridden methods of QAbstractTableModel

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Number of objects."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Number of columns."""
        return 0 if parent is not None and parent.isValid() else len(Column)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Titles of the columns and their tooltips."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._titles[Column(section)][0]
        return self._titles[Column(section)][1] if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Value of a table cell for a role."""
        row, column = self._rows[index.row()], Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole and column == Column.NAME:
            return row.shown_name
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.text(column)
        if role == SORT_ROLE:
            return row.sort_key(column)
        if role == Qt.ItemDataRole.DecorationRole and column == Column.OBJECT:
            return swatch(row.colour)
        if role == Qt.ItemDataRole.CheckStateRole and column == Column.SHOWN:
            return Qt.CheckState.Checked if row.is_shown else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.TextAlignmentRole and column in NUMBERS:
            return Qt.AlignmentFlag.AlignCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return TITLES[column][1]
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Names and statuses can be edited, visibility checked."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() in EDITABLE:
            flags |= Qt.ItemFlag.ItemIsEditable
        if index.column() == Column.SHOWN:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Emit the user's edit as a signal; the table changes when the document answers."""
        row, column = self._rows[index.row()], Column(index.column())
        if role == Qt.ItemDataRole.CheckStateRole:
            self.shown_chosen.emit(row.object_id, not row.is_shown)
        elif role != Qt.ItemDataRole.EditRole or str(value) == row.text(column):
            return False
        elif column == Column.NAME:
            self.renamed.emit(row.object_id, str(value).strip())
        elif column == Column.STATUS:
            self.status_chosen.emit(row.object_id, str(value))
        elif column == Column.MOTHER:
            return self._choose_mother(row.object_id, str(value).strip())
        return True

    def _choose_mother(self, object_id: int, text: str) -> bool:
        """Emit the number of a mother that the user typed; False if it is none of a cell."""
        if text and (not text.isdecimal() or self.row_of(int(text)) is None):
            return False
        self.mother_chosen.emit(object_id, int(text or 0))
        return True

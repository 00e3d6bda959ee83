"""The table of objects with the buttons that edit them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QItemSelectionModel, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QPainter, QPalette
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QMenu,
    QSizePolicy,
    QStyledItemDelegate,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.plugin.widgets.form import SPACING, button, row
from napari_sam2.plugin.widgets.objects_model import (
    SORT_ROLE,
    STATUSES,
    Column,
    ObjectRow,
    ObjectsModel,
)

EMPTY = "Cells that you click are listed here."
TABLE_KEYS = (
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
    Qt.Key.Key_F2,
)
ROWS_AT_LEAST = 4


class ObjectsTable(QWidget):
    """Lists the objects and emits the user's edits as signals.

    Signals
    -------
    object_chosen(int)
        The user selected one object.
    renamed(int, str), status_chosen(int, str), shown_chosen(int, bool)
        The user edited a cell of the table.
    removal_asked(list), merge_asked(list), split_asked(int), swap_asked(int, int)
        The user asked to delete objects, to merge them (the first one keeps its number), to split
        one at the shown frame, or to swap two from the shown frame on.
    mother_chosen(int, int), dissolve_asked(int, int), move_asked(int)
        The user chose the mother of an object, 0 for none; or asked that a mother goes on in a
        daughter, or that the daughters of a mother begin on the shown frame.
    """

    object_chosen = Signal(int)
    renamed = Signal(int, str)
    status_chosen = Signal(int, str)
    shown_chosen = Signal(int, bool)
    removal_asked = Signal(list)
    merge_asked = Signal(list)
    split_asked = Signal(int)
    swap_asked = Signal(int, int)
    mother_chosen = Signal(int, int)
    dissolve_asked = Signal(int, int)
    move_asked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = ObjectsModel(self)
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setSourceModel(self.model)
        self.sorted.setSortRole(SORT_ROLE)
        self.view = _View(self)
        self.view.setModel(self.sorted)
        self.merge = button(
            "Merge", "Make the selected cells one; the current cell keeps its number"
        )
        self.split = button("Split", "Make the current cell a new one from the shown frame on")
        self.swap = button("Swap", "Exchange the two selected cells from the shown frame on")
        self.remove = button("Delete", "Delete the selected cells with their prompts and masks")
        self._is_showing = False
        self._current = 0
        self._edits = row(self.merge, self.split, self.swap, self.remove)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.view)
        layout.addWidget(self._edits)
        self.view.sortByColumn(Column.OBJECT, Qt.SortOrder.AscendingOrder)
        self.view.set_widths()

    def _connect(self) -> None:
        self.model.renamed.connect(self.renamed)
        self.model.status_chosen.connect(self.status_chosen)
        self.model.shown_chosen.connect(self.shown_chosen)
        self.model.mother_chosen.connect(self.mother_chosen)
        self.view.selectionModel().selectionChanged.connect(self._on_selected)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self.merge.clicked.connect(lambda: self.merge_asked.emit(self._kept_first()))
        self.split.clicked.connect(lambda: self.split_asked.emit(self._current))
        self.swap.clicked.connect(lambda: self.swap_asked.emit(*self.selected()[:2]))
        self.remove.clicked.connect(lambda: self.removal_asked.emit(self.selected()))

    # Showing

    def show_more(self, shows_more: bool) -> None:
        """Show the buttons below the table and all columns; the menu offers the same edits."""
        self._edits.setVisible(shows_more)
        for column in (Column.PROMPTS, Column.MOTHER):
            self.view.setColumnHidden(column, not shows_more)

    def show_objects(self, rows: Sequence[ObjectRow], current: int) -> None:
        """Show the objects, and select the current one."""
        self._is_showing = True
        try:
            self.model.show_rows(rows)
            if current not in self.selected() or current != self._current:
                self._select(current)
        finally:
            self._is_showing = False
        self._current = current
        self._enable()

    def _select(self, object_id: int) -> None:
        selection = self.view.selectionModel()
        found = self.model.row_of(object_id)
        if found is None:
            selection.clearSelection()
            return
        index = self.sorted.mapFromSource(self.model.index(found, 0))
        how = QItemSelectionModel.SelectionFlag
        selection.setCurrentIndex(index, how.ClearAndSelect | how.Rows)
        self.view.scrollTo(index)

    def selected(self) -> list[int]:
        """Selected objects, in the order of the table."""
        rows = sorted(index.row() for index in self.view.selectionModel().selectedRows())
        return [self._object_in(shown) for shown in rows]

    def _object_in(self, shown_row: int) -> int:
        source = self.sorted.mapToSource(self.sorted.index(shown_row, 0))
        return self.model.object_at(source.row()).object_id

    def _kept_first(self) -> list[int]:
        return sorted(self.selected(), key=lambda object_id: object_id != self._current)

    def _enable(self) -> None:
        count = len(self.selected())
        self.merge.setEnabled(count >= 2)
        self.split.setEnabled(count == 1)
        self.swap.setEnabled(count == 2)
        self.remove.setEnabled(count >= 1)

    # Actions of the user

    def _on_selected(self) -> None:
        if self._is_showing:
            return
        self._enable()
        index = self.view.selectionModel().currentIndex()
        if index.isValid() and index.row() in {
            chosen.row() for chosen in self.view.selectionModel().selectedRows()
        }:
            self._current = self._object_in(index.row())
            self.object_chosen.emit(self._current)

    def _show_menu(self, at: Any) -> None:
        menu = self.menu()
        if menu is not None:
            menu.exec(self.view.viewport().mapToGlobal(at))

    def menu(self) -> QMenu | None:
        """Make the menu of the selected objects; None without a selection."""
        chosen = self.selected()
        if not chosen:
            return None
        menu = QMenu(self)
        status = menu.addMenu("Status")
        for name in STATUSES:
            status.addAction(name, lambda name=name: self._set_status(chosen, name))
        menu.addAction("Show", lambda: self._set_shown(chosen, True))
        menu.addAction("Hide", lambda: self._set_shown(chosen, False))
        menu.addAction("Show only these", lambda: self._show_only(chosen))
        menu.addSeparator()
        for pressed in (self.merge, self.split, self.swap, self.remove):
            menu.addAction(pressed.text(), pressed.click).setEnabled(pressed.isEnabled())
        if len(chosen) == 1:
            self._add_family(menu, chosen[0])
        return menu

    def _add_family(self, menu: QMenu, object_id: int) -> None:
        """Add the actions on the division that an object came from, or that ended it."""
        rows = [self.model.object_at(number) for number in range(self.model.rowCount())]
        mother = next(row.mother for row in rows if row.object_id == object_id)
        divided = object_id if any(row.mother == object_id for row in rows) else mother
        if divided is None:
            return
        menu.addSeparator()
        menu.addAction("Move division to this frame", lambda: self.move_asked.emit(divided))
        if mother is not None:
            menu.addAction(
                f"Undo division: cell {mother} goes on as this cell",
                lambda: self.dissolve_asked.emit(mother, object_id),
            )
            menu.addAction(
                f"Not a daughter of cell {mother}", lambda: self.mother_chosen.emit(object_id, 0)
            )

    def _set_status(self, object_ids: Sequence[int], status: str) -> None:
        for object_id in object_ids:
            self.status_chosen.emit(object_id, status)

    def _set_shown(self, object_ids: Sequence[int], is_shown: bool) -> None:
        for object_id in object_ids:
            self.shown_chosen.emit(object_id, is_shown)

    def _show_only(self, object_ids: Sequence[int]) -> None:
        for number in range(self.model.rowCount()):
            object_id = self.model.object_at(number).object_id
            self.shown_chosen.emit(object_id, object_id in object_ids)


class _View(QTableView):
    """The table view: it sorts by a click on a title and passes most keys to the viewer."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setShowGrid(False)
        self.setSortingEnabled(True)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.setItemDelegateForColumn(Column.STATUS, _StatusMenu(self))
        height = self.fontMetrics().height() + 6
        self.verticalHeader().setMinimumSectionSize(height)
        self.verticalHeader().setDefaultSectionSize(height)
        self.setMinimumHeight((ROWS_AT_LEAST + 1) * height + 8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_widths(self) -> None:
        """Fix the widths of the columns; the frames get what they need, the names the rest."""
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setHighlightSections(False)
        of_text = self.fontMetrics().horizontalAdvance
        widths = {
            Column.SHOWN: 22,
            Column.OBJECT: of_text("00") + 28,
            Column.PROMPTS: of_text("00") + 8,
            Column.DOUBTFUL: of_text("00") + 8,
            Column.STATUS: of_text("reviewed") + 8,
            Column.MOTHER: of_text("000") + 8,
        }
        for column, width in widths.items():
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, width)
        header.setSectionResizeMode(Column.FRAMES, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Stretch)

    def keyPressEvent(self, event: Any) -> None:
        """Handle the keys in `TABLE_KEYS`; pass every other key to the viewer."""
        if event.key() in TABLE_KEYS:
            super().keyPressEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: Any) -> None:
        """Paint the table; show a hint while it is empty."""
        super().paintEvent(event)
        if self.model() is not None and not self.model().rowCount():
            painter = QPainter(self.viewport())
            colour = self.palette().color(QPalette.ColorRole.WindowText)
            colour.setAlpha(170)
            painter.setPen(colour)
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, EMPTY)


class _StatusMenu(QStyledItemDelegate):
    """A delegate that edits the status with a menu."""

    def createEditor(self, parent: QWidget, option: Any, index: Any) -> QWidget:
        """Make the menu."""
        editor = QComboBox(parent)
        editor.addItems(STATUSES)
        editor.activated.connect(lambda: self.commitData.emit(editor))
        editor.activated.connect(lambda: self.closeEditor.emit(editor))
        return editor

    def setEditorData(self, editor: Any, index: Any) -> None:
        """Select the current status and open the menu."""
        editor.setCurrentText(index.data())
        editor.showPopup()

    def setModelData(self, editor: Any, model: Any, index: Any) -> None:
        """Pass the chosen status to the model."""
        model.setData(index, editor.currentText())

"""The table of objects without a viewer."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit, QWidget

from napari_sam2.plugin.widgets.objects_model import Column, ObjectRow
from napari_sam2.plugin.widgets.objects_table import ObjectsTable
from napari_sam2.plugin.window.timelines import Summary

RED = (1.0, 0.0, 0.0, 1.0)


def row(object_id, name="", doubtful=0, reviewed=0, **kwargs) -> ObjectRow:
    return ObjectRow(
        object_id, name, RED, Summary(0, 9, 1, doubtful, reviewed, length=10), **kwargs
    )


@pytest.fixture
def table(qtbot) -> ObjectsTable:
    table = ObjectsTable()
    qtbot.addWidget(table)
    table.resize(300, 200)
    table.show_objects([row(1, "anna"), row(2, "bob", 7, 2), row(3, "cleo", 3)], 1)
    table.show()
    QApplication.processEvents()
    return table


def texts(table, column) -> list[str]:
    model = table.sorted
    return [model.index(i, column).data() for i in range(model.rowCount())]


def cell(table, shown_row, column):
    return table.sorted.index(shown_row, column)


def middle(table, shown_row, column):
    return table.view.visualRect(cell(table, shown_row, column)).center()


def select(table, *shown_rows) -> None:
    """Click on the first row, Ctrl+click on the others."""
    modifier = Qt.KeyboardModifier.NoModifier
    for shown_row in shown_rows:
        QTest.mouseClick(
            table.view.viewport(),
            Qt.MouseButton.LeftButton,
            modifier,
            middle(table, shown_row, Column.FRAMES),
        )
        modifier = Qt.KeyboardModifier.ControlModifier


def test_rows_say_what_is_known(table):
    assert texts(table, Column.OBJECT) == ["1", "2", "3"]
    assert texts(table, Column.FRAMES) == ["0–9 (10)"] * 3
    assert texts(table, Column.DOUBTFUL) == ["", "5", "3"]
    assert texts(table, Column.STATUS) == ["draft"] * 3


def test_every_column_fits_into_a_narrow_dock(table):
    assert not table.view.horizontalScrollBar().maximum()
    assert table.view.columnWidth(Column.NAME) >= 40


def test_sorting_by_doubtful_frames(table):
    table.view.sortByColumn(Column.DOUBTFUL, Qt.SortOrder.DescendingOrder)
    assert texts(table, Column.OBJECT) == ["2", "3", "1"]


def test_ids_are_sorted_as_numbers(table):
    table.show_objects([row(object_id) for object_id in (10, 9, 1)], 1)
    assert texts(table, Column.OBJECT) == ["1", "9", "10"]


def test_selecting_a_row_chooses_the_object(table, qtbot):
    with qtbot.waitSignal(table.object_chosen) as chosen:
        select(table, 1)
    assert chosen.args == [2]


def test_the_current_object_is_selected_without_a_signal(table, qtbot):
    with qtbot.assertNotEmitted(table.object_chosen):
        table.show_objects([row(1), row(2), row(3)], 3)
    assert table.selected() == [3]


def test_an_object_that_is_not_there_yet_selects_nothing(table):
    table.show_objects([row(1), row(2)], 9)
    assert table.selected() == []
    assert not table.remove.isEnabled()


def test_selection_of_several_stays_while_the_table_is_updated(table):
    select(table, 0, 2)
    table.show_objects([row(1), row(2, doubtful=9), row(3)], 3)
    assert table.selected() == [1, 3]


def test_selection_stays_with_the_object_when_rows_come_and_go(table):
    table.show_objects([row(2), row(4)], 4)
    assert texts(table, Column.OBJECT) == ["2", "4"]
    assert table.selected() == [4]


def test_rename_in_place(table, qtbot):
    table.view.edit(cell(table, 0, Column.NAME))
    editor = table.view.findChild(QLineEdit)
    editor.selectAll()
    QTest.keyClicks(editor, "zoe")
    with qtbot.waitSignal(table.renamed) as renamed:
        QTest.keyClick(editor, Qt.Key.Key_Return)
    assert renamed.args == [1, "zoe"]
    assert texts(table, Column.NAME)[0] == "anna"  # until the document has it


def test_status_by_its_menu(table, qtbot):
    with qtbot.waitSignal(table.status_chosen) as chosen:
        table.sorted.setData(cell(table, 0, Column.STATUS), "reviewed")
    assert chosen.args == [1, "reviewed"]


def test_status_of_several_by_the_context_menu(table):
    select(table, 0, 2)
    chosen = []
    table.status_chosen.connect(lambda *args: chosen.append(args))
    (status,) = [action.menu() for action in table.menu().actions() if action.menu()]
    {action.text(): action for action in status.actions()}["rejected"].trigger()
    assert chosen == [(1, "rejected"), (3, "rejected")]


def test_the_eye_asks_for_the_other_state(table, qtbot):
    index = cell(table, 0, Column.SHOWN)
    with qtbot.waitSignal(table.shown_chosen) as chosen:
        table.sorted.setData(index, Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    assert chosen.args == [1, False]


def test_buttons_wait_for_the_right_number_of_objects(table):
    def enabled():
        return [b.isEnabled() for b in (table.merge, table.split, table.swap, table.remove)]

    select(table, 0)
    assert enabled() == [False, True, False, True]
    select(table, 0, 1)
    assert enabled() == [True, False, True, True]
    select(table, 0, 1, 2)
    assert enabled() == [True, False, False, True]


def test_the_current_object_is_the_one_that_a_merge_keeps(table, qtbot):
    select(table, 0, 2)
    with qtbot.waitSignal(table.merge_asked) as asked:
        table.merge.click()
    assert asked.args == [[3, 1]]


def test_swap_asks_for_both(table, qtbot):
    select(table, 2, 1)
    with qtbot.waitSignal(table.swap_asked) as asked:
        table.swap.click()
    assert asked.args == [2, 3]


def test_letters_are_left_to_the_viewer(table):
    class Viewer(QWidget):
        keys = ""

        def keyPressEvent(self, event):
            self.keys += event.text()

    viewer = Viewer()
    table.setParent(viewer)
    viewer.show()
    select(table, 0)
    QTest.keyClick(table.view, Qt.Key.Key_K)
    QTest.keyClick(table.view, Qt.Key.Key_Down)
    assert viewer.keys == "k"
    assert table.selected() == [2]
    table.setParent(None)

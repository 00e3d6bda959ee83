"""Divide, split, swap, merge and hide, by the buttons, keys and menus of the window."""

import numpy as np
import pytest
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap
from qtpy.QtCore import QItemSelectionModel, Qt
from qtpy.QtTest import QTest

from napari_sam2.plugin.widgets.objects_model import Column

from . import hands
from .world import FRAMES, disc, disc_centre

CUT = 4  # the frame on which it happens


@pytest.fixture
def tracked(desk):
    """Both discs, tracked through all frames, on the frame of the cut."""
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_N)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    desk.track()
    desk.settle()
    desk.qtbot.waitUntil(lambda: len(desk.image_state.timelines) == 2)
    desk.go_to(CUT)
    return desk


def table(desk):
    return desk.panel.review.table


def select(desk, *object_ids) -> None:
    """Select rows as clicks on them do, the first one last: it is the current one."""
    how = QItemSelectionModel.SelectionFlag
    selection = table(desk).view.selectionModel()
    selection.clearSelection()
    for object_id in reversed(object_ids):
        row = table(desk).model.row_of(object_id)
        index = table(desk).sorted.mapFromSource(table(desk).model.index(row, 0))
        selection.setCurrentIndex(index, how.Select | how.Rows)
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    assert desk.image_state.current_object == object_ids[0]


def menu_action(desk, text):
    return {action.text(): action for action in table(desk).menu().actions()}[text]


def operate(desk, text, by) -> None:
    """Press a button of the table, or choose the entry of the same name in its menu."""
    if by == "button":
        QTest.mouseClick(getattr(table(desk), text.lower()), Qt.MouseButton.LeftButton)
    else:
        menu_action(desk, text).trigger()


def done(desk, text) -> None:
    """Wait until the document has done what is to be undone by this text."""
    desk.qtbot.waitUntil(lambda: desk.image_state.undo_text == text, timeout=10000)
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)


def undone(desk, before) -> None:
    desk.panel.document.undo.click()
    desk.qtbot.waitUntil(lambda: desk.image_state.redo_text is not None)
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    assert np.array_equal(desk.labels.data, before)


def objects_of(desk, index):
    """Which object has a disc, frame by frame."""
    found = []
    for t in range(FRAMES):
        (object_id,) = np.unique(desk.labels.data[t][disc(index, t)])
        found.append(int(object_id))
    return found


@pytest.mark.parametrize("by", ["button", "menu"])
def test_split_makes_another_object_from_the_shown_frame_on(tracked, by):
    before = tracked.labels.data.copy()
    select(tracked, 2)
    operate(tracked, "Split", by)
    done(tracked, f"split cell 2 at frame {CUT}")
    assert objects_of(tracked, 1) == [2] * CUT + [3] * (FRAMES - CUT)
    assert tracked.image_state.current_object == 3
    undone(tracked, before)


@pytest.mark.parametrize("by", ["button", "menu"])
def test_swap_exchanges_two_objects_from_the_shown_frame_on(tracked, by):
    before = tracked.labels.data.copy()
    select(tracked, 1, 2)
    operate(tracked, "Swap", by)
    done(tracked, f"swap cells 1 and 2 from frame {CUT}")
    assert objects_of(tracked, 0) == [1] * CUT + [2] * (FRAMES - CUT)
    assert objects_of(tracked, 1) == [2] * CUT + [1] * (FRAMES - CUT)
    undone(tracked, before)


@pytest.mark.parametrize("by", ["button", "menu"])
def test_merge_gives_all_pixels_to_the_current_object(tracked, by):
    before = tracked.labels.data.copy()
    select(tracked, 2, 1)
    operate(tracked, "Merge", by)
    done(tracked, "merge cells 2, 1")
    assert list(tracked.image_state.objects) == [2]
    assert np.array_equal(tracked.labels.data == 2, before > 0)
    undone(tracked, before)


def shown_colours(desk):
    """Opacity of the objects on the layer, by id."""
    colours = desk.labels.colormap.map(np.array([1, 2]))
    return [float(alpha) for alpha in colours[:, 3]]


def test_the_eye_hides_an_object_and_changes_no_label(tracked):
    before = tracked.labels.data.copy()
    view = table(tracked).view
    index = table(tracked).sorted.index(0, Column.SHOWN)
    eye = view.visualRect(index).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=eye)
    tracked.qtbot.waitUntil(
        lambda: tracked.image_state.hidden == {1} and not tracked.panel.is_behind
    )
    assert shown_colours(tracked) == [0, 1]
    assert np.array_equal(tracked.labels.data, before)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=eye)
    assert shown_colours(tracked) == [1, 1]


def test_hiding_compiles_nothing(tracked, monkeypatch):
    """napari compiles for seconds before it draws the first dictionary of colours."""
    monkeypatch.setattr(DirectLabelColormap, "map", None)
    select(tracked, 1)
    menu_action(tracked, "Hide").trigger()
    assert isinstance(tracked.labels.colormap, CyclicLabelColormap)
    assert shown_colours(tracked) == [0, 1]


def test_hiding_keeps_the_colours_of_the_others(tracked):
    before = np.array(tracked.labels.colormap.map(np.arange(1, 60)))
    tracked.controller.set_shown(1, False)
    assert np.allclose(tracked.labels.colormap.map(np.arange(1, 60))[1:], before[1:])
    tracked.labels.colormap = {1: "red", 2: "lime", None: "transparent"}  # the user takes others
    assert shown_colours(tracked) == [0, 1]
    tracked.controller.set_shown(1, True)
    assert np.allclose(tracked.labels.colormap.map(np.array([1, 2]))[:, :3], np.eye(3)[:2])


def test_the_menu_hides_all_but_the_selected_and_shows_them_again(tracked):
    select(tracked, 2)
    menu_action(tracked, "Show only these").trigger()
    assert shown_colours(tracked) == [0, 1]
    menu_action(tracked, "Hide").trigger()
    assert shown_colours(tracked) == [0, 0]
    select(tracked, 1, 2)
    menu_action(tracked, "Show").trigger()
    assert shown_colours(tracked) == [1, 1]


def test_selecting_a_point_selects_its_object_everywhere(tracked):
    tracked.go_to(0)
    tracked.viewer.layers.selection.active = tracked.points
    tracked.points.mode = "select"
    assert tracked.image_state.current_object == 2
    hands.click(tracked.viewer, tracked.points, (0, *disc_centre(0, 0)))
    tracked.qtbot.waitUntil(lambda: tracked.image_state.current_object == 1)
    tracked.qtbot.waitUntil(lambda: table(tracked).selected() == [1])
    assert tracked.labels.selected_label == 1
    assert tracked.panel.review.lanes.view._current == 1
    assert tracked.points.selected_data == {0}  # what was selected stays selected

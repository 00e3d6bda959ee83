"""The keyboard alone: cells, clicks, boxes, and commands of napari's palette."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import yaml
from qtpy.QtCore import Qt

import napari_sam2
from napari_sam2.plugin import commands
from napari_sam2.plugin.layers.crosshair import NAME
from napari_sam2.plugin.window.keys import LETTERS

from . import hands
from .world import disc, disc_centre

CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
MANIFEST = Path(napari_sam2.__file__).with_name("napari.yaml")


@pytest.fixture
def tracked(desk):
    """Two cells; the second one has a mask on frame 1 only."""
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.controller.next_object()
    desk.click(1, *disc_centre(1, 1))
    desk.settle()
    return desk


def test_period_and_comma_go_through_the_cells(tracked):
    tracked.go_to(0)
    tracked.controller.choose_object(1)
    tracked.press(Qt.Key.Key_Period)
    assert tracked.image_state.current_object == 2
    tracked.qtbot.waitUntil(lambda: tracked.controller.view.frame == 1)
    tracked.press(Qt.Key.Key_Period)
    assert tracked.image_state.current_object == 1
    tracked.press(Qt.Key.Key_Comma)
    assert tracked.image_state.current_object == 2


def test_enter_without_a_crosshair_makes_no_click(desk):
    place = (0, *disc_centre(0, 0))
    hands.move(desk.viewer, hands.place_on_canvas(desk.viewer, desk.points, place))
    desk.press(Qt.Key.Key_Return)
    desk.settle()
    assert not desk.image_state.objects


def test_the_crosshair_begins_where_the_mouse_is(desk):
    place = (0, *disc_centre(0, 0))
    hands.move(desk.viewer, hands.place_on_canvas(desk.viewer, desk.points, place))
    desk.press(Qt.Key.Key_Left, CTRL_SHIFT)
    desk.press(Qt.Key.Key_Return)
    desk.settle()
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))
    assert len(desk.points.data) == 1


def test_the_crosshair_is_moved_and_clicked_by_keys_alone(desk):
    desk.viewer.cursor.position = (0, -500, -500)
    y, x = disc_centre(0, 0)
    desk.press(Qt.Key.Key_Up, CTRL_SHIFT)
    place = desk.viewer.layers[NAME].data[0, 1:]
    for way, distance in ((Qt.Key.Key_Up, place[0] - y), (Qt.Key.Key_Down, y - place[0])):
        for _ in range(round(max(distance, 0))):
            desk.press(way, CTRL_SHIFT)
    for way, distance in ((Qt.Key.Key_Left, place[1] - x), (Qt.Key.Key_Right, x - place[1])):
        for _ in range(round(max(distance, 0))):
            desk.press(way, CTRL_SHIFT)
    desk.press(Qt.Key.Key_Return)
    desk.settle()
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))
    assert desk.viewer.layers.selection.active is desk.points
    hands.move(desk.viewer, hands.place_on_canvas(desk.viewer, desk.points, (0, 5, 5)))
    assert NAME not in desk.viewer.layers


def test_a_click_without_a_crosshair_says_what_to_do(desk, notifications):
    desk.controller.keyboard_clicks.click()
    assert "Ctrl+Shift" in notifications.only()


def test_boxes_are_drawn_one_after_the_other(desk):
    desk.press(Qt.Key.Key_B, Qt.KeyboardModifier.ShiftModifier)
    assert desk.viewer.layers.selection.active is desk.shapes
    assert desk.shapes.mode == "add_rectangle"
    desk.shapes.add(np.array([(0, 10, 6), (0, 10, 26), (0, 30, 26), (0, 30, 6)]))
    desk.settle()
    desk.controller.next_object()
    assert desk.image_state.current_object == 2
    assert desk.viewer.layers.selection.active is desk.shapes
    desk.controller.activate_clicks()
    desk.panel.object.box.click()
    assert desk.viewer.layers.selection.active is desk.shapes


# The command palette


def palette() -> dict[str, str]:
    """The commands that napari lists in its palette, with their functions."""
    contributed = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["contributions"]["commands"]
    names = {one["id"]: one["python_name"] for one in contributed}
    return {key: name for key, name in names.items() if ".commands:" in name}


@pytest.mark.parametrize("python_name", palette().values())
def test_every_command_exists(python_name):
    module, _, name = python_name.partition(":")
    assert callable(getattr(import_module(module), name))


@pytest.mark.real_window
@pytest.mark.usefixtures("manifests")
def test_every_command_stands_in_the_palette_of_napari(desk):
    desk.viewer.window._toggle_command_palette()
    listed = desk.viewer.window._qt_window._command_palette._list.all_commands
    titles = {command.id: command.title for command in listed}
    assert palette().keys() <= titles.keys()
    assert titles["napari-sam2.next_cell"] == "Next cell (SAM 2)"
    desk.viewer.window._toggle_command_palette()


def test_every_letter_of_the_panel_is_a_command(desk, monkeypatch):
    pressed = []
    keys = desk.panel.key_actions()
    monkeypatch.setattr(
        desk.panel,
        "key_actions",
        lambda: {key: lambda key=key: pressed.append(key) for key in keys},
    )
    for python_name in palette().values():
        name = python_name.partition(":")[2]
        if name not in ALONE:
            getattr(commands, name)()
    assert set(pressed) == set(LETTERS) - {"Enter"} == set(keys) - {"Enter"}


ALONE = {"click_here", "tour", "undo", "redo", "export", "more", "show_keys", "many_movies"} | {
    "save_project",
    "save_project_as",
    "open_project",
}


def test_commands_act_on_the_open_panel(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    commands.undo()
    desk.qtbot.waitUntil(lambda: not desk.image_state.objects)
    commands.more()
    assert desk.panel.layout_parts.shows_more


def test_without_a_panel_a_command_says_where_it_is(monkeypatch):
    told = []
    monkeypatch.setattr(commands, "show_warning", told.append)
    monkeypatch.setattr(commands, "open_panel", lambda: None)
    commands.track()
    assert told == [commands.NO_PANEL]

"""Every key is printed on one page, and does what is printed there."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_sam2.plugin.widgets.cheat_sheet import SHEET, CheatSheet

from .world import disc, disc_centre


@pytest.fixture
def clicked(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    return desk


def printed():
    return {key for rows in SHEET.values() for keys, _ in rows for key in keys.split(", ")}


def test_every_key_of_the_viewer_is_on_the_cheat_sheet(desk):
    desk.qtbot.waitUntil(lambda: len(desk.viewer.keymap) > 0)
    names = {str(key).replace("Ctrl", "Control") for key in desk.viewer.keymap}
    on_sheet = {key.replace("Ctrl", "Control") for key in printed()}
    assert names <= on_sheet
    assert {"K", "T", "N", "Shift+K", "C", "Shift+C", "Control+Z", "Control+Shift+Z"} <= names


def test_the_cheat_sheet_is_opened_by_its_button_and_key(desk):
    assert desk.panel._help_key.key().toString() == "?"
    desk.panel.status.help.click()
    (sheet,) = desk.panel.findChildren(CheatSheet)
    assert sheet.isVisible()
    sheet.close()


@pytest.mark.parametrize("layer", ["viewer", "points", "shapes", "labels"])
def test_undo_is_ours_whatever_layer_is_selected(clicked, layer):
    active = clicked.image_state.image if layer == "viewer" else getattr(clicked, layer)
    clicked.viewer.layers.selection.active = active
    clicked.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    clicked.qtbot.waitUntil(lambda: not clicked.image_state.objects)


def test_shift_k_segments_the_current_object_on_this_frame_only(clicked):
    clicked.go_to(1)
    clicked.press(Qt.Key.Key_K, Qt.KeyboardModifier.ShiftModifier)
    clicked.qtbot.waitUntil(lambda: clicked.labels.data[1].any())
    clicked.settle()
    assert np.array_equal(clicked.labels.data[1] == 1, disc(0, 1))
    assert not clicked.labels.data[2:].any()

"""Real clicks on the canvas become prompts, and prompts become points and masks."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_sam2.plugin.layers.point_prompts import PointPrompts
from napari_sam2.plugin.protocol.messages import EXCLUDE, INCLUDE

from . import hands, world
from .real_engines import TinyEngine
from .world import disc, disc_centre


def test_first_click_makes_object_1(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert list(desk.image_state.objects) == [1]
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


def test_point_is_drawn_before_the_model_answers(desk):
    hands.click(desk.viewer, desk.points, (0, 20, 16))
    assert len(desk.points.data) == 1
    assert desk.prompt(0) is None


def test_click_lands_within_half_a_pixel(desk):
    desk.click(3, 33, 41)
    desk.settle()
    assert np.abs(desk.prompt(3).points - (33, 41)).max() <= 0.5


def test_right_click_excludes(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.click(0, 25, 16, by=hands.right_click)
    desk.settle()
    assert desk.prompt(0).labels.tolist() == [1, 0]


def test_alt_click_excludes(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.click(0, 25, 16, by=hands.alt_click)
    desk.settle()
    assert desk.prompt(0).labels.tolist() == [1, 0]


def two_cells(desk):
    """Two cells that are far apart, of which the second one is chosen."""
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_N)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()


def test_right_click_on_another_cell_corrects_that_cell(desk):
    two_cells(desk)
    desk.click(0, 23, 16, by=hands.right_click)
    desk.settle()
    assert desk.prompt(0, 1).labels.tolist() == [1, 0]
    assert desk.prompt(0, 2).labels.tolist() == [1]
    assert desk.image_state.current_object == 1
    assert [row.object_id for row in desk.image_state.layers.points._rows] == [1, 1, 2]
    desk.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.settle()
    assert desk.prompt(0, 1).labels.tolist() == [1]


def test_right_click_on_another_cell_needs_no_outline_of_the_chosen_one(desk, notifications):
    two_cells(desk)
    desk.press(Qt.Key.Key_N)
    desk.click(0, 23, 16, by=hands.right_click)
    desk.settle()
    assert desk.prompt(0, 1).labels.tolist() == [1, 0]
    assert not notifications.messages


@pytest.mark.parametrize(("gap", "found"), [(1, 0), (12, 1)])
def test_right_click_on_a_cell_that_touches_is_for_the_chosen_one(desk, gap, found):
    """The chosen cell may have spread to the cell beside it."""
    two_cells(desk)
    desk.labels.data[0] = 0
    desk.labels.data[0, 10:20, 10:20] = 1
    desk.labels.data[0, 10:20, 20 + gap : 30 + gap] = 2
    assert desk.image_state.layers.object_apart(0, 14, 14, 2) == found


def test_right_click_beside_all_cells_is_for_the_chosen_one(desk):
    two_cells(desk)
    desk.click(0, 60, 60, by=hands.right_click)
    desk.settle()
    assert desk.prompt(0, 2).labels.tolist() == [1, 0]


def test_left_click_after_a_right_click_includes(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.click(0, 25, 16, by=hands.right_click)
    desk.click(0, 15, 16)
    desk.settle()
    assert desk.prompt(0).labels.tolist() == [1, 0, 1]


def test_click_leaves_the_next_point_as_it_is(desk, monkeypatch):
    """napari takes milliseconds to set its features and colours, while the network computes."""
    signs, set_next = [], PointPrompts._set_next
    monkeypatch.setattr(
        PointPrompts, "_set_next", lambda self, sign: (signs.append(sign), set_next(self, sign))
    )
    desk.click(0, *disc_centre(0, 0))
    assert not signs
    desk.click(0, 25, 16, by=hands.right_click)
    assert signs == [EXCLUDE, INCLUDE]
    desk.points.current_face_color = "red"
    desk.click(0, 15, 16)
    assert desk.points.current_face_color != "red"


def test_t_toggles_the_sign_of_clicks(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_T)
    desk.click(0, 25, 16)
    desk.press(Qt.Key.Key_T)
    desk.click(0, 15, 16)
    desk.settle()
    assert desk.prompt(0).labels.tolist() == [1, 0, 1]


def test_o_walks_the_guesses_of_a_click(open_desk):
    desk = open_desk(world.movie(), engine=TinyEngine())
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    first, tips = desk.labels.data[0].copy(), [desk.panel.status.text.text()]
    desk.press(Qt.Key.Key_O)
    desk.settle()
    tips.append(desk.panel.status.text.text())
    assert desk.prompt(0).guess == 2
    assert (desk.labels.data[0] != first).any()
    assert [tip[:16] for tip in tips] == ["O: another guess", "Guess 2 of 3. O:"]
    desk.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.qtbot.waitUntil(lambda: desk.prompt(0).guess == 1)
    assert (desk.labels.data[0] == first).all()


def test_o_says_that_only_a_click_has_guesses(desk, notifications):
    desk.press(Qt.Key.Key_O)
    assert notifications.only() == "Click a cell first: its first click has three guesses."


def test_clicking_a_point_removes_it(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert desk.prompt(0) is None
    assert not desk.labels.data.any()
    assert len(desk.points.data) == 0


def test_a_click_near_a_point_of_another_object_keeps_that_point(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_N)
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert [len(desk.prompt(0, object_id).points) for object_id in (1, 2)] == [1, 1]
    desk.click(0, *disc_centre(0, 0))  # removes the point of object 2, which is as near
    desk.settle()
    assert desk.prompt(0, 2) is None
    assert len(desk.prompt(0, 1).points) == 1


def test_clicking_an_exclude_point_gives_its_pixels_back(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.click(0, 25, 16, by=hands.right_click)
    desk.settle()
    desk.click(0, 25, 16)
    desk.settle()
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


def test_n_makes_the_next_object(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_N)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    assert np.array_equal(desk.labels.data[0] == 2, disc(1, 0))


def test_n_twice_makes_one_object(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_N)
    desk.press(Qt.Key.Key_N)
    assert desk.image_state.current_object == 2


def test_shift_c_clears_the_current_object_on_this_frame_only(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.click(1, *disc_centre(0, 1))
    desk.press(Qt.Key.Key_C, Qt.KeyboardModifier.ShiftModifier)
    desk.settle()
    assert list(desk.image_state.prompts) == [(0, 1)]
    assert desk.points.data[:, 0].tolist() == [0]


def test_quick_clicks_are_all_kept_in_order(desk):
    places = [(20, 16), (23, 16), (17, 16), (20, 19)]
    desk.go_to(0)
    for place in places:
        hands.click(desk.viewer, desk.points, (0, *place))
    desk.settle()
    assert np.abs(desk.prompt(0).points - places).max() <= 0.5
    assert len(desk.points.data) == 4


def test_points_of_other_objects_are_dimmed(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_N)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    by_object = dict(zip(desk.points.features["object"], desk.points.face_color[:, 3], strict=True))
    assert by_object[1] < by_object[2] == 1


def test_border_shows_the_sign_and_face_the_object(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.click(0, 25, 16, by=hands.right_click)
    desk.settle()
    include, exclude = desk.points.border_color[:, :3]
    assert include[1] > include[0]
    assert exclude[0] > exclude[1]
    assert np.allclose(desk.points.face_color, desk.labels.get_color(1), atol=0.01)


@pytest.mark.parametrize("is_toggled", [False, True])
def test_an_exclude_click_on_no_outline_vanishes_and_says_what_to_do(
    desk, notifications, is_toggled
):
    if is_toggled:
        desk.press(Qt.Key.Key_T)
    desk.click(0, 50, 50, by=hands.click if is_toggled else hands.right_click)
    desk.settle()
    how = "press T, then click" if is_toggled else "left-click"
    assert notifications.only() == (
        f"There is nothing to exclude yet: cell 1 has no outline. First {how} the cell."
    )
    assert len(desk.points.data) == 0
    assert not desk.image_state.objects


def test_an_exclude_click_on_a_frame_without_outline_is_refused(desk, notifications):
    desk.click(0, *disc_centre(0, 0))
    desk.click(3, 50, 50, by=hands.right_click)
    desk.settle()
    assert "no outline on frame 3. Click the cell with Include first" in notifications.only()
    assert len(desk.points.data) == 1


def test_click_outside_the_image_is_refused_and_vanishes(desk, notifications):
    desk.points.add([0, -20, 10])
    desk.settle()
    assert "outside" in notifications.only()
    assert len(desk.points.data) == 0


def test_undo_and_redo_keys_take_back_and_repeat_a_click(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.qtbot.waitUntil(lambda: not desk.image_state.objects)
    assert len(desk.points.data) == 0
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    desk.press(Qt.Key.Key_Z, both)
    desk.qtbot.waitUntil(lambda: len(desk.points.data) == 1)
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


def test_ctrl_click_on_a_mask_picks_its_object(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_N)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    desk.click(0, 23, 18, by=hands.ctrl_click)
    desk.qtbot.waitUntil(lambda: desk.image_state.current_object == 1)
    desk.settle()
    assert len(desk.points.data) == 2
    assert len(desk.prompt(0, 1).points) == 1


def test_a_click_in_the_3d_view_is_refused(desk, notifications):
    desk.viewer.dims.ndisplay = 3
    desk.points.add([3.2, 20, 20])
    desk.qtbot.wait(50)
    assert "2D view" in notifications.only()
    assert len(desk.points.data) == 0


def test_deleting_an_object_makes_another_one_current(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_N)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    desk.qtbot.waitUntil(desk.panel.object.remove.isEnabled)
    desk.panel.object.remove.click()
    desk.qtbot.waitUntil(lambda: list(desk.image_state.objects) == [1])
    assert desk.image_state.current_object == 1
    assert desk.points.data.tolist() == desk.points.data[:1].tolist()
    assert not (desk.labels.data == 2).any()


NAPARI_TOOLS = {
    "points": (Qt.Key.Key_S, Qt.Key.Key_Z, Qt.Key.Key_3, Qt.Key.Key_4, Qt.Key.Key_5),
    "shapes": (Qt.Key.Key_R, Qt.Key.Key_E, Qt.Key.Key_D, Qt.Key.Key_S, Qt.Key.Key_X, Qt.Key.Key_Z),
    "labels": (Qt.Key.Key_P, Qt.Key.Key_E, Qt.Key.Key_F, Qt.Key.Key_L, Qt.Key.Key_Z),
}


@pytest.mark.real_window
def test_a_tool_of_napari_is_told_and_left_by_one_button(desk):
    status = desk.panel.status
    for layer, key in ((layer, key) for layer, keys in NAPARI_TOOLS.items() for key in keys):
        desk.viewer.layers.selection.active = getattr(desk, layer)
        desk.press(key)
        desk.qtbot.waitUntil(lambda: status.button.text() == "Back to clicking")
        assert not status.text.text().startswith("Click a cell")
        status.button.click()
        desk.qtbot.waitUntil(lambda: status.text.text().startswith("Click a cell"))
        assert not status.button.isVisible()
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert list(desk.image_state.objects) == [1]

"""Shapes drawn on the canvas become boxes and masks."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_sam2.plugin.layers.scribbles import points_along

from . import hands
from .world import disc, disc_centre


def draw(desk, mode, start, end):
    desk.viewer.layers.selection.active = desk.shapes
    desk.shapes.mode = mode
    desk.qtbot.wait(50)
    hands.drag(desk.viewer, desk.shapes, start, end)
    desk.settle()


@pytest.mark.real_window
def test_a_drawn_rectangle_is_a_box(desk):
    draw(desk, "add_rectangle", (0, 10, 6), (0, 30, 26))
    assert np.abs(np.subtract(desk.prompt(0).box, (10, 6, 30, 26))).max() <= 0.5
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))
    assert desk.shapes.shape_type == ["rectangle"]


def test_a_drawn_ellipse_is_a_mask(desk):
    draw(desk, "add_ellipse", (0, 10, 6), (0, 30, 26))
    mask = desk.prompt(0).mask.full()
    assert mask[20, 16]
    assert not mask[11, 7]
    assert np.isclose(mask.sum(), np.pi * 10**2, rtol=0.1)
    assert desk.shapes.shape_type == ["ellipse"]


@pytest.mark.parametrize("kind", ["polygon", "path"])
def test_a_closed_line_is_a_mask(desk, kind):
    corners = [(0, 10, 10), (0, 10, 20), (0, 20, 20), (0, 20, 10), (0, 11, 10)]
    desk.shapes.add(np.array(corners), shape_type=kind)
    desk.settle()
    assert desk.prompt(0).mask[15, 15]
    assert not desk.prompt(0).mask[15, 25]


@pytest.mark.real_window
def test_a_path_drawn_freehand_is_points_along_it_and_one_undo_step(desk):
    desk.viewer.layers.selection.active = desk.shapes
    desk.shapes.mode = "add_path"
    desk.qtbot.wait(50)
    hands.drag(desk.viewer, desk.shapes, (0, 12, 16), (0, 20, 16), (0, 30, 16))
    desk.settle()
    points = desk.prompt(0).points
    assert len(points) == 2
    assert desk.prompt(0).labels.tolist() == [1, 1]
    assert np.abs(points[:, 1] - 16).max() <= 0.5
    assert ((points[:, 0] > 12) & (points[:, 0] < 30)).all()
    assert len(desk.shapes.data) == 0
    assert len(desk.points.data) == 2
    desk.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.qtbot.waitUntil(lambda: desk.prompt(0) is None)


def test_a_line_excludes_while_clicks_exclude(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.controller.toggle_sign()
    desk.shapes.add(np.array([(0, 20, 12), (0, 20, 30)]), shape_type="line")
    desk.settle()
    assert desk.prompt(0).labels.tolist() == [1, 0, 0]
    assert desk.prompt(0).rounds.tolist() == [0, 1, 1]


def test_a_line_excludes_nothing_from_a_cell_without_an_outline(desk, notifications):
    desk.controller.toggle_sign()
    desk.shapes.add(np.array([(0, 20, 12), (0, 20, 30)]), shape_type="line")
    desk.settle()
    assert "There is nothing to exclude yet" in notifications.only()
    assert desk.prompt(0) is None
    assert len(desk.shapes.data) == 0


def test_a_line_outside_the_image_is_refused_and_vanishes(desk, notifications):
    desk.shapes.add(np.array([(0, -30, 12), (0, -20, 30)]), shape_type="line")
    desk.settle()
    assert "the line lies outside the image" in notifications.only()
    assert len(desk.shapes.data) == 0


def test_points_of_a_line_outside_the_image_are_left_out(desk):
    desk.shapes.add(np.array([(0, -40, 16), (0, 40, 16)]), shape_type="line")
    desk.settle()
    assert desk.prompt(0).points.tolist() == [[5, 16], [15, 16], [25, 16], [35, 16]]


@pytest.mark.parametrize(
    ("vertices", "count"),
    [([(0, 0), (0, 3)], 2), ([(0, 0), (0, 41)], 4), ([(0, 0), (0, 500)], 8), ([(4, 4)] * 2, 1)],
)
def test_points_lie_at_equal_distances_along_a_line(vertices, count):
    points = np.array(points_along(vertices))
    assert len(points) == count
    gaps = np.diff(points[:, 1])
    np.testing.assert_allclose(gaps, gaps[:1].mean() if len(gaps) else gaps)


def test_points_follow_the_bends_of_a_line():
    assert points_along([(0, 0), (0, 10), (10, 10)]) == ((0.0, 5.0), (5.0, 10.0))


def test_a_shape_outside_the_image_is_refused_and_vanishes(desk, notifications):
    corners = np.array([(0, -30, 10), (0, -30, 20), (0, -20, 20)])
    desk.shapes.add(corners, shape_type="polygon")
    desk.settle()
    assert "covers no pixel" in notifications.only()
    assert len(desk.shapes.data) == 0


def test_deleting_a_box_takes_it_back(desk):
    draw(desk, "add_rectangle", (0, 10, 6), (0, 30, 26))
    desk.shapes.selected_data = {0}
    desk.shapes.remove_selected()
    desk.settle()
    assert desk.prompt(0) is None
    assert not desk.labels.data.any()


def test_a_second_box_takes_the_place_of_the_first(desk):
    draw(desk, "add_rectangle", (0, 10, 6), (0, 30, 26))
    draw(desk, "add_rectangle", (0, 34, 10), (0, 54, 30))
    assert np.abs(np.subtract(desk.prompt(0).box, (34, 10, 54, 30))).max() <= 0.5
    assert len(desk.shapes.data) == 1


@pytest.mark.real_window
def test_moving_a_box_moves_the_prompt(desk):
    draw(desk, "add_rectangle", (0, 10, 6), (0, 30, 26))
    desk.shapes.mode = "select"
    desk.shapes.selected_data = {0}
    hands.drag(desk.viewer, desk.shapes, (0, 20, 16), (0, 25, 16))
    desk.settle()
    assert np.abs(np.subtract(desk.prompt(0).box, (15, 6, 35, 26))).max() <= 0.6


def test_undo_brings_a_deleted_outline_back(desk):
    draw(desk, "add_ellipse", (0, 10, 6), (0, 30, 26))
    desk.shapes.selected_data = {0}
    desk.shapes.remove_selected()
    desk.settle()
    assert len(desk.shapes.data) == 0
    desk.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.qtbot.waitUntil(lambda: desk.shapes.shape_type == ["ellipse"])


def test_a_click_after_a_box_refines_it(desk):
    draw(desk, "add_rectangle", (0, 10, 6), (0, 30, 26))
    desk.viewer.layers.selection.active = desk.points
    desk.click(0, 25, 16, by=hands.right_click)
    desk.settle()
    assert desk.prompt(0).box is not None
    assert desk.prompt(0).labels.tolist() == [0]


def test_boxes_belong_to_the_current_object(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_N)
    draw(desk, "add_rectangle", (0, 34, 10), (0, 54, 30))
    assert desk.prompt(0, object_id=2).box is not None
    assert desk.shapes.features["object"].tolist() == [2]

"""What a user does to the Points layer by napari's own tools becomes a change of the document."""

import numpy as np
import pytest

from . import hands
from .world import disc, disc_centre


def test_deleting_selected_points_takes_them_back(desk):
    for place in [(20, 16), (23, 16), (17, 16)]:
        desk.click(0, *place)
    desk.settle()
    desk.points.selected_data = {0, 2}
    desk.points.remove_selected()
    desk.settle()
    assert np.abs(desk.prompt(0).points - [(23, 16)]).max() <= 0.5
    assert len(desk.points.data) == 1


@pytest.mark.real_window
def test_dragging_a_point_moves_the_prompt(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.points.mode = "select"
    hands.drag(desk.viewer, desk.points, (0, 20, 16), (0, 44, 20))
    desk.settle()
    assert np.abs(desk.prompt(0).points - [disc_centre(1, 0)]).max() <= 1
    assert np.array_equal(desk.labels.data[0] == 1, disc(1, 0))


def test_a_report_does_not_take_a_dragged_point_out_of_the_hand(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.points.mode = "select"
    desk.breathe()
    start, *way = (
        hands.place_on_canvas(desk.viewer, desk.points, (0, *at))
        for at in ((20, 16), (32, 18), (44, 20))
    )
    hands.move(desk.viewer, start)
    hands.press_button(desk.viewer, start)
    for at in way:
        desk.breathe()
        hands.move(desk.viewer, at, hands.LEFT)
        desk.image_state.show(None)
    hands.release_button(desk.viewer, way[-1])
    desk.settle()
    assert np.abs(desk.prompt(0).points - [disc_centre(1, 0)]).max() <= 1


def test_points_set_by_a_script_are_prompts(desk):
    desk.points.data = np.array([(0, 20, 16), (2, 20, 22)])
    desk.settle()
    assert sorted(desk.image_state.prompts) == [(0, 1), (2, 1)]


def test_points_of_two_objects_deleted_together(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.controller.next_object()
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    desk.points.data = np.empty((0, 3))
    desk.settle()
    assert not desk.image_state.prompts
    assert not desk.labels.data.any()


def test_the_layer_shows_what_the_document_holds(desk):
    """Whatever the order of clicks, removals and undos."""
    rng = np.random.default_rng(0)
    for _ in range(12):
        t, index = rng.integers(3), rng.integers(2)
        desk.controller.choose_object(int(index) + 1)
        desk.click(int(t), *np.add(disc_centre(index, t), rng.integers(-3, 4, 2)))
        if rng.random() < 0.3:
            desk.controller.review.undo()
    desk.settle()
    desk.qtbot.wait(100)
    shown = {tuple(row) for row in desk.points.data}
    held = {
        (t, *point)
        for (t, _), report in desk.image_state.prompts.items()
        for point in report.prompt.points
    }
    assert shown == held


@pytest.mark.parametrize("gesture", ["drag", "delete"])
def test_points_of_two_cells_changed_in_one_gesture_are_one_undo_step(desk, gesture):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.controller.next_object()
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    before = [desk.prompt(0, k).points.tolist() for k in (1, 2)]
    if gesture == "drag":
        desk.points.data = desk.points.data + np.array([0, 0, 2])  # as napari ends a drag
    else:
        desk.points.selected_data = {0, 1}
        desk.points.remove_selected()
    desk.settle()
    after = [None if one is None else one.points[0][1] for one in map(desk.prompt, (0, 0), (1, 2))]
    assert after == ([18.0, 22.0] if gesture == "drag" else [None, None])
    desk.controller.review.undo()
    desk.settle()
    desk.qtbot.waitUntil(lambda: len(desk.image_state.prompts) == 2)
    desk.qtbot.waitUntil(lambda: [desk.prompt(0, k).points.tolist() for k in (1, 2)] == before)

"""The review in the real viewer: keys, table and lanes reach the document, and what comes back."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_sam2.plugin.widgets.lanes_view import LaneRange

from .world import FRAMES, disc, disc_centre, movie


@pytest.fixture
def tracked(desk):
    """Both discs, tracked through all frames."""
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_N)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    desk.track()
    desk.settle()
    wait(desk, lambda: len(desk.image_state.timelines) == 2 and has_masks(desk, FRAMES))
    return desk


def wait(desk, is_true) -> None:
    desk.qtbot.waitUntil(lambda: is_true() and not desk.panel.is_behind, timeout=10000)


def has_masks(desk, frames: int, object_id: int = 1) -> bool:
    timeline = desk.image_state.timelines.get(object_id)
    return timeline is not None and int(timeline.has_mask.sum()) == frames


def rows(desk):
    return {row.object_id: row for row in desk.panel.review._rows}


def lanes(desk):
    return desk.panel.review.lanes


def test_lanes_open_with_the_first_run_and_follow_it(tracked):
    assert lanes(tracked).is_docked
    assert tracked.panel.review.box.lanes.isChecked()
    assert lanes(tracked).view.axis.frames == FRAMES
    assert set(lanes(tracked).view._lanes) == {1, 2}


def test_table_counts_frames_and_prompts(tracked):
    summary = rows(tracked)[1].summary
    assert (summary.first, summary.last, summary.prompts) == (0, FRAMES - 1, 1)


def test_click_in_a_lane_goes_to_frame_and_object(tracked):
    lanes(tracked).view.jumped.emit(5, 1)
    wait(tracked, lambda: tracked.panel.review.table.selected() == [1])
    assert tracked.controller.view.frame == 5
    assert tracked.image_state.current_object == 1
    assert tracked.labels.selected_label == 1


def test_selecting_in_the_table_selects_everywhere(tracked):
    table = tracked.panel.review.table
    table.view.selectRow(0)
    assert tracked.image_state.current_object == 1
    assert tracked.labels.selected_label == 1
    wait(tracked, lambda: lanes(tracked).view._current == 1)


def test_lock_key_locks_and_unlocks_the_frame(tracked):
    tracked.go_to(3)
    tracked.press(Qt.Key.Key_L)
    wait(tracked, lambda: tracked.image_state.is_locked(3))
    assert tracked.image_state.undo_text == "lock frame 3 of cell 2"
    assert tracked.panel.review.box.lock.text() == "Unlock (L)"
    tracked.press(Qt.Key.Key_L)
    wait(tracked, lambda: not tracked.image_state.is_locked(3))


def test_accept_key_accepts_and_undo_takes_it_back(tracked):
    tracked.go_to(2)
    tracked.press(Qt.Key.Key_C)
    wait(tracked, lambda: tracked.image_state.is_accepted(2))
    assert tracked.panel.review.box.accept.isChecked()
    tracked.controller.review.undo()
    wait(tracked, lambda: not tracked.image_state.is_accepted(2))


def test_clearing_a_range_of_a_lane_is_undone(tracked):
    lanes(tracked).view.select(LaneRange(1, range(2, 5)))
    lanes(tracked).clear.click()
    wait(tracked, lambda: has_masks(tracked, FRAMES - 3))
    assert not (tracked.labels.data[2:5] == 1).any()
    assert (tracked.labels.data[2:5] == 2).any()
    tracked.controller.review.undo()
    wait(tracked, lambda: has_masks(tracked, FRAMES))
    assert np.array_equal(tracked.labels.data[3] == 1, disc(0, 3))


def test_tracking_a_range_writes_only_there(tracked):
    lanes(tracked).view.select(LaneRange(1, range(1, FRAMES)))
    lanes(tracked).clear.click()
    wait(tracked, lambda: has_masks(tracked, 1))
    lanes(tracked).view.select(LaneRange(1, range(1, 4)))
    with tracked.qtbot.waitSignal(tracked.controller.tracking.ended, timeout=20000):
        lanes(tracked).track.click()
    wait(tracked, lambda: has_masks(tracked, 4))
    assert tracked.image_state.timelines[1].has_mask.tolist() == [True] * 4 + [False] * (FRAMES - 4)


def test_locking_a_range_by_its_button(tracked):
    lanes(tracked).view.select(LaneRange(2, range(3, 6)))
    lanes(tracked).lock.click()
    wait(tracked, lambda: tracked.image_state.timelines[2].is_locked.sum() == 3)


def test_deleting_two_objects_is_one_step(tracked):
    tracked.panel.review.table.removal_asked.emit([1, 2])
    wait(tracked, lambda: not tracked.image_state.objects)
    assert not tracked.labels.data.any()
    tracked.controller.review.undo()
    wait(tracked, lambda: len(tracked.image_state.objects) == 2)


def test_name_and_status_are_set_and_undone(tracked):
    table = tracked.panel.review.table
    table.renamed.emit(1, "anna")
    table.status_chosen.emit(1, "reviewed")
    wait(tracked, lambda: rows(tracked)[1].status == "reviewed")
    assert rows(tracked)[1].name == "anna"
    tracked.controller.review.undo()
    wait(tracked, lambda: rows(tracked)[1].status == "draft")


@pytest.mark.parametrize("key", ["]", "["])
def test_next_doubtful_goes_to_the_planted_error(open_desk, notifications, key):
    images = movie(frames=8)
    images[4] = np.where(disc(0, 4) | disc(0, 5) | disc(0, 6) | disc(0, 7), 4000, 300)
    desk = open_desk(images)
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.track()
    box = desk.panel.review.box
    wait(desk, lambda: desk.image_state.review_progress[1] > 0)
    (box.next if key == "]" else box.previous).click()
    wait(desk, lambda: desk.controller.view.frame == 4)
    assert box.progress.format().startswith("0 of")
    for _ in range(desk.image_state.review_progress[1]):
        desk.press(Qt.Key.Key_C)
        desk.qtbot.waitUntil(lambda: desk.image_state.is_accepted(desk.controller.view.frame))
        desk.press(Qt.Key.Key_BracketRight)
        desk.qtbot.wait(20)
    done, doubtful = desk.image_state.review_progress
    assert box.progress.format() == f"{done} of {doubtful} doubtful frames reviewed"


def camera_of(desk):
    return getattr(desk.viewer, "scene", desk.viewer).camera


def draw(desk) -> None:
    """Let the canvas draw, which tells the layers how much of them is in view."""
    desk.viewer.screenshot(canvas_only=True, flash=False)


@pytest.mark.real_window
def test_next_doubtful_moves_the_zoomed_view_to_the_cell_and_keeps_the_zoom(open_desk):
    images = movie(frames=8)
    images[4] = np.where(disc(0, 4) | disc(0, 5) | disc(0, 6) | disc(0, 7), 4000, 300)
    desk = open_desk(images, scale=(1, 0.5, 0.5))
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.track()
    wait(desk, lambda: desk.image_state.review_progress[1] > 0)
    camera = camera_of(desk)
    camera.zoom, camera.center = 60.0, (0.0, 30.0, 30.0)
    draw(desk)
    desk.press(Qt.Key.Key_BracketRight)
    wait(desk, lambda: desk.controller.view.frame == 4)
    y, x = desk.image_state.timelines[1].centre[4].tolist()
    assert camera.center[-2:] == pytest.approx((y / 2, x / 2))
    assert y == pytest.approx(disc_centre(0, 4)[0])
    assert camera.zoom == 60.0


@pytest.mark.real_window
def test_a_view_of_the_whole_image_stays_where_it_is(tracked):
    tracked.viewer.reset_view()
    draw(tracked)
    before = camera_of(tracked).center
    tracked.controller.show_cell(6, 2)
    assert (tracked.controller.view.frame, camera_of(tracked).center) == (6, before)


@pytest.mark.real_window
def test_closing_the_lanes_keeps_them_for_the_next_time_and_the_panel_takes_them_along(tracked):
    box = tracked.panel.review.box
    lanes(tracked).parent().destroyOnClose()
    wait(tracked, lambda: not lanes(tracked).is_docked)
    assert not box.lanes.isChecked()
    box.lanes.click()
    assert lanes(tracked).is_docked
    assert lanes(tracked).view._lanes
    tracked.viewer.window.remove_dock_widget(tracked.panel)
    assert not lanes(tracked).is_docked

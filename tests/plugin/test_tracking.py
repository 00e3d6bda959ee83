"""Track and cancel in the real viewer, with an engine whose frames pass when the test says so."""

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt

from napari_sam2.plugin.window.image_state import RunProgress

from .world import FRAMES, Gate, ThresholdEngine, disc, disc_centre, movie


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def gated(open_desk, gate):
    """A desk with object 1 clicked on frame 0, whose propagations wait at a gate."""
    desk = open_desk(movie(), engine=ThresholdEngine(gate))
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    return desk


def shown_done(desk) -> int:
    return desk.image_state.progress.done if desk.image_state.progress else -1


def test_track_fills_every_frame(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.track()
    assert all(np.array_equal(desk.labels.data[t] == 1, disc(0, t)) for t in range(FRAMES))


def test_track_goes_both_ways_from_the_clicked_frame(desk):
    desk.click(4, *disc_centre(0, 4))
    desk.settle()
    desk.track()
    assert all((desk.labels.data[t] == 1).any() for t in range(FRAMES))


def test_forward_only_leaves_earlier_frames_empty(desk):
    desk.click(4, *disc_centre(0, 4))
    desk.panel.track.directions.setCurrentText("Forward")
    desk.settle()
    desk.track()
    assert [bool((frame == 1).any()) for frame in desk.labels.data] == [False] * 4 + [True] * 4


def test_frame_limit_counts_from_the_shown_frame(desk):
    desk.click(2, *disc_centre(0, 2))
    desk.panel.track.frames.setValue(1)
    desk.settle()
    desk.track()
    filled = [t for t in range(FRAMES) if (desk.labels.data[t] == 1).any()]
    assert filled == [1, 2, 3]


def test_tracking_up_to_the_next_lock_stops_there(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.track()
    desk.controller.review.lock(1, range(4, 5), True)
    desk.controller.review.clear(1, range(1, FRAMES))
    desk.settle()
    desk.panel.track.until_locked.click()
    desk.track()
    desk.settle()
    filled = [t for t in range(FRAMES) if (desk.labels.data[t] == 1).any()]
    assert filled == [0, 1, 2, 3, 4]
    desk.panel.track.until_locked.click()
    desk.track()
    assert (desk.labels.data[FRAMES - 1] == 1).any()


def test_k_tracks_and_turns_into_cancel(gated, gate):
    gated.press(Qt.Key.Key_K)
    gated.qtbot.waitUntil(lambda: gated.image_state.is_tracking)
    gated.qtbot.waitUntil(lambda: gated.panel.track.button.text() == "Cancel (Esc)")
    gate.let_pass(1)
    gated.press(Qt.Key.Key_K)
    gate.let_pass(1)
    gated.settle()
    assert len(gate.passed) <= 2


def test_escape_stops_within_a_frame_and_keeps_what_is_done(gated, gate):
    gated.press_track()
    gate.let_pass(3)
    gated.qtbot.waitUntil(lambda: shown_done(gated) == 3)
    gated.press(Qt.Key.Key_Escape)
    gate.let_pass(1)  # the frame that was under way
    gated.settle()
    assert gate.passed == [0, 1, 2, 3]
    filled = [t for t in range(FRAMES) if (gated.labels.data[t] == 1).any()]
    assert filled == [0, 1, 2, 3]


def test_masks_appear_while_tracking(gated, gate):
    gated.go_to(2)
    gated.press_track()
    gate.let_pass(3)
    gated.qtbot.waitUntil(lambda: shown_done(gated) == 3)
    y, x = (round(part) for part in disc_centre(0, 2))
    assert gated.labels.get_value((2, y, x)) == 1
    assert gated.image_state.is_tracking


def test_click_during_tracking_is_answered_before_the_next_frame(gated, gate):
    gated.press_track()
    gate.let_pass(2)
    gated.qtbot.waitUntil(lambda: shown_done(gated) == 2)
    gated.press(Qt.Key.Key_N)
    gated.click(0, *disc_centre(1, 0))
    gate.let_pass(1)  # the frame that was under way when the click came
    gated.qtbot.waitUntil(lambda: not gated.image_state.is_waiting)
    assert gate.passed == [0, 1, 2]
    assert np.array_equal(gated.labels.data[0] == 2, disc(1, 0))
    gate.open()
    gated.settle()
    assert np.array_equal(gated.labels.data[-1] == 1, disc(0, FRAMES - 1))


def test_tracking_is_one_undo_step(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.track()
    desk.panel.document.undo.click()
    desk.qtbot.waitUntil(lambda: not desk.labels.data[1:].any())
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))
    desk.qtbot.waitUntil(desk.panel.document.redo.isEnabled)
    desk.panel.document.redo.click()
    desk.qtbot.waitUntil(lambda: desk.labels.data[-1].any())


def test_undo_during_tracking_cancels_and_takes_it_back(gated, gate):
    gated.press_track()
    gate.let_pass(3)
    gated.qtbot.waitUntil(lambda: shown_done(gated) == 3)
    gated.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    gate.let_pass(1)
    gated.settle()
    gated.qtbot.waitUntil(lambda: not gated.labels.data[1:].any())
    assert np.array_equal(gated.labels.data[0] == 1, disc(0, 0))


def test_only_the_new_object_is_tracked_the_second_time(gated, gate):
    gate.open()
    gated.track()
    gated.press(Qt.Key.Key_N)
    gated.click(0, *disc_centre(1, 0))
    gated.settle()
    before = gated.labels.data.copy()
    gated.track()
    assert gated.image_state.undo_text == f"track 1 cell over {FRAMES} frames"
    assert np.array_equal(before == 1, gated.labels.data == 1)
    assert np.array_equal(gated.labels.data[-1] == 2, disc(1, FRAMES - 1))


def test_track_without_clicks_cannot_be_pressed(desk):
    desk.qtbot.wait(50)
    assert not desk.panel.track.button.isEnabled()
    desk.press(Qt.Key.Key_K)
    desk.qtbot.wait(100)
    assert not desk.image_state.is_tracking


def test_a_failing_run_is_told_and_the_widget_stays_usable(open_desk, notifications):
    def break_down(t):
        if t == 2:
            raise OSError("frame 2 cannot be read")

    engine = ThresholdEngine()
    engine._on_step = break_down
    desk = open_desk(movie(), engine=engine)
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.track()
    desk.qtbot.waitUntil(lambda: bool(notifications.messages))
    assert notifications.only() == "frame 2 cannot be read"
    engine._on_step = lambda t: None
    desk.click(3, *disc_centre(0, 3))
    desk.settle()
    assert np.array_equal(desk.labels.data[3] == 1, disc(0, 3))


def test_progress_tells_speed_and_time_left(gated, gate):
    gated.press_track()
    gate.let_pass(2)
    gated.qtbot.waitUntil(lambda: shown_done(gated) == 2)
    bar = gated.panel.track.progress
    gated.qtbot.waitUntil(lambda: bar.value() == 2 and "frames/s" in bar.format())
    assert bar.maximum() == FRAMES
    assert bar.format().endswith("left")


def test_the_viewer_follows_the_run_or_stays(gated, gate):
    gated.go_to(5)
    gated.press_track()
    gate.let_pass(2)
    gated.qtbot.waitUntil(lambda: shown_done(gated) == 2)
    assert gated.viewer.dims.current_step[0] == 5
    gated.panel.track.follow.setChecked(True)
    gate.let_pass(1)
    gated.qtbot.waitUntil(lambda: shown_done(gated) == 3)
    assert gated.viewer.dims.current_step[0] == 2
    assert "GB, about" in gated.panel.track.memory.text()


def test_memory_at_the_end_is_forecast_from_its_growth():
    sizes = iter([1_000_000_000, 1_200_000_000])
    progress = RunProgress(total=10, memory=lambda: next(sizes))
    progress.done = 4
    assert progress.memory_text == "Memory: 1.2 GB, about 1.5 GB at the end"


def test_activity_dock_follows_the_run(gated, gate):
    from napari.utils import progress

    gated.press_track()
    gate.let_pass(2)
    gated.qtbot.waitUntil(lambda: shown_done(gated) == 2)
    (bar,) = progress._all_instances
    assert (bar.n, bar.total) == (2, FRAMES)
    gate.open()
    gated.settle()
    assert not progress._all_instances


def test_the_button_and_its_key_leave_the_run_of_another_image(open_desk, gate):
    desk = open_desk(movie(), movie(), engine=ThresholdEngine(gate))
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    first = desk.image_state
    desk.press_track()
    desk.qtbot.waitUntil(lambda: first.is_tracking)
    other = next(x for x in desk.viewer.layers if isinstance(x, Image) and x is not first.image)
    desk.controller.choose_image(other)
    desk.qtbot.waitUntil(lambda: desk.panel.track.button.text() == "Track (K)")
    desk.press(Qt.Key.Key_K)  # nothing to track here: it is not the key to cancel the other run
    gate.open()
    desk.qtbot.waitUntil(lambda: not first.is_tracking)
    assert np.array_equal(first.labels[-1] == 1, disc(0, FRAMES - 1))

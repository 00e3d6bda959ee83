"""Verify in the window: every cell is tracked back from its end, and differences are doubtful."""

import numpy as np
import pytest

from napari_sam2.annotation import Doubt
from napari_sam2.plugin.window.next_step import TrackButton

from .world import FRAMES, Gate, ThresholdEngine, disc_centre, movie


def tracked(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.track()
    return desk


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open()


def press_verify(desk) -> None:
    desk.qtbot.waitUntil(desk.panel.review.box.verify.isEnabled)
    desk.panel.review.box.verify.click()


def shown_done(desk) -> int:
    return desk.image_state.progress.done if desk.image_state.progress else -1


def backward_iou(desk) -> np.ndarray:
    return desk.image_state.timelines[1].backward_iou


def test_verify_notes_how_far_the_way_back_agrees(desk):
    tracked(desk)
    before = np.array(desk.labels.data)
    press_verify(desk)
    desk.settle()
    desk.qtbot.waitUntil(lambda: not np.isnan(backward_iou(desk)[1:-1]).any())
    np.testing.assert_array_equal(backward_iou(desk)[1:-1], np.ones(FRAMES - 2))
    np.testing.assert_array_equal(desk.labels.data, before)
    assert desk.image_state.progress is None


def test_a_mask_that_differs_is_doubtful_and_the_panel_says_why(desk):
    tracked(desk)
    desk.controller.review.edit("note_backward_check", agreement={1: {3: 0.25}})
    desk.qtbot.waitUntil(
        lambda: bool(desk.image_state.timelines[1].doubts[3] & Doubt.BACKWARD_DIFFERS)
    )
    desk.controller.go_to(3, 1)
    desk.settle()
    reason = desk.panel.review.box.reason.text()
    assert reason == "It may be wrong: tracking back from the end gives another outline."


def test_a_check_that_is_cancelled_notes_nothing(open_desk, gate):
    desk = open_desk(movie(), engine=ThresholdEngine(gate))
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    gate.let_pass(FRAMES)
    desk.track()
    press_verify(desk)
    gate.let_pass(2)
    desk.qtbot.waitUntil(lambda: shown_done(desk) == 2)
    assert desk.image_state.progress.work == "check"
    cancel = TrackButton.CANCEL_CHECK.value[0]
    desk.qtbot.waitUntil(lambda: desk.panel.track.button.text() == cancel)
    desk.controller.tracking.cancel()
    gate.open()
    desk.qtbot.waitUntil(lambda: desk.image_state.progress is None)
    assert np.isnan(backward_iou(desk)).all()


def test_nothing_is_verified_twice(desk):
    tracked(desk)
    press_verify(desk)
    desk.qtbot.waitUntil(lambda: desk.image_state.undo_text == "check 1 cell backward")
    desk.qtbot.waitUntil(lambda: desk.image_state.progress is None)
    press_verify(desk)
    desk.qtbot.waitUntil(lambda: desk.image_state.progress is None)
    desk.controller.review.undo()
    desk.qtbot.waitUntil(lambda: bool(np.isnan(backward_iou(desk)).all()))
    assert desk.image_state.undo_text != "check 1 cell backward"

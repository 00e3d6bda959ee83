"""A person judges masks drawn at random with two keys, and learns how many wrong ones are left."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from .hands import centre_of_view, zoom_in
from .world import FRAMES, disc_centre


@pytest.fixture
def tracked(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.track()
    desk.wait_for_whole_timelines(1)
    return desk


def box(desk):
    return desk.panel.review.sample


def begin(desk) -> None:
    box(desk).sample.click()
    desk.qtbot.waitUntil(lambda: desk.controller.sample.is_on)
    desk.qtbot.waitUntil(lambda: not box(desk).right.isHidden())


def reviewed(desk) -> int:
    return int(np.count_nonzero(desk.image_state.timelines[1].is_reviewed))


def test_two_keys_judge_every_mask_and_the_share_is_told(tracked):
    begin(tracked)
    masks = FRAMES - 1  # one is prompted
    assert box(tracked).text.text().endswith(f"1 of {masks}")
    for _ in range(masks - 1):
        tracked.press(Qt.Key.Key_G)
    tracked.press(Qt.Key.Key_W)
    tracked.qtbot.waitUntil(lambda: "were wrong" in box(tracked).text.text())
    # the interval of Wilson for 1 of 7, of 8 masks
    assert box(tracked).text.text() == (
        "1 of 7 masks were wrong. Share of wrong masks left: 12 % (95 %: 2 to 45 %)."
    )
    tracked.qtbot.waitUntil(lambda: reviewed(tracked) == masks - 1)
    last = tracked.controller.view.frame
    tracked.qtbot.waitUntil(lambda: tracked.image_state.timelines[1].doubts[last] > 0)
    assert tracked.image_state.doubt_on(last).startswith("You marked this outline as wrong")
    assert box(tracked).right.isHidden()


def test_the_view_goes_to_each_mask(tracked):
    zoom_in(tracked.image_state.image)
    begin(tracked)
    sample = tracked.controller.sample
    for t, object_id in sample._sample.places[:3]:
        assert tracked.controller.view.frame == t
        assert tracked.image_state.current_object == object_id
        assert centre_of_view(tracked.viewer) == pytest.approx(disc_centre(0, t), abs=0.1)
        sample.judge(True)


def test_a_sample_can_be_ended_early_with_what_was_judged(tracked):
    begin(tracked)
    tracked.press(Qt.Key.Key_W)
    box(tracked).sample.click()
    tracked.qtbot.waitUntil(lambda: "1 of 1 masks were wrong" in box(tracked).text.text())
    assert not tracked.controller.sample.is_on


def test_the_review_of_cells_and_that_of_a_sample_end_each_other(tracked):
    begin(tracked)
    tracked.press(Qt.Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    tracked.settle()
    assert (tracked.controller.sample.is_on, tracked.controller.verification.is_on) == (False, True)
    begin(tracked)
    assert not tracked.controller.verification.is_on

"""Two movies of different length: beyond the end of the shorter one nothing is changed."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from .world import FRAMES, disc_centre, movie

LAST, BEYOND = FRAMES - 1, FRAMES + 2
SHIFT = (Qt.KeyboardModifier.ShiftModifier,)
KEYS = {
    "clear": (Qt.Key.Key_C, *SHIFT),
    "lock": (Qt.Key.Key_L,),
    "accept": (Qt.Key.Key_C,),
    "divide": (Qt.Key.Key_D,),
    "outline this frame": (Qt.Key.Key_K, *SHIFT),
}


@pytest.fixture
def beyond(open_desk):
    """The shorter movie is chosen and clicked on its last frame; the slider is beyond it."""
    desk = open_desk(movie(FRAMES + 4), movie())
    assert desk.image_state.frames == FRAMES
    desk.click(LAST, *disc_centre(0, LAST))
    desk.settle()
    desk.qtbot.waitUntil(lambda: desk.image_state.can_lock(LAST))
    desk.go_to(BEYOND)
    return desk


@pytest.mark.parametrize("key", KEYS)
def test_a_key_beyond_the_end_changes_nothing_and_says_why(beyond, notifications, key):
    beyond.press(*KEYS[key])
    beyond.settle()
    assert notifications.only() == f"This movie ends at frame {LAST}."
    assert list(beyond.image_state.prompts) == [(LAST, 1)]
    assert list(beyond.image_state.objects) == [1]
    assert not beyond.image_state.is_locked(LAST)
    assert not beyond.image_state.is_accepted(LAST)


def test_a_click_beyond_the_end_vanishes_and_says_why(beyond, notifications):
    labels = np.array(beyond.labels.data)
    beyond.click(BEYOND, *disc_centre(1, 0))
    beyond.settle()
    assert notifications.only() == f"This movie ends at frame {LAST}."
    assert len(beyond.points.data) == 1
    assert np.array_equal(beyond.labels.data, labels)


def test_the_panel_says_where_the_movie_ends_and_goes_back(beyond):
    status = beyond.panel.status
    beyond.qtbot.waitUntil(
        lambda: status.text.text().startswith(f"This movie ends at frame {LAST}.")
    )
    status.button.click()
    beyond.qtbot.waitUntil(lambda: not status.text.text().startswith("This movie ends"))
    assert beyond.viewer.dims.current_step[0] == LAST

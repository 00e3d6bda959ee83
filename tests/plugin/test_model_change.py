"""Another model, contrast or image: everything that a user made stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from .world import disc_centre, movie


@pytest.fixture
def reviewed(desk: Any) -> Any:
    """Both discs tracked, one named, locked and hidden, the other accepted and rejected."""
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_N)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    desk.track()
    review = desk.controller.review
    review.rename(1, "Zelle")
    review.lock(1, range(2, 4), True)
    review.accept(2, range(1, 3))
    review.judge([2], "rejected")
    desk.controller.set_shown(1, False)
    wait(desk)
    return desk


def wait(desk: Any) -> None:
    desk.settle()
    desk.qtbot.waitUntil(lambda: len(desk.image_state.timelines) == 2, timeout=10000)


def told(desk: Any) -> dict[str, Any]:
    """All that the window knows of objects, masks and their review."""
    lanes = desk.image_state.timelines
    return {
        "objects": desk.image_state.objects,
        "hidden": set(desk.image_state.hidden),
        "labels": desk.labels.data.tolist(),
        "prompts": sorted(desk.image_state.prompts),
        "locked": {k: np.flatnonzero(lane.is_locked).tolist() for k, lane in lanes.items()},
        "accepted": {k: np.flatnonzero(lane.is_reviewed).tolist() for k, lane in lanes.items()},
    }


def another_model(desk: Any) -> None:
    desk.controller.models.choose("other")


def another_contrast(desk: Any) -> None:
    desk.image_state.image.contrast_limits = (400, 2000)
    desk.controller.use_contrast()


def another_image(desk: Any) -> None:
    desk.image_state.image.data = movie()


def test_nothing_is_lost(reviewed: Any) -> None:
    before = told(reviewed)
    assert before["locked"][1] == [2, 3]
    assert before["accepted"][2] == [1, 2]
    assert before["hidden"] == {1}
    for change in (another_model, another_contrast, another_image):
        opened = len(reviewed.engine.sources)
        change(reviewed)
        reviewed.qtbot.waitUntil(lambda n=opened: len(reviewed.engine.sources) > n, timeout=10000)
        reviewed.qtbot.waitUntil(lambda: reviewed.image_state.undo_text is None, timeout=10000)
        wait(reviewed)
        reviewed.qtbot.waitUntil(lambda: told(reviewed) == before, timeout=10000)
    reviewed.track()
    wait(reviewed)
    assert told(reviewed)["locked"] == before["locked"]

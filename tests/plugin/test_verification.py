"""The review mode plays each cell, its doubtful frames first, and takes one key per verdict."""

from __future__ import annotations

import getpass
import time

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_sam2.annotation.objects import Status
from napari_sam2.annotation.quality import Doubt, Timeline
from napari_sam2.io.project.reviewer import reviewer_name, set_reviewer_name
from napari_sam2.plugin.widgets.effort_dialog import EffortDialog
from napari_sam2.plugin.window import verification
from napari_sam2.plugin.window.verification import MOST_DOUBTFUL, Step, playlist

from .world import FRAMES, disc_centre

SHIFT = Qt.KeyboardModifier.ShiftModifier


def timeline(doubts: dict[int, float], masks: range, length: int = 6) -> Timeline:
    """A timeline with doubts of some quality on some frames."""
    false = np.zeros(length, bool)
    has_mask, quality = false.copy(), np.ones(length, np.float32)
    has_mask[list(masks)] = True
    found = np.zeros(length, np.uint8)
    for t, value in doubts.items():
        found[t], quality[t] = Doubt.LOW_IOU, value
    chance = np.full(length, np.nan, np.float32)
    marks = (has_mask, false, false, false, false)
    return Timeline(*marks, quality, found, chance, ("",) * length, np.full_like(chance, np.nan))


def test_doubtful_frames_come_first_and_the_worst_of_them_first() -> None:
    steps = playlist(timeline({1: 0.4, 4: 0.1}, range(1, 5)))
    assert steps[:2] == [Step(4, True), Step(1, True)]
    assert [step.t for step in steps[2:]] == [1, 2, 3, 4]
    assert not any(step.is_doubtful for step in steps[2:])


def test_gaps_of_a_cell_are_played_too() -> None:
    shown = timeline({}, range(1, 6))
    shown.has_mask[3] = False
    assert [step.t for step in playlist(shown)] == [1, 2, 3, 4, 5]


def test_a_cell_with_many_doubts_shows_its_worst_ones() -> None:
    many = timeline(dict.fromkeys(range(40), 0.3), range(40), 40)
    assert sum(step.is_doubtful for step in playlist(many)) == MOST_DOUBTFUL


def test_a_cell_without_masks_has_nothing_to_play() -> None:
    assert playlist(timeline({}, range(0))) == []


def test_name_of_the_system_is_used_until_one_is_set() -> None:
    assert reviewer_name() == getpass.getuser()
    set_reviewer_name("  Ada ")
    assert reviewer_name() == "Ada"
    set_reviewer_name("")
    assert reviewer_name() == getpass.getuser()


# In the window


@pytest.fixture
def tracked(desk, monkeypatch):
    """Both discs, tracked through all frames; frames are played quickly."""
    monkeypatch.setattr(verification, "FRAME_MS", 1)
    monkeypatch.setattr(verification, "DOUBTFUL_MS", 1)
    desk.click(0, *disc_centre(0, 0))
    desk.press(Qt.Key.Key_N)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    desk.track()
    desk.settle()
    wait(desk, lambda: len(desk.image_state.timelines) == 2)
    wait(desk, lambda: all(one.last == FRAMES - 1 for one in desk.image_state.summaries.values()))
    return desk


def wait(desk, is_true) -> None:
    desk.qtbot.waitUntil(lambda: is_true() and not desk.panel.is_behind, timeout=10000)


def begin(desk) -> None:
    """Press the key of the mode and wait until its keys are bound."""
    desk.press(Qt.Key.Key_R, SHIFT)
    wait(desk, lambda: "G" in {str(key) for key in desk.viewer.keymap})


def status(desk, object_id: int) -> str:
    return str(desk.image_state.objects[object_id].status)


def box(desk):
    return desk.panel.review.verdicts


def test_each_cell_is_played_to_its_end_and_gets_its_verdict(tracked, notifications) -> None:
    shown = []
    tracked.controller.verification.changed.connect(
        lambda: shown.append(tracked.controller.view.frame)
    )
    begin(tracked)
    wait(tracked, lambda: not tracked.controller.verification.is_playing)
    assert shown[-1] == FRAMES - 1
    assert set(shown) == set(range(FRAMES))
    assert tracked.image_state.current_object == tracked.controller.verification.current
    first = tracked.controller.verification.current
    tracked.press(Qt.Key.Key_G)
    wait(tracked, lambda: status(tracked, first) == "reviewed")
    second = tracked.controller.verification.current
    assert {first, second} == {1, 2}
    tracked.press(Qt.Key.Key_W)
    wait(tracked, lambda: status(tracked, second) == "to refine")
    assert not tracked.controller.verification.is_on
    assert notifications.only().startswith("No cell is left to review.")


def test_a_verdict_records_the_person_and_the_time(tracked) -> None:
    box(tracked).name.setText("Ada")
    box(tracked).name.editingFinished.emit()
    begin(tracked)
    cell = tracked.controller.verification.current
    tracked.press(Qt.Key.Key_J)
    wait(tracked, lambda: status(tracked, cell) == "rejected")
    verdict = tracked.image_state.objects[cell].verdict
    assert verdict.by == "Ada"
    assert abs(verdict.at - time.time()) < 60


def test_keys_of_verdicts_are_bound_only_in_the_mode(tracked) -> None:
    tracked.press(Qt.Key.Key_G)
    tracked.breathe()
    assert status(tracked, 1) == "draft"
    begin(tracked)
    assert box(tracked).verdicts.isVisible()
    tracked.press(Qt.Key.Key_R, SHIFT)
    wait(tracked, lambda: "G" not in {str(key) for key in tracked.viewer.keymap})
    assert not box(tracked).verdicts.isVisible()


def test_playing_pauses_and_continues(tracked, monkeypatch) -> None:
    monkeypatch.setattr(verification, "FRAME_MS", 10_000)
    begin(tracked)
    wait(tracked, lambda: box(tracked).play.text() == "Pause (Q)")
    tracked.press(Qt.Key.Key_Q)
    wait(tracked, lambda: box(tracked).play.text() == "Play (Q)")
    frame = tracked.controller.verification.step.t
    tracked.press(Qt.Key.Key_Q)
    wait(tracked, lambda: tracked.controller.verification.step.t == frame + 1)


def test_cells_with_a_verdict_are_not_asked_for_again(tracked) -> None:
    tracked.controller.review.judge([1], "reviewed")
    wait(tracked, lambda: status(tracked, 1) == "reviewed")
    wait(tracked, lambda: tracked.image_state.timelines[1].is_reviewed.all())
    assert verification.cells_to_judge(tracked.image_state) == [2]


def test_a_cell_that_changed_after_its_verdict_is_asked_for_again(tracked) -> None:
    tracked.controller.review.judge([1, 2], "reviewed")
    wait(tracked, lambda: tracked.image_state.timelines[1].is_reviewed.all())
    tracked.controller.review.clear(1, range(3, 4))
    wait(tracked, lambda: tracked.image_state.is_outdated(1))
    assert verification.cells_to_judge(tracked.image_state) == [1]


def test_cells_to_refine_are_listed_shown_and_asked_for_last(tracked) -> None:
    tracked.controller.review.judge([1], "to refine")
    wait(tracked, lambda: box(tracked).refine.text() == "To refine (1)")
    tracked.go_to(3)
    tracked.controller.choose_object(2)
    box(tracked).refine.click()
    wait(tracked, lambda: tracked.image_state.current_object == 1)
    assert verification.cells_to_judge(tracked.image_state) == [2]
    tracked.controller.review.judge([2], "rejected")
    wait(tracked, lambda: status(tracked, 2) == "rejected")
    assert verification.cells_to_judge(tracked.image_state) == [1]


def test_deleting_the_cell_ends_the_mode(tracked, monkeypatch) -> None:
    monkeypatch.setattr(verification, "FRAME_MS", 10_000)
    begin(tracked)
    tracked.controller.review.remove([tracked.controller.verification.current])
    wait(tracked, lambda: len(tracked.image_state.timelines) == 1)
    tracked.press(Qt.Key.Key_G)
    wait(tracked, lambda: not tracked.controller.verification.is_on)
    assert [str(one.status) for one in tracked.image_state.objects.values()] == ["draft"]


def test_a_verdict_is_undone(tracked) -> None:
    begin(tracked)
    cell = tracked.controller.verification.current
    tracked.press(Qt.Key.Key_G)
    wait(tracked, lambda: status(tracked, cell) == "reviewed")
    tracked.controller.review.undo()
    wait(tracked, lambda: status(tracked, cell) == "draft")


def test_effort_is_shown_in_a_dialog(tracked) -> None:
    box(tracked).effort.click()
    wait(tracked, lambda: bool(tracked.panel.findChildren(EffortDialog)))
    (dialog,) = tracked.panel.findChildren(EffortDialog)
    assert dialog.phases.item(0, 0).text() == "tracked"
    assert dialog.phases.item(0, 2).text() == str(2 * FRAMES)
    assert dialog.cells.rowCount() == 2
    dialog.close()


def test_every_status_has_a_place_in_the_table() -> None:
    from napari_sam2.plugin.widgets.objects_model import STATUSES

    assert tuple(map(str, Status)) == STATUSES

"""Teaching in the window, with a stub in place of the process of a lesson."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from safetensors.numpy import save_file

from napari_sam2.io.taught_models import taught_models
from napari_sam2.io.teaching_settings import read_settings
from napari_sam2.plugin.widgets.teach_box import STOP, TEACH
from napari_sam2.plugin.window.next_step import Action
from napari_sam2.training.lesson_process import (
    EXAMPLES,
    MODEL,
    PICTURES,
    LessonAdvanced,
    LessonEnded,
    LessonFailedError,
    LessonPlan,
)

from .world import StubLesson, disc_centre, movie

ADVANCED = LessonAdvanced(3, 40, 10.0, 180.0, ((0, 0.5), (3, 0.7)))
BETTER = LessonEnded(0.5, 0.7, True, 5, 1, 170.0, ((0.4, 0.8),), 1)


@pytest.fixture
def vouched(desk: Any) -> Any:
    """One disc clicked on five frames and tracked, the other one only tracked and rejected."""
    for t in range(5):
        desk.click(t, *disc_centre(0, t))
    desk.press(Qt.Key.Key_N)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    desk.track()
    desk.controller.review.judge([2], "rejected")
    desk.qtbot.waitUntil(lambda: desk.image_state.vouched.masks == 5, timeout=20000)
    desk.settle()
    return desk


def box(desk: Any) -> Any:
    return desk.panel.teach.box


def begin(desk: Any) -> StubLesson:
    """Press the button, and wait for the process."""
    box(desk).button.click()
    desk.qtbot.waitUntil(lambda: bool(desk.engine.lessons), timeout=20000)
    lesson: StubLesson = desk.engine.lessons[-1]
    return lesson


def end(desk: Any) -> Any:
    """A lesson from the beginning to the card."""
    lesson = begin(desk)
    np.save(lesson.folder / PICTURES, np.zeros((1, 2, 16, 16, 3), np.uint8))
    save_file({"w": np.zeros(2, np.float16)}, lesson.folder / MODEL, metadata={"base": "near"})
    lesson.say(BETTER)
    desk.qtbot.waitUntil(lambda: desk.panel.teach.card is not None, timeout=20000)
    return desk.panel.teach.card


def use(desk: Any) -> None:
    end(desk).use.click()
    desk.qtbot.waitUntil(lambda: desk.controller.models.loaded.name != "near", timeout=20000)
    desk.settle()


def test_too_few_masks_are_the_reason_why_it_is_grey(desk: Any) -> None:
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.qtbot.waitUntil(lambda: "there is 1" in box(desk).text.text(), timeout=20000)
    assert not box(desk).button.isEnabled()
    assert "5 or more masks" in box(desk).button.toolTip()


def test_the_line_says_from_what_it_learns(vouched: Any) -> None:
    assert box(vouched).text.text() == "Learns from 5 masks of 1 cell on 5 frames."
    assert box(vouched).button.isEnabled()


def test_the_box_is_shown_without_more_once_there_is_enough_to_learn(desk: Any) -> None:
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind, timeout=20000)
    assert not box(desk).isVisible()
    for t in range(1, 5):
        desk.click(t, *disc_centre(0, t))
    desk.settle()
    desk.qtbot.waitUntil(box(desk).isVisible, timeout=20000)


def test_shift_t_says_why_no_lesson_can_start(desk: Any, notifications: Any) -> None:
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.qtbot.waitUntil(lambda: desk.image_state.vouched.masks == 1, timeout=20000)
    desk.press(Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    assert "5 or more masks" in notifications.only()
    assert not desk.engine.lessons


def test_only_vouched_masks_are_learnt(vouched: Any) -> None:
    lesson = begin(vouched)
    (example,) = lesson.folder.glob(EXAMPLES)
    with np.load(example) as content:
        assert content["labels"].shape == content["image"].shape == (5, 64, 64)
        assert np.unique(content["labels"]).tolist() == [0, 1]
        assert content["image"].dtype == np.uint8


def test_the_plan_is_for_the_base_model_and_leaves_one_core(vouched: Any) -> None:
    vouched.controller.teaching.set_budget(7)
    vouched.controller.teaching.set_sources(["/data/other.sam2"])
    plan = LessonPlan.read(begin(vouched).folder)
    assert (plan.model, plan.budget_s, plan.sources) == ("near", 7.0, ("/data/other.sam2",))
    assert plan.threads >= 1


def test_progress_shows_the_time_left_and_a_curve(vouched: Any) -> None:
    begin(vouched).say(ADVANCED)
    vouched.qtbot.waitUntil(lambda: "170 s left" in box(vouched).text.text(), timeout=20000)
    assert "0.50 → 0.70" in box(vouched).text.text()
    assert box(vouched).curve.isVisible()
    assert box(vouched).button.text() == STOP


def test_clicks_work_while_a_lesson_runs(vouched: Any) -> None:
    begin(vouched).say(ADVANCED)
    vouched.click(6, *disc_centre(0, 6))
    vouched.settle()
    assert vouched.prompt(6, 2) is not None


def test_shift_t_stops_a_lesson(vouched: Any) -> None:
    lesson = begin(vouched)
    vouched.qtbot.waitUntil(lambda: box(vouched).text.text() == "Teaching begins.", timeout=20000)
    vouched.press(Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    assert lesson.calls == ["stop"]


def test_a_process_that_is_killed_leaves_the_old_model(vouched: Any, notifications: Any) -> None:
    lesson = begin(vouched)
    lesson.say(LessonFailedError("The program that teaches the model ended too early."))
    vouched.qtbot.waitUntil(lambda: bool(notifications.messages), timeout=20000)
    assert "The old model stays in use." in notifications.only()
    assert vouched.controller.models.loaded.name == "near"
    vouched.qtbot.waitUntil(lambda: box(vouched).button.text() == TEACH, timeout=20000)
    assert not lesson.folder.exists()


def test_closing_the_window_kills_the_lesson(vouched: Any) -> None:
    lesson = begin(vouched)
    vouched.qtbot.waitUntil(lambda: vouched.controller.teaching.phase == "running", timeout=20000)
    vouched.panel.shut_down()
    assert lesson.calls == ["kill"]
    assert not lesson.folder.exists()


def test_the_old_model_can_be_kept(vouched: Any) -> None:
    end(vouched).keep.click()
    vouched.qtbot.waitUntil(lambda: vouched.panel.teach.card is None, timeout=20000)
    assert taught_models() == ()
    assert not vouched.engine.lessons[-1].folder.exists()


def test_a_used_model_is_among_my_models_and_in_the_menu(vouched: Any) -> None:
    use(vouched)
    (model,) = taught_models()
    assert vouched.controller.models.wanted == str(model.path)
    assert vouched.controller.teaching.taught == (model,)


def test_undo_goes_back_to_the_old_model(vouched: Any) -> None:
    before = vouched.labels.data.tolist()
    use(vouched)
    vouched.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    vouched.qtbot.waitUntil(lambda: vouched.controller.models.wanted == "near", timeout=20000)
    vouched.settle()
    assert vouched.labels.data.tolist() == before


def test_a_used_model_offers_to_track_again_and_keeps_reviewed_frames(vouched: Any) -> None:
    vouched.controller.review.accept(1, range(5, 7))
    use(vouched)
    vouched.qtbot.waitUntil(
        lambda: vouched.panel.status.button.text() == Action.TRACK_AGAIN.value, timeout=20000
    )
    with vouched.qtbot.waitSignal(vouched.controller.tracking.ended, timeout=20000):
        vouched.panel.status.button.click()
    vouched.settle()
    vouched.qtbot.waitUntil(
        lambda: np.flatnonzero(vouched.image_state.timelines[1].is_locked).tolist() == [5, 6],
        timeout=20000,
    )
    assert not vouched.image_state.wants_tracking


def test_masks_that_overlap_are_told(vouched: Any) -> None:
    vouched.controller.review.judge([2], "draft")
    vouched.click(0, *disc_centre(0, 0))  # cell 2 takes the disc of cell 1, too
    vouched.settle()
    assert "On 1 frame, masks of two cells overlap" in end(vouched).verdict.text()


def test_teaching_is_offered_once_a_frame_holds_five_masks(desk: Any) -> None:
    image_state = desk.image_state
    image_state.vouched._per_frame[0] = 5
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.qtbot.waitUntil(lambda: "Shift+T: teach" in desk.panel.status.text.text(), timeout=20000)


def test_sources_are_chosen_in_the_settings(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_sam2.plugin.widgets import teach_dialogs

    dialog = teach_dialogs.TeachSettings(60, ["/a.sam2"], desk.panel)
    desk.qtbot.addWidget(dialog)
    told: list[list[str]] = []
    dialog.sources_chosen.connect(told.append)
    monkeypatch.setattr(
        teach_dialogs.QFileDialog, "getExistingDirectory", lambda *args: "/data/b.sam2"
    )
    dialog.add.click()
    dialog.sources.setCurrentRow(0)
    dialog.remove.click()
    assert told == [["/a.sam2", "/data/b.sam2"], ["/data/b.sam2"]]


def test_settings_are_kept_for_the_next_window(open_desk: Any) -> None:
    first = open_desk(movie())
    first.panel.teach.show_settings()
    first.controller.teaching.set_budget(42)
    first.controller.teaching.set_sources(["/data/b.sam2"])
    first.qtbot.waitUntil(lambda: len(read_settings().sources) == 1, timeout=20000)
    first.panel.shut_down()
    second = open_desk(movie())
    second.qtbot.waitUntil(lambda: second.controller.teaching.budget_s == 42, timeout=20000)
    assert second.controller.teaching.sources == ("/data/b.sam2",)


def test_my_models_can_be_renamed_and_deleted(
    vouched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_sam2.plugin.widgets import teach_dialogs

    use(vouched)
    vouched.panel.teach.show_models()
    dialog = vouched.panel.teach.models
    dialog.list.setCurrentItem(dialog.list.topLevelItem(0))
    monkeypatch.setattr(
        teach_dialogs.QInputDialog, "getText", lambda *args, **kwargs: ("Round", True)
    )
    dialog.rename.click()
    vouched.qtbot.waitUntil(lambda: dialog.list.topLevelItem(0).text(0) == "Round", timeout=20000)
    path: Path = taught_models()[0].path
    vouched.controller.models.choose("near")
    monkeypatch.setattr(
        teach_dialogs.QMessageBox,
        "question",
        lambda *args: teach_dialogs.QMessageBox.StandardButton.Yes,
    )
    dialog.list.setCurrentItem(dialog.list.topLevelItem(0))
    dialog.delete.click()
    vouched.qtbot.waitUntil(lambda: not path.exists(), timeout=20000)
    vouched.qtbot.waitUntil(lambda: dialog.list.topLevelItemCount() == 0, timeout=20000)
    dialog.close()

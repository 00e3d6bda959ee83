"""The card at the end of a lesson, without a viewer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from qtpy.QtWidgets import QLabel

from napari_sam2.plugin.widgets.teach_card import TeachCard, verdict
from napari_sam2.plugin.window.teaching import Outcome
from napari_sam2.training.lesson_process import LessonEnded

RESULT = LessonEnded(0.5, 0.7, True, 5, 1, 170.0, ((0.4, 0.8), (0.6, 0.6)), 1)
BETTER = Outcome(RESULT, np.zeros((2, 2, 16, 16, 3), np.uint8), "U373", ("u373.tif",), 0)
WORSE = replace(BETTER, result=replace(RESULT, after=0.45, is_better=False))


def shown(qtbot: Any, outcome: Outcome) -> TeachCard:
    card = TeachCard(outcome)
    qtbot.addWidget(card)
    card.show()
    return card


def test_the_verdict_has_the_figures() -> None:
    assert "better on your cells: IoU 0.50 before, 0.70 after" in verdict(BETTER)
    assert "learnt 5 masks and was tested on 1 other mask" in verdict(BETTER)


def test_masks_that_overlapped_are_told() -> None:
    assert "overlap" not in verdict(BETTER)
    assert "On 2 frames, masks of two cells overlap" in verdict(replace(BETTER, overlapping=2))


def test_notes_of_the_lesson_are_told() -> None:
    noted = replace(BETTER, result=replace(RESULT, notes=("It was tested on 1 mask only.",)))
    assert verdict(noted).endswith("\nIt was tested on 1 mask only.")


def test_cells_that_were_learnt_are_marked(qtbot: Any) -> None:
    texts = [label.text() for label in shown(qtbot, BETTER).findChildren(QLabel)]
    assert (texts.count("Kept aside"), texts.count("Learnt")) == (1, 1)


def test_the_name_is_given_with_the_decision(qtbot: Any) -> None:
    card = shown(qtbot, BETTER)
    card.name.setText("Round")
    with qtbot.waitSignal(card.use_asked) as asked:
        card.use.click()
    assert asked.args == ["Round"]


def test_a_model_that_is_not_better_cannot_be_used(qtbot: Any) -> None:
    card = shown(qtbot, WORSE)
    assert "not better" in card.verdict.text()
    assert not card.use.isVisible()
    with qtbot.waitSignal(card.keep_asked):
        card.keep.click()


def test_a_closed_card_keeps_the_old_model(qtbot: Any) -> None:
    card = shown(qtbot, BETTER)
    with qtbot.waitSignal(card.keep_asked):
        card.close()

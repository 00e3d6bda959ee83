"""A document comes back from what its journal told, without the model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import rule

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.journal_entries import Entry, Undone
from napari_sam2.annotation.recovery import Recovery, largest_id, properties

from .helpers import click, seen
from .stand_in import StandInTracker
from .test_machine import AnnotationMachine


def recovered(entries: Sequence[Entry], seed: int = 0) -> tuple[Annotation, StandInTracker]:
    tracker = StandInTracker(seed=seed)
    annotation = Annotation(tracker)
    recovery = Recovery(annotation)
    for entry in entries:
        recovery.repeat(entry)
    recovery.finish()
    return annotation, tracker


def undo_texts(annotation: Annotation) -> list[str]:
    return [group.text for group in annotation.history]


@pytest.fixture
def told(annotation: Annotation) -> list[Entry]:
    entries: list[Entry] = []
    annotation.follow_journal(entries.extend)
    return entries


def test_a_click_comes_back_and_can_be_undone(annotation, tracker, told) -> None:
    click(annotation, tracker, 1)
    other, _ = recovered(told)
    assert seen(other) == seen(annotation)
    other.undo()
    assert not other.labels.any()


def test_a_propagation_that_was_cut_off_is_one_undo_step(annotation, tracker, told) -> None:
    click(annotation, tracker, 1)
    running = annotation.propagate()
    list(islice(running, 3))
    other, other_tracker = recovered(told)
    assert seen(other) == seen(annotation)
    assert undo_texts(other) == undo_texts(annotation)
    assert other_tracker.runs == 0
    running.close()


def test_what_was_undone_can_be_done_again(annotation, tracker, told) -> None:
    click(annotation, tracker, 1)
    click(annotation, tracker, 2)
    annotation.undo()
    other, _ = recovered(told)
    other.redo()
    annotation.redo()
    assert seen(other) == seen(annotation)


def test_a_step_from_before_the_journal_can_be_undone(annotation, tracker) -> None:
    click(annotation, tracker, 1)
    entries: list[Entry] = []
    annotation.follow_journal(entries.extend)
    annotation.undo()
    annotation.redo()
    other, other_tracker = recovered([])
    click(other, other_tracker, 1)
    other._document.journal = type(other._document.journal)()  # as after reopening
    recovery = Recovery(other)
    for entry in entries:
        recovery.repeat(entry)
    assert seen(other) == seen(annotation)
    assert undo_texts(other) == undo_texts(annotation)


def test_an_undo_of_nothing_is_an_error(annotation) -> None:
    with pytest.raises(ValueError, match="never done"):
        Recovery(annotation).repeat(Undone(None))


def test_properties_make_the_objects_again(annotation, tracker) -> None:
    click(annotation, tracker, 1)
    annotation.rename_object(1, "mother")
    annotation.accept(1, [0])
    annotation.mark_wrong(1, [2])
    annotation.remove_object(annotation.add_object())
    other = Annotation(StandInTracker())
    Recovery(other).put(properties(annotation), largest_id(annotation))
    assert other.objects == annotation.objects
    assert other.reviewed_frames(1) == {0}
    assert other.wrong_frames(1) == {2}
    assert other.new_object_id() == 3


def test_large_ids_get_large_labels(annotation, told) -> None:
    annotation.add_mask(0, 70000, np.ones(annotation.shape[1:], bool))
    other, _ = recovered(told)
    np.testing.assert_array_equal(other.labels, annotation.labels)


class RecoveredMachine(AnnotationMachine):
    """A person whose program is killed at random moments."""

    def make_tracker(self, seed: int) -> Any:
        self.seed = seed
        return super().make_tracker(seed)

    def make_annotation(self) -> Annotation:
        annotation = super().make_annotation()
        self.told: list[Entry] = []
        annotation.follow_journal(self.told.extend)
        return annotation

    @rule()
    def kill(self) -> None:
        """All that is seen, and all that can be undone, is there again."""
        other, other_tracker = recovered(self.told, self.seed)
        assert seen(other) == seen(self.annotation)
        assert undo_texts(other) == undo_texts(self.annotation)
        assert other.redo_text == self.annotation.redo_text
        assert other_tracker.runs == 0


TestRecoveredMachine = RecoveredMachine.TestCase
TestRecoveredMachine.settings = settings(
    max_examples=settings.default.max_examples // 8, stateful_step_count=20, deadline=None
)

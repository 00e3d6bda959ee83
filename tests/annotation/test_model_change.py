"""A document goes on with another model, contrast or pixels: nothing that a user made is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import rule

from napari_sam2.annotation import AnnotatedObject, Annotation, Status
from napari_sam2.annotation.journal_entries import Entry
from napari_sam2.annotation.model_change import Work
from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Tracker
from tests.tracking.tiny import build_tiny_model
from tests.worlds import World, discs_that_cross

from .helpers import mask, seen
from .stand_in import StandInTracker
from .test_machine import AnnotationMachine
from .test_recovery import recovered


@pytest.fixture(scope="module")
def models() -> tuple[Sam2, Sam2]:
    return build_tiny_model(), build_tiny_model(seed=3)


@pytest.fixture
def world() -> World:
    return discs_that_cross()


@pytest.fixture
def annotation(models, world) -> Annotation:
    """Both discs clicked and tracked; all that a person can say of them is said."""
    annotation = Annotation(Tracker(models[0], world.images))
    for object_id in (1, 2):
        annotation.add_points(0, object_id, [world.centre(0, object_id)], [1])
    list(annotation.propagate())
    annotation.add_mask(6, 2, world.mask(6, 2))
    annotation.rename_object(1, "Mütterchen 母")
    annotation.set_status(2, Status.REJECTED)
    annotation.add_object(9, "still to be clicked")
    annotation.divide_object(1, 7)
    annotation.lock(2, [2, 3])
    annotation.accept(1, [1, 4])
    annotation.mark_wrong(1, [5])
    return annotation


@pytest.fixture
def successor(annotation, models, world) -> Annotation:
    other = Annotation(Tracker(models[1], Frames(world.images, contrast_limits=(30, 150))))
    other.carry_over(annotation.work())
    return other


def test_what_a_person_said_of_objects_is_kept(annotation, successor) -> None:
    assert successor.objects == annotation.objects
    assert successor.new_object_id() == annotation.new_object_id()
    for object_id in (1, 2):
        assert successor.locked_frames(object_id) == annotation.locked_frames(object_id)
    assert successor.reviewed_frames(1) == {1, 4}
    assert successor.wrong_frames(1) == {5}
    places = [[(p.t, p.object_id) for p in each.prompts()] for each in (annotation, successor)]
    assert places[0] == places[1]


@pytest.mark.parametrize(("t", "object_id"), [(2, 2), (3, 2), (1, 1), (4, 1), (6, 2)])
def test_locked_accepted_and_painted_masks_stay(annotation, successor, t, object_id) -> None:
    assert np.array_equal(mask(successor, t, object_id), mask(annotation, t, object_id))
    list(successor.propagate())
    is_accepted = object_id == 1 and t in successor.reviewed_frames(1)
    if object_id == 2 or is_accepted:
        assert np.array_equal(mask(successor, t, object_id), mask(annotation, t, object_id))


def test_tracked_masks_stay_until_they_are_tracked_again(annotation, successor) -> None:
    assert np.array_equal(mask(successor, 5, 1), mask(annotation, 5, 1))


def test_it_is_no_step_that_could_be_undone(successor) -> None:
    before = seen(successor)
    assert not successor.can_undo
    successor.rename_object(2, "other")
    successor.undo()
    assert seen(successor) == before


def test_an_accepted_mask_that_loses_pixels_is_not_accepted_any_more(models, world) -> None:
    annotation = Annotation(Tracker(models[0], world.images))
    annotation.add_points(0, 1, [world.centre(0, 1)], [1])
    annotation.accept(1, [0])
    work = annotation.work()
    covering = work.states[1].renamed(2).anchored(0, 2, np.ones((40, 56), bool))
    covering = replace(covering, locked={0: None})
    objects = (*work.objects, AnnotatedObject(2))
    other = Annotation(Tracker(models[1], world.images))
    other.carry_over(Work(objects, {**work.states, 2: covering}, work.reviewed, 2))
    assert other.reviewed_frames(1) == frozenset()


def test_a_document_with_objects_is_left_alone(annotation, successor) -> None:
    before = seen(successor)
    with pytest.raises(ValueError, match="without objects"):
        successor.carry_over(annotation.work())
    assert seen(successor) == before


def test_an_image_of_another_size_changes_nothing(annotation, models) -> None:
    other = Annotation(Tracker(models[1], np.zeros((8, 20, 20), np.uint8)))
    with pytest.raises(ValueError, match=r"outside the image|shape"):
        other.carry_over(annotation.work())
    assert not other.objects
    assert not other._document.state.tracker.object_ids


class HandingMachine(AnnotationMachine):
    """A person whose work another document takes over at random moments."""

    def make_annotation(self) -> Annotation:
        self.seed = int(self.tracker.seed)
        return super().make_annotation()

    @rule()
    def look_at_a_successor(self) -> None:
        other = Annotation(StandInTracker(seed=self.seed))
        told: list[Entry] = []
        other.follow_journal(told.extend)
        other.carry_over(self.annotation.work())
        expected = seen(self.annotation)
        assert seen(other) == expected
        assert seen(recovered(told, self.seed)[0]) == expected


TestHandingMachine = HandingMachine.TestCase
TestHandingMachine.settings = settings(
    max_examples=settings.default.max_examples // 8, stateful_step_count=20, deadline=None
)


def test_masks_name_the_model_that_made_them(annotation, models, world) -> None:
    other = Annotation(Tracker(models[1], world.images))
    other.carry_over(replace(annotation.work(), made_by="cells"))
    tracked = [1, 4, 5, 7]  # the other masks are painted or locked
    assert other.models_of(2) == dict.fromkeys(tracked, "cells")


def test_a_mask_that_is_tracked_again_is_by_the_present_model(annotation, models, world) -> None:
    other = Annotation(Tracker(models[1], world.images))
    other.carry_over(replace(annotation.work(), made_by="cells"))
    list(other.propagate())
    assert other.models_of(2) == {}


def test_a_second_change_keeps_the_name_of_the_first_model(annotation, models, world) -> None:
    for name in ("cells", "taught"):
        other = Annotation(Tracker(models[1], world.images))
        other.carry_over(replace(annotation.work(), made_by=name))
        annotation = other
    assert set(annotation.models_of(2).values()) == {"cells"}

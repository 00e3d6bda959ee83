"""Masks that a model may learn from: those that a person has looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.annotation.vouched import count_overlapping, vouched_labels
from napari_sam2.io.project.saving import Annotation
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import build_tiny_model
from tests.worlds import World, discs_that_cross


@pytest.fixture
def world() -> World:
    return discs_that_cross()


@pytest.fixture
def annotation(world: World) -> Annotation:
    """Disc 1 clicked and disc 2 painted on frame 0."""
    annotation = Annotation(Tracker(build_tiny_model(), world.images))
    annotation.add_points(0, 1, [world.centre(0, 1)], [1])
    annotation.add_mask(0, 2, world.mask(0, 2))
    return annotation


def learnt(annotation: Annotation) -> set[int]:
    """Objects with a mask to learn on frame 0."""
    labels = vouched_labels(annotation).get(0, np.zeros(1, int))
    return set(np.unique(labels).tolist()) - {0}


def test_masks_that_nobody_looked_at_are_not_learnt(annotation: Annotation) -> None:
    assert learnt(annotation) == {1, 2}
    annotation.mark_unseen()
    assert learnt(annotation) == set()
    annotation.undo()
    assert learnt(annotation) == {1, 2}


def test_imported_masks_may_stay_vouched_for(annotation: Annotation) -> None:
    annotation.mark_unseen(painted=False)
    assert learnt(annotation) == {2}


def test_frames_with_masks_that_overlap_are_counted(annotation: Annotation, world: World) -> None:
    annotation.add_mask(2, 1, world.mask(2, 1))
    annotation.add_mask(2, 2, world.mask(2, 2))
    assert count_overlapping(annotation, {2: vouched_labels(annotation)[2]}) == 0
    annotation.add_mask(2, 2, world.mask(2, 1) | world.mask(2, 2))
    assert count_overlapping(annotation, {2: vouched_labels(annotation)[2]}) == 1


LOOKS: dict[str, Callable[[Annotation, World], object]] = {
    "click": lambda a, w: a.add_points(0, 1, [w.centre(0, 1)], [1]),
    "box": lambda a, w: a.add_box(0, 1, w.box(0, 1)),
    "paint": lambda a, w: a.add_mask(0, 1, w.mask(0, 1)),
    "lock": lambda a, w: a.lock(1, [0]),
    "accept": lambda a, w: a.accept(1, [0]),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_who_looks_at_a_mask_vouches_for_it(
    annotation: Annotation, world: World, look: Callable[[Annotation, World], object]
) -> None:
    annotation.mark_unseen()
    look(annotation, world)
    assert learnt(annotation) == {1}


def test_a_project_remembers_what_nobody_looked_at(
    annotation: Annotation, world: World, tmp_path: Path
) -> None:
    annotation.save(tmp_path / "discs.sam2")
    annotation.mark_unseen(painted=False)
    annotation.close()
    with Annotation.load(
        tmp_path / "discs.sam2", build_tiny_model(), movie=world.images
    ) as reopened:
        assert learnt(reopened) == {2}


def change_model(annotation: Annotation, world: World, seed: int) -> Annotation:
    other = Annotation(Tracker(build_tiny_model(seed=seed), world.images))
    other.carry_over(annotation.work())
    return other


def test_after_a_change_of_the_model_the_masks_that_were_seen_are_learnt(
    annotation: Annotation, world: World
) -> None:
    seen = vouched_labels(annotation)[0]
    changed = change_model(change_model(annotation, world, seed=3), world, seed=5)
    assert (np.asarray(changed.labels[0]) != np.asarray(annotation.labels[0])).any()
    np.testing.assert_array_equal(vouched_labels(changed)[0], seen)


def test_a_mask_that_is_confirmed_after_a_change_is_learnt_as_it_is(
    annotation: Annotation, world: World
) -> None:
    changed = change_model(annotation, world, seed=3)
    changed.lock(1, [0])
    np.testing.assert_array_equal(vouched_labels(changed)[0] == 1, changed.labels[0] == 1)


def test_masks_that_nobody_looked_at_stay_so_with_another_model(
    annotation: Annotation, world: World
) -> None:
    annotation.mark_unseen()
    assert learnt(change_model(annotation, world, seed=3)) == set()

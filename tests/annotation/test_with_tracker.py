"""The document over the real tracker, with a network of a few thousand random weights."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from napari_sam2.annotation import Annotation
from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import build_tiny_model
from tests.worlds import World, discs_that_cross

from .helpers import mask, seen
from .stand_in import RADIUS, SHAPE, disc_centres
from .test_machine import AnnotationMachine

NETWORK_PARTS = ("encode_frame", "attend", "decode", "memorize", "import_mask")


@pytest.fixture(scope="module")
def model() -> Sam2:
    return build_tiny_model()


@pytest.fixture
def world() -> World:
    return discs_that_cross()


@pytest.fixture
def annotation(model: Sam2, world: World) -> Annotation:
    """Both discs are clicked on the first frame."""
    annotation = Annotation(Tracker(model, world.images))
    for object_id in (1, 2):
        annotation.add_points(0, object_id, [world.centre(0, object_id)], [1])
    return annotation


def test_a_run_that_was_stopped_is_continued_with_the_same_masks(
    annotation: Annotation, model: Sam2, world: World
) -> None:
    list(islice(annotation.propagate(direction="both"), 4))
    continued = [r.t for r in annotation.propagate(direction="both", only_changed=True)]
    assert continued == [4, 5, 6, 7]
    whole = Annotation(Tracker(model, world.images))
    for object_id in (1, 2):
        whole.add_points(0, object_id, [world.centre(0, object_id)], [1])
    list(whole.propagate(direction="both"))
    assert seen(annotation) == seen(whole)


def test_propagation_that_is_dropped_unused_warns_once(annotation: Annotation) -> None:
    with pytest.warns(RuntimeWarning, match="nothing was tracked") as found:
        annotation.propagate()
    assert len(found) == 1


def test_a_correction_during_a_run_is_carried_by_the_next_one(
    annotation: Annotation, world: World
) -> None:
    run = annotation.propagate(direction="both")
    list(islice(run, 4))
    correct(annotation, world)
    list(run)
    assert annotation.objects_to_track(direction="both") == (1,)
    results = list(annotation.propagate(direction="both", only_changed=True))
    assert {result.object_ids for result in results} == {(1,)}
    assert annotation.objects_to_track(direction="both") == ()


def test_masks_of_another_model_are_to_be_tracked_again(
    annotation: Annotation, world: World
) -> None:
    list(annotation.propagate())
    other = Annotation(Tracker(build_tiny_model(seed=2), world.images))
    other.carry_over(annotation.work())
    assert annotation.objects_to_track() == ()
    assert other.objects_to_track() == (1, 2)


def correct(annotation: Annotation, world: World) -> None:
    annotation.add_points(3, 1, [world.centre(3, 2)], [0])


def box(annotation: Annotation, world: World) -> None:
    annotation.add_box(3, 3, world.box(3, 2))


def paint(annotation: Annotation, world: World) -> None:
    annotation.add_mask(3, 1, world.mask(3, 2))


def clear(annotation: Annotation, world: World) -> None:
    annotation.clear_prompts(0, 1)


def take_back_a_point(annotation: Annotation, world: World) -> None:
    annotation.remove_point(0, 2, 0)


def remove(annotation: Annotation, world: World) -> None:
    annotation.remove_object(2)


def track(annotation: Annotation, world: World) -> None:
    list(annotation.propagate(direction="both"))


def track_a_little(annotation: Annotation, world: World) -> None:
    results = annotation.propagate(2, 7, "both", [2])
    list(islice(results, 2))
    results.close()


def lock(annotation: Annotation, world: World) -> None:
    annotation.lock(1, [2, 4])


def unlock(annotation: Annotation, world: World) -> None:
    with annotation.grouped("lock, paint and unlock"):
        annotation.lock(2, [3])
        annotation.add_mask(3, 4, np.ones(world.images.shape[1:], bool))
        annotation.unlock(2)


def accept(annotation: Annotation, world: World) -> None:
    annotation.accept(1, range(8))


def clear_masks(annotation: Annotation, world: World) -> None:
    annotation.clear_masks(2, [0, 5])


def split(annotation: Annotation, world: World) -> None:
    annotation.split_object(1, 6)


def swap(annotation: Annotation, world: World) -> None:
    annotation.swap_objects(1, 2, 5)


def divide(annotation: Annotation, world: World) -> None:
    annotation.divide_object(1, 5)


def merge(annotation: Annotation, world: World) -> None:
    annotation.merge_objects(2, 1)


def adopt(annotation: Annotation, world: World) -> None:
    annotation.import_labels(world.labels[7], 7)


CHANGES = [
    correct,
    box,
    paint,
    lock,
    accept,
    clear,
    track,
    unlock,
    take_back_a_point,
    track_a_little,
    clear_masks,
    adopt,
    remove,
]
OPERATIONS = [split, swap, divide, merge]


@pytest.mark.parametrize("change", CHANGES + OPERATIONS)
def test_undo_and_redo_are_exact(
    annotation: Annotation, world: World, change: Callable[[Annotation, World], None]
) -> None:
    track(annotation, world)
    before = seen(annotation)
    change(annotation, world)
    after = seen(annotation)
    annotation.undo()
    assert seen(annotation) == before
    annotation.redo()
    assert seen(annotation) == after


def test_undo_and_redo_run_no_part_of_the_network(
    annotation: Annotation, world: World, model: Sam2, monkeypatch: pytest.MonkeyPatch
) -> None:
    for change in CHANGES:
        change(annotation, world)
    for part in NETWORK_PARTS:
        monkeypatch.setattr(model, part, None)
    while annotation.undo():
        pass
    assert not annotation.labels.any()
    while annotation.redo():
        pass
    assert annotation.labels.any()


@pytest.mark.parametrize("correction", [correct, box, paint])
def test_corrected_frame_keeps_its_mask_after_any_propagation(
    annotation: Annotation, world: World, correction: Callable[[Annotation, World], None]
) -> None:
    track(annotation, world)
    correction(annotation, world)
    corrected = annotation.prompts()[-1] if correction is box else annotation.prompt(3, 1)
    approved = mask(annotation, 3, corrected.object_id).copy()
    assert approved.any()
    track(annotation, world)
    track_a_little(annotation, world)
    list(annotation.propagate(object_ids=[1], direction="backward"))
    assert np.array_equal(mask(annotation, 3, corrected.object_id), approved)


def test_labels_are_what_the_tracker_composes(model: Sam2, world: World) -> None:
    tracker = Tracker(model, world.images)
    annotation = Annotation(tracker)
    annotation.add_points(0, 1, [world.centre(0, 1)], [1])
    annotation.add_points(0, 2, [world.centre(0, 2)], [1])
    for change in CHANGES:
        change(annotation, world)
        composed = np.stack([tracker.labels(t) for t in range(len(world))])
        assert np.array_equal(annotation.labels, composed)


def test_propagation_after_an_undo_is_the_one_before_it(
    annotation: Annotation, world: World
) -> None:
    track(annotation, world)
    before = seen(annotation)
    annotation.undo()
    track(annotation, world)
    assert seen(annotation) == before


def test_clicks_between_two_frames_are_undone_one_by_one(
    annotation: Annotation, world: World
) -> None:
    results = annotation.propagate()
    states = [seen(annotation)]
    for object_id in (1, 2):
        list(islice(results, 2))
        states.append(seen(annotation))
        annotation.add_points(6, object_id, [world.centre(6, object_id)], [1])
        states.append(seen(annotation))
    assert len(list(results)) == 4
    for state in reversed(states):
        annotation.undo()
        assert seen(annotation) == state


def test_bad_input_changes_nothing(annotation: Annotation, world: World) -> None:
    before = seen(annotation), annotation.undo_text
    for call in (
        lambda: annotation.add_points(99, 3, [(1, 1)], [1]),
        lambda: annotation.add_points(0, 3, [(1, np.nan)], [1]),
        lambda: annotation.add_box(0, 3, (5, 5, 5, 9)),
        lambda: annotation.add_mask(0, 1, np.ones((2, 2), bool)),
        lambda: annotation.clear_prompts(99, 1),
        lambda: annotation.remove_point(0, 1, 7),
        lambda: annotation.propagate(5, 3),
        lambda: annotation.propagate(object_ids=[8]),
    ):
        with pytest.raises(ValueError):
            call()
    assert (seen(annotation), annotation.undo_text) == before


class TrackerMachine(AnnotationMachine):
    """The same random changes, over the network."""

    model = build_tiny_model()

    def make_tracker(self, seed: int) -> Any:
        grid = np.stack(np.mgrid[: SHAPE[1], : SHAPE[2]], axis=-1)[None, None]
        centres = disc_centres(seed=seed)[:, :, None, None]
        inside = np.linalg.norm(grid - centres, axis=-1) < RADIUS
        return Tracker(self.model, inside.any(axis=1).astype(np.float32))


TestTrackerMachine = TrackerMachine.TestCase
TestTrackerMachine.settings = settings(
    max_examples=settings.default.max_examples // 20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

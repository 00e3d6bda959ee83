"""Objects are computed as one batch and yet know nothing of each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.worlds import World

from .tiny import clicked, close, equal, logits, mask, run


def test_adding_an_object_leaves_the_others_unchanged(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker)
    before = logits(tracker)
    tracker.add_points(3, 2, [world.centre(3, 2)], [1])
    run(tracker, object_ids=[2])
    assert equal(logits(tracker, 1), before)


def test_correcting_an_object_leaves_the_others_unchanged(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, 2)
    run(tracker)
    before = logits(tracker, 2)
    tracker.add_points(3, 1, [(35, 50)], [0])
    run(tracker, object_ids=[1], direction="both")
    assert equal(logits(tracker, 2), before)


def test_tracking_all_again_after_a_correction_leaves_the_others_unchanged(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1, 2)
    run(tracker)
    before = logits(tracker, 2)
    tracker.add_points(3, 1, [(35, 50)], [0])
    run(tracker)
    assert close(logits(tracker, 2), before)


def test_removed_object_leaves_others_unchanged(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, 2)
    run(tracker)
    before = logits(tracker, 2)
    tracker.remove_object(1)
    assert tracker.object_ids == (2,)
    assert equal(logits(tracker), before)
    run(tracker)
    assert close(logits(tracker), before)


def test_order_of_adding_changes_no_mask(any_model: Sam2, world: World) -> None:
    one, other = clicked(any_model, world, 1, 2), clicked(any_model, world, 2, 1)
    run(one)
    run(other)
    assert close(logits(one), logits(other))
    assert _share_of_other_pixels(one, other) < 1e-3


@pytest.mark.parametrize("object_batch", [1, 2])
def test_object_batch_changes_no_mask(any_model: Sam2, world: World, object_batch: int) -> None:
    one, other = (
        _three_objects(any_model, world, object_batch=size) for size in (16, object_batch)
    )
    assert close(logits(one), logits(other))
    assert _share_of_other_pixels(one, other) < 1e-3


def test_memories_of_few_objects_at_a_time_change_no_mask(
    any_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = _three_objects(any_model, world)
    monkeypatch.setattr("napari_sam2.model.memory_attention.TOKENS_AT_A_TIME", 1)
    assert close(logits(_three_objects(any_model, world)), logits(together))


def test_object_tracked_with_others_has_the_masks_that_it_has_alone(
    any_model: Sam2, world: World
) -> None:
    alone = clicked(any_model, world, 1)
    run(alone)
    together = _three_objects(any_model, world)
    assert close(logits(together, 1), logits(alone))


@pytest.mark.parametrize("part", ["decode", "attend", "memorize"])
def test_no_run_of_the_network_has_more_objects_than_told(
    tiny_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    sizes = []
    method = getattr(type(tiny_model), part)

    def counting(*args: Any, **kwargs: Any) -> Any:
        made = method(tiny_model, *args, **kwargs)
        sizes.append(len(made.mask_logits if part == "decode" else made))
        return made

    monkeypatch.setattr(tiny_model, part, counting)
    _three_objects(tiny_model, world, object_batch=2, stop=3)
    assert max(sizes) == 2


def test_object_added_after_tracking_is_tracked_alone(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker)
    tracker.add_points(2, 2, [world.centre(2, 2)], [1])
    results = list(tracker.propagate(direction="forward", object_ids=[2]))
    assert [result.t for result in results] == [2, 3, 4, 5, 6, 7]
    assert {result.object_ids for result in results} == {(2,)}


def test_objects_prompted_on_different_frames_start_at_their_own(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1)
    tracker.add_points(5, 2, [world.centre(5, 2)], [1])
    found = {result.t: result.object_ids for result in tracker.propagate(direction="forward")}
    assert found == {t: (1,) if t < 5 else (1, 2) for t in range(8)}
    run(tracker, direction="backward", object_ids=[2])
    assert all(mask(tracker, t, 2) is not None for t in range(8))


def test_object_prompted_later_has_the_masks_that_it_has_alone(
    any_model: Sam2, world: World
) -> None:
    together, alone = clicked(any_model, world, 1), clicked(any_model, world, 2, t=5)
    together.add_points(5, 2, [world.centre(5, 2)], [1])
    for tracker in (together, alone):
        run(tracker, direction="both")
    assert close(logits(together, 2), logits(alone))


def test_ids_are_free_to_choose(any_model: Sam2, world: World) -> None:
    tracker = Tracker(any_model, world.images)
    for object_id in (70000, 3):
        tracker.add_points(0, object_id, [world.centre(0, 1)], [1])
    assert tracker.object_ids == (70000, 3)
    np.testing.assert_array_equal(mask(tracker, 0, 70000), mask(tracker, 0, 3))


def _three_objects(
    model: Sam2, world: World, *, stop: int | None = None, **settings: Any
) -> Tracker:
    """Tracked objects of which one has a longer memory than the others."""
    tracker = clicked(model, world, 1, 2, **settings)
    tracker.add_points(0, 3, [(30, 30)], [1])
    tracker.add_points(4, 2, [world.centre(4, 2)], [1])
    run(tracker, stop=stop)
    return tracker


def _share_of_other_pixels(one: Tracker, other: Tracker) -> float:
    differences = [
        (mask(one, t, object_id) != mask(other, t, object_id)).mean()
        for t, object_id in logits(one)
    ]
    return float(np.mean(differences))

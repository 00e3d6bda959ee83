"""A snapshot brings an object back, exactly and without the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.worlds import World

from .tiny import clicked, equal, logits, mask, run


def click(tracker: Tracker, world: World) -> None:
    tracker.add_points(3, 1, [(35, 50)], [0])


def click_again(tracker: Tracker, world: World) -> None:
    tracker.add_points(0, 1, [(35, 50)], [0])


def paint(tracker: Tracker, world: World) -> None:
    tracker.add_mask(3, 1, world.mask(3, 2))


def clear(tracker: Tracker, world: World) -> None:
    tracker.clear_prompts(0, 1)


def remove(tracker: Tracker, world: World) -> None:
    tracker.remove_object(1)


def track(tracker: Tracker, world: World) -> None:
    run(tracker, direction="both", object_ids=[1])


def correct_and_track(tracker: Tracker, world: World) -> None:
    click(tracker, world)
    paint(tracker, world)
    track(tracker, world)


CHANGES = [click, click_again, paint, clear, remove, track, correct_and_track]


def seen(tracker: Tracker) -> dict[str, Any]:
    """What a person can see."""
    return {
        "labels": [tracker.labels(t).tolist() for t in range(len(tracker.frames))],
        "prompts": {(p.t, p.object_id): p for p in tracker.prompts()},
        "scores": [
            (result.predicted_iou.tolist(), result.occlusion_score.tolist())
            for object_id in sorted(tracker.object_ids)
            for t in range(len(tracker.frames))
            if (result := tracker.result(t, object_id))
        ],
    }


@pytest.mark.parametrize("change", CHANGES)
def test_restored_object_is_as_it_was(
    any_model: Sam2, world: World, change: Callable[[Tracker, World], None]
) -> None:
    tracker = clicked(any_model, world, 1, 2)
    run(tracker, stop=5, object_ids=[1])
    before, masks = seen(tracker), logits(tracker)
    state = tracker.snapshot(1)
    change(tracker, world)
    tracker.restore(1, state)
    assert equal(logits(tracker), masks)
    assert seen(tracker) == before


@pytest.mark.parametrize("change", CHANGES)
def test_change_done_again_is_what_it_was(
    any_model: Sam2, world: World, change: Callable[[Tracker, World], None]
) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker, stop=5)
    before = tracker.snapshot(1)
    change(tracker, world)
    changed, after = seen(tracker), tracker.snapshot(1) if tracker.object_ids else None
    tracker.restore(1, before)
    tracker.restore(1, after)
    assert seen(tracker) == changed


def test_first_prompt_is_undone_by_removing_the_object(tiny_model: Sam2, world: World) -> None:
    tracker = clicked(tiny_model, world, 1)
    tracker.restore(1, None)
    assert tracker.object_ids == ()
    tracker.restore(1, None)  # nothing to remove is no error
    assert not tracker.labels(0).any()


def test_snapshot_of_a_frame_restores_that_frame_only(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker)
    before, state = logits(tracker), tracker.snapshot(1, [3])
    tracker.add_points(3, 1, [(35, 50)], [0])
    tracker.add_points(5, 1, [(35, 50)], [0])
    corrected = tracker.low_res_logits(5, 1)
    tracker.restore(1, state)
    assert tracker.prompt(3, 1) is None
    np.testing.assert_array_equal(tracker.low_res_logits(3, 1), before[3, 1])
    np.testing.assert_array_equal(tracker.low_res_logits(5, 1), corrected)


def test_snapshot_of_frames_without_masks_takes_masks_away(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    state = tracker.snapshot(1, range(1, 8))
    run(tracker)
    tracker.restore(1, state)
    assert {t for t, _ in logits(tracker)} == {0}


def test_snapshot_is_not_changed_by_what_is_done_later(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    before, state = logits(tracker), tracker.snapshot(1)
    for _ in range(2):
        correct_and_track(tracker, world)
        tracker.restore(1, state)
        assert equal(logits(tracker), before)


def test_restored_object_is_tracked_as_before(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker)
    masks, state = logits(tracker), tracker.snapshot(1)
    correct_and_track(tracker, world)
    tracker.restore(1, state)
    run(tracker)
    assert equal(logits(tracker), masks)


def test_click_after_an_undone_click_is_as_if_there_had_been_none(
    any_model: Sam2, world: World
) -> None:
    one, other = (clicked(any_model, world, 1) for _ in range(2))
    for tracker in (one, other):
        run(tracker, stop=5)
    state = one.snapshot(1, [3])
    one.add_points(3, 1, [(5, 5)], [1])
    one.restore(1, state)
    for tracker in (one, other):
        click(tracker, world)
    assert equal(logits(one), logits(other))


def test_restoring_runs_no_part_of_the_model(
    tiny_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = clicked(tiny_model, world, 1)
    run(tracker, stop=4)
    state = tracker.snapshot(1)
    tracker.remove_object(1)
    for part in ("encode_frame", "attend", "decode", "memorize", "import_mask"):
        monkeypatch.setattr(tiny_model, part, None)
    tracker.restore(1, state)
    assert mask(tracker, 3, 1) is not None


def test_other_objects_are_left_alone(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, 2)
    state = tracker.snapshot(1)
    run(tracker)
    others = logits(tracker, 2)
    tracker.restore(1, state)
    assert equal(logits(tracker, 2), others)


def test_snapshot_of_an_unknown_object_is_refused(tiny_model: Sam2, world: World) -> None:
    tracker = clicked(tiny_model, world, 1)
    with pytest.raises(ValueError, match="unknown object 5: the objects are 1"):
        tracker.snapshot(5)

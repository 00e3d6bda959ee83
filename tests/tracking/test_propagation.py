"""Masklets are carried outward from the prompts, frame by frame."""

from __future__ import annotations

import gc
import warnings
from itertools import islice

import numpy as np
import pytest
import torch

from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.worlds import World

from .tiny import clicked, equal, logits, mask, run


def test_forward_goes_from_the_prompt_to_the_end(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, t=3)
    assert run(tracker, direction="forward") == [3, 4, 5, 6, 7]
    assert tracker.result(2, 1) is None


def test_backward_goes_from_the_prompt_to_the_start(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, t=3)
    assert run(tracker, direction="backward") == [3, 2, 1, 0]
    assert tracker.result(4, 1) is None


def test_both_goes_forward_and_then_backward_from_the_prompt(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, t=3)
    assert run(tracker, direction="both") == [3, 4, 5, 6, 7, 2, 1, 0]


def test_backward_goes_from_the_last_prompt_through_the_others(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1, t=2)
    tracker.add_points(5, 1, [world.centre(5, 1)], [1])
    assert run(tracker, direction="backward") == [5, 4, 3, 2, 1, 0]


def test_frame_beside_a_later_prompt_is_shown_the_mask_of_the_frame_before_it(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1, t=1)
    tracker.add_points(4, 1, [world.centre(4, 1)], [1])
    run(tracker, 1, 3, "forward")
    records = tracker._store.masklets[1].records
    assert tracker._runner.job(3, records, "forward").previous is records[2]
    assert tracker._runner.job(2, records, "backward").previous is None  # 3 is not tracked
    assert tracker._runner.job(3, records, "backward").previous is records[4]


def test_both_ways_is_the_default(tiny_model: Sam2, world: World) -> None:
    tracker = clicked(tiny_model, world, 1, t=3)
    assert tracker.total_steps() == len(world.images)
    assert set(run(tracker)) == set(range(len(world.images)))


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_only_frames_of_the_range_are_written(
    any_model: Sam2, world: World, direction: str
) -> None:
    tracker = clicked(any_model, world, 1, t=4)
    frames = run(tracker, 3, 6, direction)
    assert set(frames) <= {3, 4, 5}
    assert {t for t, _ in logits(tracker)} == {*frames, 4}


def test_range_away_from_the_prompt_is_tracked_from_its_memory(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1)
    assert run(tracker, 5, 7) == [5, 6]
    assert mask(tracker, 4, 1) is None
    assert mask(tracker, 5, 1) is not None


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
@pytest.mark.parametrize(("start", "stop"), [(None, None), (1, 5), (6, 8)])
def test_total_steps_tells_how_many_frames_will_come(
    tiny_model: Sam2, world: World, direction: str, start: int | None, stop: int | None
) -> None:
    tracker = clicked(tiny_model, world, 1, t=2)
    tracker.add_points(4, 2, [world.centre(4, 2)], [1])
    steps = tracker.total_steps(start, stop, direction)
    assert steps == len(run(tracker, start, stop, direction))


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_forward_closed_and_resumed_gives_the_masks_of_an_uninterrupted_run(
    any_model: Sam2, world: World, cut: int
) -> None:
    whole, parts = (clicked(any_model, world, 1, 2) for _ in range(2))
    run(whole)
    results = parts.propagate()
    done = list(islice(results, cut))
    results.close()
    assert len(logits(parts, 1)) == len(done)
    run(parts, start=cut)
    assert equal(logits(parts), logits(whole))


def test_backward_closed_and_resumed_gives_the_masks_of_an_uninterrupted_run(
    any_model: Sam2, world: World
) -> None:
    whole, parts = (clicked(any_model, world, 1, 2, t=7) for _ in range(2))
    run(whole, direction="backward")
    results = parts.propagate(direction="backward")
    last = [result.t for result in islice(results, 4)][-1]
    results.close()
    run(parts, stop=last, direction="backward")
    assert equal(logits(parts), logits(whole))


def test_run_given_up_and_begun_again_gives_the_masks_of_an_uninterrupted_run(
    any_model: Sam2, world: World
) -> None:
    whole, parts = (clicked(any_model, world, 1, t=3) for _ in range(2))
    run(whole, direction="both")
    list(islice(parts.propagate(direction="both"), 6))
    run(parts, direction="both")
    assert equal(logits(parts), logits(whole))


def test_generator_that_was_never_started_changes_nothing(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    before = logits(tracker)
    tracker.propagate().close()
    assert equal(logits(tracker), before)


def test_results_are_the_stored_masks(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, 2, clean=True)
    for result in tracker.propagate(stop=3):
        assert result.object_ids == (1, 2)
        for found, object_id in zip(result.masks, result.object_ids, strict=True):
            np.testing.assert_array_equal(found, mask(tracker, result.t, object_id))


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_prompted_frames_keep_their_masks_bit_for_bit(
    any_model: Sam2, world: World, direction: str
) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker)
    tracker.add_points(4, 1, [world.centre(4, 1), (35, 50)], [1, 0])
    tracker.add_mask(6, 1, world.mask(6, 1))
    approved = {t: (mask(tracker, t, 1), tracker.low_res_logits(t, 1)) for t in (0, 4, 6)}
    yielded = {r.t: r.masks[0] for r in tracker.propagate(direction=direction)}
    for t, (pixels, found) in approved.items():
        np.testing.assert_array_equal(mask(tracker, t, 1), pixels)
        np.testing.assert_array_equal(tracker.low_res_logits(t, 1), found)
        if t in yielded:
            np.testing.assert_array_equal(yielded[t], pixels)


def test_correction_keeps_its_mask_whatever_is_corrected_later(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker)
    tracker.add_points(4, 1, [(35, 50)], [0])
    approved = tracker.low_res_logits(4, 1)
    for t in (2, 6, 5):
        tracker.add_points(t, 1, [world.centre(t, 1)], [1])
        run(tracker, direction="both")
    np.testing.assert_array_equal(tracker.low_res_logits(4, 1), approved)


def test_correction_changes_the_frames_before_and_after_it(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker)
    tracked = {t: tracker.low_res_logits(t, 1) for t in range(len(world))}
    tracker.add_points(4, 1, [(35, 50)], [0])
    run(tracker)
    assert all((tracker.low_res_logits(t, 1) != tracked[t]).any() for t in (2, 3, 5, 6))


def test_second_click_on_the_first_frame_changes_the_others(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker)
    tracked = logits(tracker)
    tracker.add_points(0, 1, [(35, 50)], [0])
    approved = tracker.low_res_logits(0, 1)
    run(tracker)
    np.testing.assert_array_equal(tracker.low_res_logits(0, 1), approved)
    assert all(not np.array_equal(logits(tracker)[t, 1], tracked[t, 1]) for t in range(1, 8))


def test_second_run_gives_the_masks_of_the_first(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, 2, t=3)
    run(tracker, direction="both")
    first = logits(tracker)
    run(tracker, direction="both")
    assert equal(logits(tracker), first)


def test_backward_pass_sees_nothing_of_a_forward_pass(any_model: Sam2, world: World) -> None:
    one, other = (clicked(any_model, world, 1, t=4) for _ in range(2))
    run(one, direction="forward")
    run(one, stop=4, direction="backward")
    run(other, stop=4, direction="backward")
    before = {key: found for key, found in logits(one).items() if key[0] <= 4}
    assert equal(before, logits(other))


def test_backward_pass_between_prompts_sees_nothing_of_a_forward_pass(
    any_model: Sam2, world: World
) -> None:
    one, other = (clicked(any_model, world, 1, t=1) for _ in range(2))
    for tracker in (one, other):
        tracker.add_mask(7, 1, world.mask(7, 1))
    run(one, direction="forward")
    for tracker in (one, other):
        run(tracker, 3, 5, "backward")
    between = {key: found for key, found in logits(one).items() if key[0] in (1, 3, 4, 7)}
    assert equal(between, logits(other))


def test_forward_pass_sees_nothing_that_a_cleared_prompt_left_behind(
    any_model: Sam2, world: World
) -> None:
    one, other = (Tracker(any_model, world.images) for _ in range(2))
    one.add_mask(0, 1, world.mask(0, 2))  # the wrong disc
    run(one, stop=4)
    one.clear_prompts(0, 1)
    for tracker in (one, other):
        tracker.add_mask(4, 1, world.mask(4, 1))
        run(tracker, start=5)
    after = {key: found for key, found in logits(one).items() if key[0] >= 4}
    assert equal(after, logits(other))


def test_prompt_given_while_tracking_takes_part_from_the_next_frame_on(
    any_model: Sam2, world: World
) -> None:
    one, other = (clicked(any_model, world, 1) for _ in range(2))
    run(one, stop=3)
    results = other.propagate()
    list(islice(results, 3))
    for tracker in (one, other):
        tracker.add_mask(5, 1, world.mask(5, 1))
    assert [result.t for result in results] == [3, 4, 5, 6, 7]
    run(one, start=3)
    np.testing.assert_array_equal(mask(other, 5, 1), world.mask(5, 1))
    assert equal(logits(one), logits(other))


def test_object_removed_while_tracking_is_tracked_no_further(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, 2)
    results = tracker.propagate()
    next(results)
    tracker.remove_object(1)
    assert {result.object_ids for result in results} == {(2,)}


def test_object_without_prompts_is_not_tracked(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, 2)
    tracker.clear_prompts(0, 1)
    assert {result.object_ids for result in tracker.propagate()} == {(2,)}


def test_no_gradients_or_autocast_are_left_switched_on(any_model: Sam2, world: World) -> None:
    results = clicked(any_model, world, 1).propagate()
    list(islice(results, 2))
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    assert not torch.is_autocast_enabled("cpu")


def test_propagation_that_is_dropped_unused_warns(tiny_model: Sam2, world: World) -> None:
    tracker = clicked(tiny_model, world, 1)
    with pytest.warns(RuntimeWarning, match="nothing was tracked"):
        tracker.propagate()


def test_propagation_that_is_closed_or_left_halfway_does_not_warn(
    tiny_model: Sam2, world: World
) -> None:
    tracker = clicked(tiny_model, world, 1)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        tracker.propagate().close()
        next(tracker.propagate())
        gc.collect()
    assert found == []

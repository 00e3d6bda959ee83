"""What another tracker of the same image holds, taken over by one with another network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sam2.model import Sam2, build_model
from napari_sam2.tracking import ObjectState, Prompt, Tracker
from tests.worlds import World

from .tiny import build_tiny_model, clicked, logits, mask, run, tiny_config


@pytest.fixture(params=["another", "larger"])
def other_model(request: pytest.FixtureRequest) -> Sam2:
    """A network of the same size, and one with a larger input."""
    if request.param == "another":
        return build_tiny_model(seed=3)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_model(tiny_config(image_size=128))


@pytest.fixture
def tracker(tiny_model: Sam2, world: World) -> Tracker:
    """Both discs clicked and tracked."""
    tracker = clicked(tiny_model, world, 1, 2)
    run(tracker)
    return tracker


@pytest.fixture
def taken(other_model: Sam2, world: World, tracker: Tracker) -> Callable[..., Tracker]:
    def take(*kept: int) -> Tracker:
        other = Tracker(other_model, world.images, clean=False)
        for object_id in tracker.object_ids:
            other.carry_over(object_id, tracker.snapshot(object_id), kept)
        return other

    return take


def test_masks_stay_until_they_are_tracked_again(tracker, taken, other_model) -> None:
    other = taken()
    for t in range(1, 8):
        before, now = mask(tracker, t, 1), mask(other, t, 1)
        same = np.array_equal(before, now)
        assert same or (other_model.config.image_size == 128 and (before != now).mean() < 0.05)
    before = logits(other)
    run(other)
    assert logits(other).keys() == before.keys()


def test_clicks_are_computed_anew(taken, world, other_model) -> None:
    fresh = clicked(other_model, world, 1, 2)
    other = taken()
    for object_id in (1, 2):
        np.testing.assert_array_equal(mask(other, 0, object_id), mask(fresh, 0, object_id))
        assert other.prompt(0, object_id) is not None


def test_locked_and_kept_frames_stay_to_the_pixel(tracker, taken) -> None:
    tracker.lock(1, [0, 3, 4])
    other = taken(5)
    for t in (0, 3, 4, 5):
        np.testing.assert_array_equal(mask(other, t, 1), mask(tracker, t, 1))
    assert other.locked_frames(1) == {0, 3, 4}
    run(other)
    np.testing.assert_array_equal(mask(other, 3, 1), mask(tracker, 3, 1))
    other.unlock(1, [3])
    run(other)


def test_painted_masks_stay_to_the_pixel(tracker, taken, world) -> None:
    tracker.add_mask(2, 1, world.mask(2, 2))
    other = taken()
    np.testing.assert_array_equal(mask(other, 2, 1), world.mask(2, 2))
    np.testing.assert_array_equal(other.prompt(2, 1).mask, world.mask(2, 2))
    other.clear_prompts(2, 1)
    assert mask(other, 2, 1) is not None


def test_work_goes_on_with_what_was_taken_over(tracker, taken, world) -> None:
    tracker.lock(2, [2])
    other = taken(4)
    other.add_points(4, 1, [world.centre(4, 1)], [1])
    assert run(other, 3, 8) == [3, 4, 5, 6, 7]
    other.add_points(0, 1, [world.centre(0, 2)], [0])
    assert run(other) == list(range(8))


def test_an_object_that_is_there_is_not_overwritten(tracker, taken) -> None:
    other = taken()
    with pytest.raises(ValueError, match="already exists"):
        other.carry_over(1, tracker.snapshot(1))


def test_what_does_not_fit_is_refused(tiny_model, world) -> None:
    tracker = clicked(tiny_model, world, 1)
    state = tracker.snapshot(1)
    entry = replace(state.prompted[0], prompt=Prompt(99, 1, mask=world.mask(0, 1)))
    with pytest.raises(ValueError, match="outside the stack"):
        tracker.carry_over(2, ObjectState(None, state.records, {99: entry}))
    assert tracker.object_ids == (1,)

"""The three masks of a single click, of which another one can be used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.model import Sam2
from napari_sam2.tracking import Prompt, Tracker
from napari_sam2.tracking.prompts import check_prompt
from tests.worlds import World

from .tiny import clicked, equal, logits, mask, run


def test_three_guesses_differ_and_the_first_follows_the_third(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1)
    seen = [tracker.low_res_logits(0, 1)]
    for _ in range(3):
        tracker.next_guess(0, 1)
        seen.append(tracker.low_res_logits(0, 1))
    assert all((seen[i] != seen[j]).any() for i, j in ((0, 1), (1, 2), (0, 2)))
    np.testing.assert_array_equal(seen[3], seen[0])


def test_guesses_are_made_in_windows_too(drawing_model: Sam2, world: World) -> None:
    tracker = clicked(drawing_model, world, 1, windows="auto")
    first = mask(tracker, 0, 1)
    assert (tracker.next_guess(0, 1).masks[0] != first).any()
    assert tracker.prompt(0, 1).guess == 2


def test_guess_of_a_prompt_is_that_of_the_key(any_model: Sam2, world: World) -> None:
    pressed, given = clicked(any_model, world, 1), Tracker(any_model, world.images, clean=False)
    pressed.next_guess(0, 1)
    pressed.next_guess(0, 1)
    given.set_prompt(replace(Prompt(0, 1).with_points([world.centre(0, 1)], [1]), guess=3))
    assert equal(logits(pressed, 1), logits(given, 1))


def test_further_click_starts_from_the_guess(tiny_model: Sam2, world: World) -> None:
    tracker, other = clicked(tiny_model, world, 1), clicked(tiny_model, world, 1)
    shown = tracker.next_guess(0, 1).masks[0]
    tracker.add_points(0, 1, [(30, 30)], [0])
    other.add_points(0, 1, [(30, 30)], [0])
    assert (mask(tracker, 0, 1) != mask(other, 0, 1)).any()
    assert tracker.prompt(0, 1).guess == 2
    tracker.set_prompt(tracker.prompt(0, 1).without_point(1))
    np.testing.assert_array_equal(mask(tracker, 0, 1), shown)


def test_tracking_starts_from_the_guess(tiny_model: Sam2, world: World) -> None:
    tracker, other = clicked(tiny_model, world, 1), clicked(tiny_model, world, 1)
    shown = tracker.next_guess(0, 1).masks[0]
    run(tracker)
    run(other)
    np.testing.assert_array_equal(mask(tracker, 0, 1), shown)
    assert not equal(logits(tracker, 1), logits(other, 1))
    assert (tracker.low_res_logits(1, 1) != other.low_res_logits(1, 1)).any()


def test_another_guess_makes_tracked_masks_out_of_date(tiny_model: Sam2, world: World) -> None:
    tracker = clicked(tiny_model, world, 1)
    run(tracker)
    assert tracker.total_steps(only_changed=True) == 0
    tracker.next_guess(0, 1)
    assert tracker.total_steps(only_changed=True) > 0


@pytest.mark.parametrize("kind", ["box", "two clicks", "mask"])
def test_only_a_single_click_has_guesses(tiny_model: Sam2, world: World, kind: str) -> None:
    tracker = clicked(tiny_model, world, 1)
    if kind == "box":
        tracker.add_box(0, 1, world.box(0, 1))
    elif kind == "mask":
        tracker.add_mask(0, 1, world.mask(0, 1))
    else:
        tracker.add_points(0, 1, [(30, 30)], [0])
    before = tracker.low_res_logits(0, 1)
    with pytest.raises(ValueError, match="only a single click has other guesses"):
        tracker.next_guess(0, 1)
    np.testing.assert_array_equal(tracker.low_res_logits(0, 1), before)


def test_unknown_object_has_no_guesses(tiny_model: Sam2, world: World) -> None:
    with pytest.raises(ValueError, match="4"):
        clicked(tiny_model, world, 1).next_guess(0, 4)


def test_without_its_first_click_a_prompt_is_at_the_first_guess() -> None:
    prompt = replace(Prompt(0, 1).with_points([(1, 1)], [1]), guess=2).with_points([(2, 2)], [1])
    assert prompt.without_point(1).guess == 2
    assert prompt.without_point(0).guess == 1


@pytest.mark.parametrize("guess", [0, 4])
def test_there_are_three_guesses(guess: int) -> None:
    prompt = replace(Prompt(0, 1).with_points([(1, 1)], [1]), guess=guess)
    with pytest.raises(ValueError, match="guess must be from 1 to 3"):
        check_prompt(prompt)


def test_digest_of_the_first_guess_is_that_of_older_projects() -> None:
    """Projects hold digests; another one would make their tracked masks out of date."""
    prompt = Prompt(3, 1).with_points([(4.5, 6)], [1])
    assert prompt.digest.hex().startswith("6886eefa59145f6572beb9ebd05d1a0c")
    assert replace(prompt, guess=2).digest != prompt.digest

"""Any sequence of calls gives the same masks, whatever is kept in between."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.model import Sam2
from napari_sam2.tracking import ObjectState, Tracker
from tests import worlds

from .tiny import clicked, close, equal, logits, run

WORLD = worlds.two_discs()
UNPAINTED = ObjectState(frozenset({5}))  # nothing on frame 5
Step = tuple[Callable[..., None], int, int]


def click(tracker: Tracker, t: int, object_id: int) -> None:
    tracker.add_points(t, object_id, [WORLD.centre(t, object_id)], [1])


def exclude(tracker: Tracker, t: int, object_id: int) -> None:
    with suppress(ValueError):  # nothing shows the object yet
        tracker.add_points(t, object_id, [(35, 3 * t)], [0])


def paint(tracker: Tracker, t: int, object_id: int) -> None:
    tracker.add_mask(t, object_id, WORLD.mask(t, object_id))


def clear(tracker: Tracker, t: int, object_id: int) -> None:
    if object_id in tracker.object_ids:
        tracker.clear_prompts(t, object_id)


def remove(tracker: Tracker, t: int, object_id: int) -> None:
    if object_id in tracker.object_ids:
        tracker.remove_object(object_id)


def track(tracker: Tracker, t: int, object_id: int) -> None:
    run(tracker, max(t - 2, 0), t + 2, "both")


def click_and_undo(tracker: Tracker, t: int, object_id: int) -> None:
    """An edit that is taken back."""
    known = object_id in tracker.object_ids
    state = tracker.snapshot(object_id) if known else None
    click(tracker, t, object_id)
    tracker.restore(object_id, state)


steps = st.lists(
    st.tuples(
        st.sampled_from([click, exclude, paint, clear, remove, track, track, click_and_undo]),
        st.integers(0, 5),
        st.sampled_from([1, 2]),
    ),
    min_size=3,
    max_size=10,
)


def play(tracker: Tracker, calls: list[Step], *, forgets: bool = False) -> Tracker:
    for call, t, object_id in calls:
        if forgets:
            tracker._prompter.forget_embedding()
            tracker._store.forget_drawn()
        call(tracker, t, object_id)
    return tracker


@pytest.mark.parametrize(
    "change",
    [
        lambda tracker: tracker.clear_prompts(0, 1),
        lambda tracker: tracker.add_mask(5, 1, WORLD.mask(5, 2)),
        lambda tracker: tracker.restore(1, UNPAINTED),
        lambda tracker: run(tracker),
    ],
    ids=["cleared", "painted", "undone", "tracked"],
)
def test_further_click_on_a_frame_sees_what_changed_on_others(
    any_model: Sam2, change: Callable[[Tracker], object]
) -> None:
    one, other = (clicked(any_model, WORLD, 1) for _ in range(2))
    for tracker in (one, other):
        tracker.add_mask(5, 1, WORLD.mask(5, 1))
        run(tracker)
        exclude(tracker, 3, 1)
        change(tracker)
        if tracker is other:
            tracker._prompter.forget_embedding()
        click(tracker, 3, 1)
    assert equal(logits(one), logits(other))


@settings(max_examples=10, deadline=None, derandomize=True)
@given(calls=steps)
def test_sequence_gives_the_same_masks_whatever_the_caches(
    any_model: Sam2, calls: list[Step]
) -> None:
    rich = play(Tracker(any_model, WORLD.images), calls)
    poor = Tracker(any_model, WORLD.images, cache_bytes=0, memory_bytes=0, object_batch=1)
    assert close(logits(rich), logits(play(poor, calls)))


@settings(max_examples=10, deadline=None, derandomize=True)
@given(calls=steps)
def test_sequence_gives_the_same_masks_when_nothing_is_remembered_between_calls(
    any_model: Sam2, calls: list[Step]
) -> None:
    one = play(Tracker(any_model, WORLD.images), calls)
    other = play(Tracker(any_model, WORLD.images), calls, forgets=True)
    assert equal(logits(one), logits(other))
    for t in range(6):
        np.testing.assert_array_equal(one.labels(t), other.labels(t))


@settings(max_examples=10, deadline=None, derandomize=True)
@given(calls=steps)
def test_object_of_a_sequence_knows_nothing_of_the_other(
    any_model: Sam2, calls: list[Step]
) -> None:
    both = play(Tracker(any_model, WORLD.images), calls)
    alone = play(
        Tracker(any_model, WORLD.images),
        [step for step in calls if step[2] == 1 or step[0] is track],
    )
    if 1 in both.object_ids:
        assert close(logits(both, 1), logits(alone, 1))

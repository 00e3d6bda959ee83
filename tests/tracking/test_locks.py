"""Locked frames keep their masks, win their pixels and condition the others."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.worlds import World

from .tiny import clicked, equal, logits, mask, run


@pytest.fixture
def tracker(any_model: Sam2, world: World) -> Tracker:
    """Disc 1 is clicked on the first frame and tracked."""
    tracker = clicked(any_model, world, 1, area_guard=False)
    run(tracker)
    return tracker


def test_locked_frame_is_not_written(tracker: Tracker, world: World) -> None:
    tracker.lock(1, [3])
    before = tracker.low_res_logits(3, 1)
    tracker.add_points(5, 1, [world.centre(5, 2)], [1])
    run(tracker, direction="both")
    np.testing.assert_array_equal(tracker.low_res_logits(3, 1), before)


def test_locked_frame_without_a_mask_stays_empty(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    tracker.lock(1, [3])
    assert run(tracker) == [0, 1, 2, 4, 5, 6, 7]
    assert tracker.result(3, 1) is None


def test_locked_frame_conditions_as_a_prompted_one(tracker: Tracker) -> None:
    before = logits(tracker)
    tracker.lock(1, [3])
    assert tracker._store.masklets[1].records[3].is_prompted
    run(tracker, 6)
    changed = logits(tracker)
    assert not np.array_equal(changed[6, 1], before[6, 1])


def test_object_without_prompts_sets_out_from_its_locks(tracker: Tracker) -> None:
    tracker.lock(1, [3])
    tracker.clear_prompts(0, 1)
    assert run(tracker, direction="both") == [3, 4, 5, 6, 7, 2, 1, 0]


def test_lock_fixes_what_is_seen(tracker: Tracker, world: World) -> None:
    tracker.add_mask(3, 2, mask(tracker, 3, 1))
    assert not (tracker.labels(3) == 1).any()
    before = tracker.labels(3)
    tracker.lock(1, [3])
    np.testing.assert_array_equal(tracker.labels(3), before)


def test_locked_object_wins_its_pixels(tracker: Tracker) -> None:
    tracker.lock(1, [3])
    before = tracker.labels(3) == 1
    tracker.add_mask(3, 2, np.ones(tracker.shape[1:], bool))
    np.testing.assert_array_equal(tracker.labels(3) == 1, before)
    tracker.unlock(1, [3])
    assert not (tracker.labels(3) == 1).any()


def test_unlocked_object_is_as_before(tracker: Tracker) -> None:
    records = dict(tracker._store.masklets[1].records)
    tracker.lock(1, range(8))
    tracker.unlock(1, range(8))
    assert tracker._store.masklets[1].records == records
    assert tracker.locked_frames(1) == frozenset()


def test_lock_is_restored_with_its_frames(tracker: Tracker) -> None:
    free = tracker.snapshot(1, [3])
    tracker.lock(1, [3, 4])
    locked = tracker.snapshot(1, [3])
    tracker.restore(1, free)
    assert tracker.locked_frames(1) == {4}
    tracker.restore(1, locked)
    assert tracker.locked_frames(1) == {3, 4}


def test_labels_at_hand_are_used(tracker: Tracker) -> None:
    nothing = np.zeros(tracker.shape[1:], np.uint16)
    tracker.lock(1, [3], lambda t: nothing)
    assert not tracker.result(3, 1).masks.any()


@pytest.mark.parametrize(
    ("arguments", "frames"),
    [
        ((0, None, "forward"), [0, 1, 2]),
        ((3, None, "forward"), [3, 4, 5]),
        ((None, 6, "backward"), [5, 4]),
        ((None, None, "both"), [0, 1, 2]),
    ],
)
def test_pass_ends_before_the_next_lock(
    tracker: Tracker, arguments: tuple[int | None, int | None, str], frames: list[int]
) -> None:
    tracker.lock(1, [3, 6])
    start, stop, direction = arguments
    assert run(tracker, start, stop, direction, until_locked=True) == frames
    assert tracker.total_steps(start, stop, direction, until_locked=True) == len(frames)


def test_span_limits_every_pass(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, t=4)
    tracker.set_span(1, range(3, 6))
    assert run(tracker, direction="both") == [4, 5, 3]
    tracker.set_span(1, None)
    assert len(run(tracker, direction="both")) == len(world)


def test_span_holds_from_the_next_frame_of_a_running_pass(tracker: Tracker) -> None:
    results = tracker.propagate()
    next(results)
    tracker.set_span(1, range(2))
    assert [result.t for result in results] == [1]


def test_unknown_frames_are_refused(tracker: Tracker) -> None:
    before = logits(tracker)
    with pytest.raises(ValueError, match="frame 8 is outside"):
        tracker.lock(1, [3, 8])
    with pytest.raises(ValueError, match="unknown object 5"):
        tracker.lock(5, [3])
    assert equal(logits(tracker), before)
    assert tracker.locked_frames(1) == frozenset()


def test_scores_are_those_of_the_result(tracker: Tracker) -> None:
    result = tracker.result(3, 1)
    expected = (float(result.predicted_iou[0]), float(result.occlusion_score[0]))
    assert tracker.scores(3, 1) == pytest.approx(expected)


def test_locked_frames_cost_no_run_of_the_network(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker.lock(1, range(8))
    monkeypatch.setattr(tracker._runner, "track", None)
    assert len(run(tracker)) == 8


def test_states_united_without_the_model(
    any_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = Tracker(any_model, world.images, clean=False)
    for object_id in (1, 2):
        tracker.add_mask(0, object_id, world.mask(0, object_id))
    monkeypatch.setattr(tracker._runner, "model", None)
    one, two = tracker.snapshot(1, [0]), tracker.snapshot(2, [0])
    either = world.mask(0, 1) | world.mask(0, 2)
    united = one.united(two, 1, {0: either})
    np.testing.assert_array_equal(united.prompted[0].prompt.mask, either)
    logits = united.records[0].logits()
    for part in (one, two):
        assert (logits[part.records[0].logits() > 5] > 0).all()

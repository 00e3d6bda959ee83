"""An object that is not visible has an empty mask, and is found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.model import Sam2
from napari_sam2.tracking import FrameResult, Tracker, network_runner
from tests.worlds import World

from .tiny import VISIBLE, clicked, equal, hidden_objects, logits, mask, run

HIDDEN = (3, 4)


def track_while_hidden(model: Sam2, tracker: Tracker, score: float = -VISIBLE) -> list[FrameResult]:
    """Propagate while the network says, by this score, that nothing is visible on some frames."""
    results = tracker.propagate()
    found = [next(results) for _ in range(HIDDEN[0])]
    with hidden_objects(model, score):
        found += [next(results) for _ in HIDDEN]
    return found + list(results)


def test_lost_object_has_an_empty_mask(any_model: Sam2, world: World) -> None:
    results = track_while_hidden(any_model, clicked(any_model, world, 1, clean=True))
    for t in HIDDEN:
        assert not results[t].masks.any()
        assert results[t].occlusion_score[0] < 0


def test_lost_object_is_picked_up_again(any_model: Sam2, world: World) -> None:
    results = track_while_hidden(any_model, clicked(any_model, world, 1))
    visible = [bool(result.masks.any()) for result in results]
    assert visible == [True, True, True, False, False, True, True, True]
    assert all(result.occlusion_score[0] > 0 for result in results[5:])


@pytest.mark.parametrize(
    ("margin", "score", "stays"), [(1.0, -0.5, True), (1.0, -2.0, False), (0.0, -0.5, False)]
)
def test_visible_object_stays_so_while_the_head_is_in_doubt(
    any_model: Sam2,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    margin: float,
    score: float,
    stays: bool,
) -> None:
    config = replace(any_model.config, occlusion_margin=margin)
    monkeypatch.setattr(any_model, "config", config)
    found = track_while_hidden(any_model, clicked(any_model, world, 1, clean=True), score)
    assert [bool(found[t].masks.any()) for t in HIDDEN] == [stays, stays]
    assert [bool(found[t].occlusion_score[0] > 0) for t in HIDDEN] == [stays, stays]


def test_object_in_doubt_whose_mask_spread_is_lost(
    any_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(any_model.config, occlusion_margin=1.0)
    monkeypatch.setattr(any_model, "config", config)
    monkeypatch.setattr(network_runner, "LARGEST_GROWTH", 0.01)  # every mask has spread
    results = clicked(any_model, world, 1).propagate()
    next(results)
    with hidden_objects(any_model, -0.5):
        assert not next(results).masks.any()


def test_lost_object_comes_back_only_when_the_head_is_sure(
    any_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(any_model.config, occlusion_margin=1.0)
    monkeypatch.setattr(any_model, "config", config)
    results = clicked(any_model, world, 1).propagate()
    found = [next(results)]
    for score in (-2.0, -0.5):
        with hidden_objects(any_model, score):
            found.append(next(results))
    found.append(next(results))
    assert [bool(result.masks.any()) for result in found] == [True, False, False, True]


def test_memory_of_a_lost_frame_matters(any_model: Sam2, world: World) -> None:
    lost, seen = (clicked(any_model, world, 1) for _ in range(2))
    track_while_hidden(any_model, lost)
    run(seen)
    assert not np.array_equal(lost.low_res_logits(5, 1), seen.low_res_logits(5, 1))


def test_lost_object_leaves_its_pixels_to_the_others(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    tracker.add_mask(3, 2, world.mask(3, 2))
    with hidden_objects(any_model):
        run(tracker, 3, 4, object_ids=[1])
    np.testing.assert_array_equal(tracker.labels(3) == 2, world.mask(3, 2))
    assert not (tracker.labels(3) == 1).any()


def test_lost_object_that_is_clicked_is_visible_again(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    track_while_hidden(any_model, tracker)
    result = tracker.add_points(4, 1, [world.centre(4, 1)], [1])
    assert result.masks.any()
    run(tracker)
    np.testing.assert_array_equal(mask(tracker, 4, 1), result.masks[0])


def test_lost_frames_are_rebuilt_from_what_is_kept(any_model: Sam2, world: World) -> None:
    rich, poor = (clicked(any_model, world, 1, memory_bytes=n) for n in (2**20, 0))
    for tracker in (rich, poor):
        track_while_hidden(any_model, tracker)
    assert equal(logits(rich), logits(poor))


def test_empty_painted_mask_says_that_the_object_is_not_there(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker)
    result = tracker.add_mask(4, 1, np.zeros(tracker.shape[1:], bool))
    assert not result.masks.any()
    assert result.occlusion_score[0] < 0
    run(tracker)
    assert not mask(tracker, 4, 1).any()
    assert mask(tracker, 5, 1).any()


def test_empty_painted_mask_conditions_its_neighbours(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker)
    before = logits(tracker)
    tracker.add_mask(4, 1, np.zeros(tracker.shape[1:], bool))
    run(tracker)
    after = logits(tracker)
    assert all(not np.array_equal(before[t, 1], after[t, 1]) for t in (3, 5))


def test_empty_painted_mask_alone_is_refused(any_model: Sam2, world: World) -> None:
    tracker = Tracker(any_model, world.images)
    with pytest.raises(ValueError, match="first add a prompt on another frame"):
        tracker.add_mask(4, 1, np.zeros(tracker.shape[1:], bool))
    assert tracker.object_ids == ()

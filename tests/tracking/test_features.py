"""The image encoder runs once a frame, as long as the cache holds what it said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from napari_sam2.model import FrameFeatures, Sam2
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.features import FeatureCache, View
from napari_sam2.tracking.windows import Window
from tests.worlds import World

from .tiny import clicked, equal, logits, run

FRAME_BYTES = 4 * (32 * 4 * 4 + 8 * 8 * 8 + 4 * 16 * 16)  # float32 maps of the tiny network


@pytest.fixture
def encoded(tiny_model: Sam2, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """Images that the encoder was given."""
    images: list[torch.Tensor] = []
    encode = type(tiny_model).encode_frame

    def counting(image: torch.Tensor) -> FrameFeatures:
        images.append(image)
        return encode(tiny_model, image)

    monkeypatch.setattr(tiny_model, "encode_frame", counting)
    return images


def test_correcting_and_tracking_again_encodes_no_frame_again(
    tiny_model: Sam2, world: World, encoded: list[torch.Tensor]
) -> None:
    tracker = clicked(tiny_model, world, 1)
    run(tracker)
    assert len(encoded) == 8
    tracker.add_points(4, 1, [(35, 50)], [0])
    tracker.add_points(6, 2, [world.centre(6, 2)], [1])
    run(tracker, direction="both")
    assert len(encoded) == 8


def test_memories_are_made_again_without_encoding_frames_again(
    tiny_model: Sam2, world: World, encoded: list[torch.Tensor]
) -> None:
    run(clicked(tiny_model, world, 1, 2, memory_bytes=0))
    assert len(encoded) == 8


def test_frame_is_encoded_once_for_all_objects(
    tiny_model: Sam2, world: World, encoded: list[torch.Tensor]
) -> None:
    clicked(tiny_model, world, 1, 2)
    assert len(encoded) == 1


def test_first_click_encodes_only_its_frame(
    tiny_model: Sam2, world: World, encoded: list[torch.Tensor]
) -> None:
    tracker = clicked(tiny_model, world, 1, t=5)
    assert len(encoded) == 1
    assert [tracker.features_cached(t) for t in range(8)] == [t == 5 for t in range(8)]


def test_frame_encoded_ahead_is_not_encoded_by_the_click(
    tiny_model: Sam2, world: World, encoded: list[torch.Tensor]
) -> None:
    tracker = Tracker(tiny_model, world.images)
    tracker.encode(3)
    assert tracker.features_cached(3)
    tracker.add_points(3, 1, [world.centre(3, 1)], [1])
    assert len(encoded) == 1


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_budget_of_features_changes_no_mask(any_model: Sam2, world: World, frames: int) -> None:
    rich = clicked(any_model, world, 1, 2)
    poor = clicked(any_model, world, 1, 2, cache_bytes=frames * FRAME_BYTES)
    for tracker in (rich, poor):
        run(tracker)
        tracker.add_points(4, 1, [(35, 50)], [0])
        run(tracker, direction="both")
    assert equal(logits(rich), logits(poor))


def test_tiny_budgets_of_both_caches_change_no_mask(any_model: Sam2, world: World) -> None:
    rich = clicked(any_model, world, 1)
    poor = clicked(any_model, world, 1, cache_bytes=0, memory_bytes=0)
    run(rich)
    run(poor)
    assert equal(logits(rich), logits(poor))


def test_masks_take_their_part_of_the_budget_of_features(tiny_model: Sam2, world: World) -> None:
    tracker = clicked(tiny_model, world, 1, cache_bytes=5 * FRAME_BYTES, disk_bytes=0)
    numbers = []
    for result in tracker.propagate():
        kept = [t for t in range(8) if tracker.features_cached(t)]
        assert result.t in kept
        numbers.append(len(kept))
    assert FRAME_BYTES < tracker._store.masks_bytes() < 2 * FRAME_BYTES
    assert numbers == [1, 2, 3, 4, 4, 3, 3, 3]


def test_masks_leave_half_of_the_budget_to_features() -> None:
    cache = FeatureCache(tens, 160)
    cache.share_budget(lambda: 1000)
    for t in range(4):
        cache[view(t)]
    assert [view(t) in cache for t in range(4)] == [False, False, True, True]


def features(size: int) -> FrameFeatures:
    return FrameFeatures(torch.zeros(size), torch.zeros(0), torch.zeros(0))


def view(t: int) -> View:
    return t, Window(0, 0, 8, 8)


def tens(views: Sequence[View]) -> list[FrameFeatures]:
    return [features(10) for _ in views]


def test_cache_computes_a_frame_once_and_counts_its_bytes() -> None:
    asked: list[View] = []

    def compute(views: Sequence[View]) -> list[FrameFeatures]:
        asked.extend(views)
        return [features(10) for _ in views]

    cache = FeatureCache(compute, 1000)
    assert cache[view(3)] is cache[view(3)]
    assert list(cache.load([view(3), view(4), view(4)])) == [view(3), view(4)]
    assert asked == [view(3), view(4)]
    assert cache.nbytes == 80


def test_least_recently_used_features_go_first() -> None:
    cache = FeatureCache(tens, 80)
    for t in (0, 1, 0, 2):
        cache[view(t)]
    assert [view(t) in cache for t in range(3)] == [True, False, True]
    assert cache.nbytes == 80


def test_cleared_cache_holds_nothing() -> None:
    cache = FeatureCache(tens, 80)
    cache[view(0)]
    cache.clear()
    assert view(0) not in cache
    assert cache.nbytes == 0


def test_negative_budget_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative; got -1"):
        FeatureCache(tens, -1)


def test_failed_encoding_leaves_the_cache_as_it_was() -> None:
    def compute(views: Sequence[View]) -> Any:
        raise OSError("the file is gone")

    cache = FeatureCache(compute, 80)
    with pytest.raises(OSError, match="gone"):
        cache[view(0)]
    assert view(0) not in cache
    assert cache.nbytes == 0

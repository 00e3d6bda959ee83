"""Which frames an object looks back at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.model import Sam2
from napari_sam2.tracking.masks import Direction, MaskRecord
from napari_sam2.tracking.memory_bank import MemoryCache, Recall, nearest_prompted, recall
from napari_sam2.tracking.windows import Window
from tests.worlds import World

from .tiny import clicked, close, equal, logits, run

WINDOW = Window(0, 0, 4, 4)
WRITER: dict[str, Direction | None] = {"P": None, ">": "forward", "<": "backward"}


def record(direction: Direction | None = None) -> MaskRecord:
    return MaskRecord(
        (0, 0), np.ones((1, 1), np.float32), 0.0, 4, 1.0, 3.0, np.zeros(4), direction, WINDOW
    )


def masklet(drawing: str) -> dict[int, MaskRecord]:
    """A letter a frame: prompted, written forward (>) or backward (<), or nothing (.)."""
    return {t: record(WRITER[letter]) for t, letter in enumerate(drawing) if letter in WRITER}


def look(drawing: str, **changes: Any) -> Recall:
    """What frame `?` looks at."""
    t = drawing.index("?")
    settings: dict[str, Any] = {"num_recent": 3, "max_prompted": 4, "max_pointers": 5}
    direction = changes.pop("direction", "forward")
    return recall(masklet(drawing), t, direction, **{**settings, **changes})


@pytest.mark.parametrize(
    ("drawing", "direction", "frames", "slots"),
    [
        ("P?......", "forward", (0,), (-1,)),
        ("P>>>>?..", "forward", (0, 2, 3, 4), (-1, 2, 1, 0)),
        ("P>.>?...", "forward", (0, 1, 3), (-1, 2, 0)),
        ("P>>?>>P.", "forward", (0, 6, 1, 2), (-1, -1, 1, 0)),  # later prompts take part
        ("..?<<<<P", "backward", (7, 5, 4, 3), (-1, 2, 1, 0)),
        ("..?>>>>P", "backward", (7,), (-1,)),  # another pass
        ("P<<<?...", "forward", (0,), (-1,)),  # another pass
        ("P>P>?...", "forward", (0, 2, 1, 3), (-1, -1, 2, 0)),
        (">>>P>?..", "forward", (3, 4), (-1, 0)),  # left behind by a prompt that is gone
        ("..?<P<<<", "backward", (4, 3), (-1, 0)),  # left behind by a prompt that is gone
    ],
)
def test_frames_looked_at(
    drawing: str, direction: Direction, frames: tuple[int, ...], slots: tuple[int, ...]
) -> None:
    found = look(drawing, direction=direction)
    assert (found.frames, found.slots) == (frames, slots)


@pytest.mark.parametrize(
    ("drawing", "direction", "pointers"),
    [
        ("P?......", "forward", {0: 1}),
        ("P>>>>>>?", "forward", {0: 7, 3: 4, 4: 3, 5: 2, 6: 1}),
        ("P>>?>>P.", "forward", {0: 3, 1: 2, 2: 1}),  # none from the future of the pass
        ("..?<<P..", "backward", {5: 3, 4: 2, 3: 1}),
        ("P.?..P..", "backward", {5: 3}),
        ("..?P....", "forward", {}),
    ],
)
def test_pointers_with_their_signed_distance(
    drawing: str, direction: Direction, pointers: dict[int, int]
) -> None:
    found = look(drawing, direction=direction)
    assert dict(zip(found.pointer_frames, found.distances, strict=True)) == pointers


@pytest.mark.parametrize(
    ("limit", "chosen"),
    [
        (1, [4]),  # the nearest before
        (2, [4, 9]),  # and the nearest after
        (3, [3, 4, 9]),
        (4, [0, 3, 4, 9]),
        (5, [0, 3, 4, 9, 20]),
        (9, [0, 3, 4, 9, 20]),
    ],
)
def test_nearest_prompted_frames(limit: int, chosen: list[int]) -> None:
    assert nearest_prompted([20, 0, 9, 3, 4], 6, limit) == chosen


def test_only_later_prompted_frames() -> None:
    assert nearest_prompted([7, 9, 8], 2, 2) == [7, 8]


@given(
    frames=st.sets(st.integers(0, 30), min_size=1),
    t=st.integers(0, 30),
    limit=st.integers(1, 10),
)
def test_nearest_prompted_frames_are_as_many_as_may_be(
    frames: set[int], t: int, limit: int
) -> None:
    chosen = nearest_prompted(sorted(frames), t, limit)
    assert chosen == sorted(set(chosen) & frames)
    assert len(chosen) == min(limit, len(frames))


def test_prompted_frame_that_is_not_among_the_nearest_counts_as_a_recent_one() -> None:
    found = look("P>PP?...", max_prompted=1)
    assert found.frames == (3, 1, 2)
    assert found.slots == (-1, 2, 1)


def test_the_frame_itself_is_never_looked_at() -> None:
    found = recall(masklet("P>P>"), 2, "forward", num_recent=3, max_prompted=4, max_pointers=5)
    assert 2 not in found.frames + found.pointer_frames


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_at_most_m_prompted_frames_are_attended_to(
    tiny_model: Sam2, world: World, attended: list[torch.Tensor], limit: int
) -> None:
    tracker = clicked(tiny_model, world, 1, max_prompted_frames=limit)
    for t in (1, 3, 5):
        tracker.add_points(t, 1, [world.centre(t, 1)], [1])
    run(tracker)
    assert max(int((slots == -1).sum()) for slots in attended) == min(limit, 4)


def test_recent_memories_are_as_many_as_the_network_knows(
    tiny_model: Sam2, world: World, attended: list[torch.Tensor]
) -> None:
    run(clicked(tiny_model, world, 1))
    recent = [[int(slot) for slot in slots[0] if slot >= 0] for slots in attended]
    assert recent == [[], [0], [1, 0], [2, 1, 0], [2, 1, 0], [2, 1, 0], [2, 1, 0]]


def test_pointers_come_with_their_distance_as_a_share_of_the_longest(
    tiny_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[torch.Tensor, ...]] = []
    gather = type(tiny_model).gather_memory

    def recording(*args: torch.Tensor) -> Any:
        calls.append(args)
        return gather(tiny_model, *args)

    monkeypatch.setattr(tiny_model, "gather_memory", recording)
    tracker = clicked(tiny_model, world, 1, t=1)
    run(tracker, stop=5, direction="forward")
    _, _, pointers, distances, *_ = calls[-1]
    assert distances.tolist() == [[0.75, 0.25, 0.5]]  # frames 1, 3 and 2 seen from 4, of 4
    records = tracker.snapshot(1).records
    for column, t in enumerate((1, 3, 2)):
        np.testing.assert_array_equal(pointers[0, column], records[t].pointer)


def test_number_of_prompted_frames_matters(tiny_model: Sam2, world: World) -> None:
    one, other = (clicked(tiny_model, world, 1, max_prompted_frames=m) for m in (1, 8))
    for tracker in (one, other):
        tracker.add_mask(4, 1, world.mask(4, 1))
        run(tracker)
    assert not close(logits(one), logits(other))


@pytest.fixture
def attended(tiny_model: Sam2, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """Temporal positions of the memories in each run of memory attention."""
    calls: list[torch.Tensor] = []
    gather: Callable[..., Any] = type(tiny_model).gather_memory

    def recording(maps: Any, slots: torch.Tensor, *args: Any) -> Any:
        calls.append(slots)
        return gather(tiny_model, maps, slots, *args)

    monkeypatch.setattr(tiny_model, "gather_memory", recording)
    return calls


def test_memories_that_were_dropped_are_made_again(any_model: Sam2, world: World) -> None:
    kept, dropped = (clicked(any_model, world, 1, memory_bytes=n) for n in (2**20, 0))
    run(kept)
    run(dropped)
    assert equal(logits(kept), logits(dropped))


def test_memories_of_several_objects_that_were_dropped_are_made_again(
    any_model: Sam2, world: World
) -> None:
    kept, dropped = (clicked(any_model, world, 1, 2, memory_bytes=n) for n in (2**20, 0))
    run(kept, direction="both")
    run(dropped, direction="both")
    assert close(logits(kept), logits(dropped))


def test_memories_are_made_of_their_own_frames(
    tiny_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[int, tuple[Any, ...]] = {}  # by features
    memorize = type(tiny_model).memorize

    def recording(features: Any, *args: Any) -> Any:
        made[id(features)] = args
        return memorize(tiny_model, features, *args)

    tracker = clicked(tiny_model, world, 1)
    run(tracker, stop=4)
    runner = tracker._runner
    runner.memories.clear()
    monkeypatch.setattr(tiny_model, "memorize", recording)
    run(tracker, 4, 5)  # looks back at the four before it
    for t in range(5):
        masks, _, is_prompted = made[id(runner.encoder.features[t, runner.grid.whole])]
        np.testing.assert_array_equal(masks[0, 0], tracker.low_res_logits(t, 1))
        assert is_prompted.tolist() == [t == 0]  # those are binarised


def test_memory_is_found_for_the_very_mask_that_it_was_made_of() -> None:
    cache, one = MemoryCache(1000), record()
    memory = torch.ones(4)
    cache.put(one, WINDOW, memory)
    assert cache.get(one, WINDOW) is memory
    assert cache.get(one, Window(0, 2, 4, 4)) is None
    assert cache.get(record(), WINDOW) is None


def test_oldest_memories_go_first() -> None:
    cache, records = MemoryCache(40), [record() for _ in range(3)]
    for each in records[:2]:
        cache.put(each, WINDOW, torch.ones(5))
    cache.get(records[0], WINDOW)
    cache.put(records[2], WINDOW, torch.ones(5))
    assert [cache.get(each, WINDOW) is not None for each in records] == [True, False, True]
    assert cache.nbytes == 40


def test_memory_put_twice_counts_once() -> None:
    cache, one = MemoryCache(1000), record()
    cache.put(one, WINDOW, torch.ones(5))
    cache.put(one, WINDOW, torch.ones(5))
    assert cache.nbytes == 20


def test_newest_memory_stays_whatever_the_budget() -> None:
    cache, one = MemoryCache(0), record()
    cache.put(one, WINDOW, torch.ones(5))
    assert cache.get(one, WINDOW) is not None
    cache.clear()
    assert cache.get(one, WINDOW) is None
    assert cache.nbytes == 0

"""What is not tracked costs nothing, counted in objects that the network is given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.worlds import World

from .tiny import clicked, run

PARTS = ("encode_frame", "attend", "decode", "memorize")


@pytest.fixture
def calls(tiny_model: Sam2, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, int]]]:
    """The parts of the network that ran, and on how many objects or views each."""
    found: list[tuple[str, int]] = []

    def counted(name: str):
        work = getattr(type(tiny_model), name)

        def call(*args, **kwargs):
            output = work(tiny_model, *args, **kwargs)
            maps = output if isinstance(output, torch.Tensor) else next(iter(vars(output).values()))
            found.append((name, len(maps)))
            return output

        return call

    for name in PARTS:
        monkeypatch.setattr(tiny_model, name, counted(name))
    return found


def objects(calls: list[tuple[str, int]], part: str) -> int:
    return sum(count for name, count in calls if name == part)


def tracked(model: Sam2, world: World, calls: list[tuple[str, int]]) -> Tracker:
    """Two objects that have been through the movie; the calls for that do not count."""
    tracker = clicked(model, world, 1, 2)
    run(tracker)
    calls.clear()
    return tracker


def test_locked_object_costs_nothing(
    tiny_model: Sam2, world: World, calls: list[tuple[str, int]]
) -> None:
    tracker = tracked(tiny_model, world, calls)
    tracker.lock(2, range(8))
    run(tracker)
    assert objects(calls, "attend") == 7
    assert objects(calls, "decode") == 7


def test_object_out_of_its_range_costs_nothing(
    tiny_model: Sam2, world: World, calls: list[tuple[str, int]]
) -> None:
    tracker = tracked(tiny_model, world, calls)
    tracker.set_span(2, range(3))
    run(tracker)
    assert objects(calls, "attend") == 7 + 2
    assert objects(calls, "decode") == 7 + 2


def test_lost_object_that_is_given_up_costs_nothing(
    tiny_model: Sam2, world: World, calls: list[tuple[str, int]]
) -> None:
    """Its range ends where a person found that it is gone; nothing looks for it any more."""
    tracker = tracked(tiny_model, world, calls)
    for object_id in (1, 2):
        tracker.set_span(object_id, range(1))
    run(tracker)
    assert not calls


def test_object_that_was_not_asked_for_costs_nothing(
    tiny_model: Sam2, world: World, calls: list[tuple[str, int]]
) -> None:
    tracker = tracked(tiny_model, world, calls)
    run(tracker, object_ids=[1])
    assert objects(calls, "attend") == 7


def test_movie_of_locked_objects_is_not_even_read(
    tiny_model: Sam2, world: World, calls: list[tuple[str, int]]
) -> None:
    tracker = clicked(tiny_model, world, 1)
    tracker.lock(1, range(8))
    calls.clear()
    run(tracker)
    assert not calls


def test_looks_of_a_first_click_are_encoded_and_decoded_together(
    tiny_model: Sam2, world: World, calls: list[tuple[str, int]]
) -> None:
    tracker = Tracker(tiny_model, world.images, windows="auto")
    looks = len(tracker._runner.grid.looks((*world.centre(0, 1), *world.centre(0, 1))))
    assert looks > 1
    tracker.add_points(0, 1, [world.centre(0, 1)], [1])
    assert calls[:2] == [("encode_frame", looks), ("decode", looks)]


def test_a_click_on_the_next_frame_needs_only_windows_that_were_encoded_ahead(
    tiny_model: Sam2, world: World, calls: list[tuple[str, int]]
) -> None:
    tracker = Tracker(tiny_model, world.images, windows="auto")
    place = world.centre(0, 1)
    tracker.add_points(0, 1, [place], [1])
    tracker.encode(1)
    assert tracker.features_cached(1)
    calls.clear()
    tracker.add_points(1, 1, [place], [1])
    assert calls[0][0] == "decode"

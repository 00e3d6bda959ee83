"""An object whose mask suddenly covers everything counts as lost on that frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.area_guard import spills_over
from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.memory_bank import Recall
from napari_sam2.tracking.windows import Window
from tests.worlds import World

from .tiny import equal, logits, run

SPILLED = 3


def square(side: int, window_side: int = 64) -> MaskRecord:
    """A mask of side x side cells of a map of 16 x 16."""
    crop = np.full((side, side), 5.0, np.float32)
    window = Window(0, 0, window_side, window_side)
    return MaskRecord((0, 0), crop, -9.0, 16, 0.9, 4.0, np.zeros(8, np.float32), "forward", window)


def recalled(*frames: int) -> Recall:
    return Recall(frames, (0,) * len(frames), (), ())


@pytest.fixture
def spilling(any_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes trackers in which the network takes the whole window for the object on one frame."""

    def make(**settings: Any) -> Tracker:
        tracker = Tracker(any_model, world.images, clean=False, **settings)
        tracker.add_mask(0, 1, world.mask(0, 1))
        track = tracker._runner.track

        def spill(t: int, jobs: Sequence[Any], direction: Any) -> list[MaskRecord]:
            found = []
            for record in track(t, jobs, direction):
                side = record.size if t == SPILLED else record.size // 5
                crop = np.full((side, side), 8.0, np.float32)
                found.append(replace(record, corner=(0, 0), crop=crop, floor=-8.0))
            return found

        monkeypatch.setattr(tracker._runner, "track", spill)
        return tracker

    return make


def test_area_is_that_of_the_image() -> None:
    assert square(3).area == 9 * 16
    assert square(3, window_side=32).area == 9 * 4


@pytest.mark.parametrize(
    ("usual", "side", "is_lost"),
    [(3, 4, False), (3, 6, False), (3, 9, True), (3, 16, True), (12, 16, False), (10, 16, True)],
)
def test_mask_of_several_times_the_usual_area_spills_over(
    usual: int, side: int, is_lost: bool
) -> None:
    assert spills_over(square(side), {0: square(usual)}, recalled(0)) is is_lost


def test_areas_are_compared_across_windows() -> None:
    small_window = {0: square(12, window_side=32)}
    assert not spills_over(square(6, window_side=64), small_window, recalled(0))


def test_largest_mask_in_memory_counts() -> None:
    records = {0: square(10), 1: square(2)}
    assert not spills_over(square(11), records, recalled(0, 1))
    assert spills_over(square(11), records, recalled(1))


def test_nothing_is_said_of_an_object_that_was_never_visible() -> None:
    empty = replace(square(1), crop=np.zeros((0, 0), np.float32))
    assert not spills_over(square(16), {0: empty}, recalled(0))


def test_object_that_spills_over_is_lost_on_that_frame(spilling: Any) -> None:
    tracker = spilling()
    results = {result.t: result for result in tracker.propagate()}
    assert not results[SPILLED].masks.any()
    assert results[SPILLED].occlusion_score[0] < 0
    assert not (tracker.labels(SPILLED) == 1).any()


def test_spilled_mask_leads_nothing_astray(spilling: Any) -> None:
    guarded, unguarded = spilling(), spilling(area_guard=False)
    for tracker in (guarded, unguarded):
        run(tracker)
    after = {
        kind: [float(tracker.scores(t, 1)[0]) for t in range(SPILLED + 1, 8)]
        for kind, tracker in (("guarded", guarded), ("unguarded", unguarded))
    }
    assert after["guarded"] != after["unguarded"]


def test_guard_can_be_switched_off(spilling: Any) -> None:
    tracker = spilling(area_guard=False)
    run(tracker)
    assert tracker.result(SPILLED, 1).masks.mean() > 0.9


def test_guard_leaves_other_frames_alone(spilling: Any) -> None:
    guarded, unguarded = spilling(), spilling(area_guard=False)
    for tracker in (guarded, unguarded):
        run(tracker, 0, SPILLED)
    assert equal(logits(guarded), logits(unguarded))

"""Automatic masklets: what searches do to tracked objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from napari_sam2.finding import Proposal
from napari_sam2.finding.automatic import found_again, track_found
from napari_sam2.tracking.pixels import masks_of
from napari_sam2.tracking.results import FrameResult

LENGTH = 8


def disc(y: int, x: int, radius: int = 4) -> np.ndarray:
    """(40, 40) bool."""
    rows, columns = np.ogrid[:40, :40]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


class Still:
    """A tracker that leaves each mask where it was, unless it loses the object on a frame."""

    def __init__(self, lost: Mapping[int, int] | None = None) -> None:
        self.masks: dict[int, dict[int, np.ndarray]] = {}
        self.lost = lost or {}

    def add_mask(self, t: int, object_id: int, mask: np.ndarray) -> FrameResult:
        self.masks.setdefault(object_id, {})[t] = np.asarray(mask, bool)
        return self.result(t)

    def remove_object(self, object_id: int) -> None:
        del self.masks[object_id]

    def propagate(
        self, start: int, stop: int, direction: str, *, only_changed: bool
    ) -> Iterator[FrameResult]:
        for t in range(start, stop):
            for object_id, masks in self.masks.items():
                if t not in masks and t - 1 in masks and self.lost.get(object_id) != t:
                    masks[t] = masks[t - 1]
            yield self.result(t)

    def result(self, t: int) -> FrameResult:
        nothing = np.zeros(0, np.float32)
        return FrameResult(t, (), np.zeros((0, 40, 40), bool), nothing, nothing)

    def labels(self, t: int) -> np.ndarray:
        labels = np.zeros((40, 40), np.int32)
        for object_id, masks in self.masks.items():
            if t in masks:
                labels[masks[t]] = object_id
        return labels


def tracked(tracker: Still, cells: Mapping[int, list[np.ndarray]], every: int = 1) -> Still:
    """Track what is found: masks by the frame from which on they are found."""

    def find(t: int) -> list[Proposal]:
        shown = cells[max(frame for frame in cells if frame <= t)]
        labels = np.zeros((40, 40), int)
        for number, mask in enumerate(shown, start=1):
            labels[mask] = number
        return [
            Proposal(mask, 0.9, 1.0, tuple(np.argwhere(mask.full()).mean(axis=0)))
            for mask in masks_of(labels).values()
        ]

    list(track_found(tracker, find, tracker.labels, LENGTH, every))
    return tracker


def test_daughters_are_two_objects_from_the_frame_on_which_they_are_found() -> None:
    mother = disc(20, 16) | disc(20, 24)
    tracker = tracked(Still(), {0: [mother], 3: [disc(20, 15), disc(20, 25)]})
    first = {object_id: min(masks) for object_id, masks in tracker.masks.items()}
    assert first == {1: 0, 2: 3}
    assert tracker.masks[1][3].sum() == tracker.masks[2][3].sum() == disc(20, 15).sum()


def test_object_that_is_found_again_where_it_was_lost_keeps_its_number() -> None:
    tracker = tracked(Still({1: 3}), {0: [disc(20, 20)]})
    assert list(tracker.masks) == [1]
    assert sorted(tracker.masks[1]) == list(range(LENGTH))


def test_object_that_no_later_search_finds_is_removed() -> None:
    tracker = tracked(Still(), {0: [disc(10, 10), disc(30, 30)], 1: [disc(10, 10)]})
    assert list(tracker.masks) == [1]


def test_object_that_a_quarter_of_the_searches_find_is_kept() -> None:
    tracker = tracked(Still(), {0: [disc(10, 10), disc(30, 30)], 2: [disc(10, 10)]})
    assert list(tracker.masks) == [1, 2]


def test_object_of_the_only_search_is_kept() -> None:
    tracker = tracked(Still(), {0: [disc(10, 10)]}, every=LENGTH)
    assert list(tracker.masks) == [1]


def test_object_that_was_found_on_the_last_frame_is_kept() -> None:
    tracker = tracked(Still(), {0: [disc(10, 10)], LENGTH - 1: [disc(10, 10), disc(30, 30)]})
    assert list(tracker.masks) == [1, 2]


def test_far_cell_is_not_the_lost_one() -> None:
    one = Proposal(masks_of(disc(30, 30).astype(int))[1], 0.9, 1.0, (30.0, 30.0))
    assert found_again({5: one}, {1: disc(10, 10)}) == {}
    assert found_again({5: one}, {1: disc(27, 30)}) == {5: 1}


def test_negative_step_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 frame"):
        list(track_found(Still(), lambda t: [], Still().labels, LENGTH, -1))

"""The labels around a change are those of the whole frame."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.worlds import World

from .tiny import clicked, run


@pytest.mark.parametrize("windows", ["whole", "auto"])
@pytest.mark.parametrize("seed", range(4))
def test_labels_around_a_change_are_those_of_the_frame(
    any_model: Sam2, world: World, windows: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    tracker = clicked(any_model, world, 1, 2, windows=windows)
    run(tracker, 0, 3)
    labels = tracker.labels(2)
    for _ in range(12):
        object_id = int(rng.integers(1, 5))
        change(tracker, object_id, rng)
        part, composed = tracker.relabel(2, labels, [object_id])
        labels[part] = composed
        np.testing.assert_array_equal(labels, tracker.labels(2))


def change(tracker: Tracker, object_id: int, rng: np.random.Generator) -> None:
    """Click, paint, lock, unlock or remove an object on frame 2."""
    height, width = tracker.shape[1:]
    y, x = int(rng.integers(height)), int(rng.integers(width))
    kind = rng.integers(5)
    if kind == 0:
        tracker.add_points(2, object_id, [(y, x)], [1])
    elif kind == 1:
        mask = np.zeros((height, width), bool)
        mask[y : y + 9, x : x + 12] = True
        tracker.add_mask(2, object_id, mask)
    elif object_id in tracker.object_ids:
        if kind == 2:
            tracker.lock(object_id, [2])
        elif kind == 3:
            tracker.unlock(object_id, [2])
        else:
            tracker.remove_object(object_id)


def test_part_is_small(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    labels = tracker.labels(0)
    mask = np.zeros(labels.shape, bool)
    mask[3:6, 40:44] = True
    tracker.add_mask(0, 2, mask)
    part, composed = tracker.relabel(0, labels, [2])
    assert part == (slice(3, 6), slice(40, 44))
    assert composed.shape == (3, 4)


def test_part_is_empty_where_nothing_changed(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    _, composed = tracker.relabel(3, tracker.labels(3), [7])
    assert composed.size == 0

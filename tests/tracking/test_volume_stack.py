"""Volumes over time as the frames of a tracker: the recipe, prompts, locks, and what is tracked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_sam2.io.volume_samples import VolumeSample
from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Tracker
from napari_sam2.tracking.volume_planes import Planes
from napari_sam2.tracking.volumes import VolumeTracker
from tests.tracking.tiny import hidden_objects
from tests.tracking.volume_world import SHAPE, centre_plane

pytestmark = pytest.mark.usefixtures("keep_any_mask")

DEPTH = SHAPE[1]


def tracker_of(model: Sam2, volumes: Any) -> Tracker:
    return Tracker(model, Frames(Planes(volumes)), area_guard=False)


def prompted(model: Sam2, sample: VolumeSample, *times: int) -> Tracker:
    """The true centre plane of object 1 at the first time, 2 at the second..."""
    tracker = tracker_of(model, sample.images)
    for object_id, t in enumerate(times, start=1):
        z = centre_plane(sample, t, object_id)
        tracker.add_mask(t * DEPTH + z, object_id, sample.labels[t, z] == object_id)
    return tracker


def run(tracker: Tracker, *args: Any, **options: Any) -> list[int]:
    """Track; the planes that were written, in their order."""
    results = list(tracker.propagate(*args, **options))
    assert len(results) <= tracker.total_steps(*args, **options) or options.get("only_changed")
    return [one.t for one in results if one.object_ids]


def labels_of(tracker: Tracker) -> np.ndarray:
    flat = np.stack([tracker.labels(t) for t in range(len(tracker.frames))])
    return flat.reshape(SHAPE)


def times_with(labels: np.ndarray, object_id: int = 1) -> list[bool]:
    return (labels == object_id).any((1, 2, 3)).tolist()


@pytest.mark.parametrize("times", [(0,), (1,), (2, 0)])
def test_labels_are_those_of_the_volume_tracker(tiny_model, sample, times):
    tracker, other = prompted(tiny_model, sample, *times), VolumeTracker(tiny_model, sample.images)
    run(tracker)
    for object_id, t in enumerate(times, start=1):
        z = centre_plane(sample, t, object_id)
        other.add_mask(t, z, object_id, sample.labels[t, z] == object_id)
    out = np.zeros(SHAPE, np.int32)
    for _ in other.track(out):
        pass
    assert (labels_of(tracker) == out).mean() > 0.98  # pointers count the frames of the stack
    assert times_with(out) == times_with(labels_of(tracker))


def test_prompted_plane_keeps_its_mask(tiny_model, sample):
    tracker = prompted(tiny_model, sample, 0)
    run(tracker)
    z = centre_plane(sample, 0, 1)
    assert np.array_equal(tracker.labels(z) == 1, sample.labels[0, z] == 1)


def test_locked_plane_is_not_written(tiny_model, sample):
    tracker = prompted(tiny_model, sample, 0)
    run(tracker)
    plane = int(np.flatnonzero((labels_of(tracker)[1] == 1).any((1, 2)))[0]) + DEPTH
    tracker.lock(1, [plane])
    before = tracker.labels(plane)
    z = centre_plane(sample, 0, 1)
    tracker.add_mask(z, 1, np.roll(sample.labels[0, z] == 1, 3, axis=0))
    run(tracker)
    assert np.array_equal(tracker.labels(plane), before)


@pytest.mark.parametrize(
    ("direction", "times"), [("forward", [False, True, True]), ("backward", [True, True, False])]
)
def test_direction_limits_the_volumes(tiny_model, sample, direction, times):
    tracker = prompted(tiny_model, sample, 1)
    run(tracker, direction=direction)
    assert times_with(labels_of(tracker)) == times


def test_range_takes_whole_volumes(tiny_model, sample):
    tracker = prompted(tiny_model, sample, 0)
    written = run(tracker, 0, DEPTH + 1)
    assert max(written) // DEPTH == 1
    assert times_with(labels_of(tracker)) == [True, True, False]


def test_nothing_is_left_to_track_and_a_correction_tracks_what_follows(tiny_model, sample):
    tracker = prompted(tiny_model, sample, 0)
    run(tracker)
    assert tracker.total_steps(only_changed=True) == 0
    z = centre_plane(sample, 1, 1)
    tracker.add_mask(DEPTH + z, 1, sample.labels[1, z] == 1)
    assert {t // DEPTH for t in run(tracker, only_changed=True)} == {1, 2}
    assert tracker.total_steps(only_changed=True) == 0


def test_correction_leaves_the_volumes_before_the_first_prompt(tiny_model, sample):
    tracker = prompted(tiny_model, sample, 1)
    run(tracker)
    z = centre_plane(sample, 2, 1)
    tracker.add_mask(2 * DEPTH + z, 1, sample.labels[2, z] == 1)
    assert {t // DEPTH for t in run(tracker, only_changed=True)} == {2}
    assert tracker.total_steps(only_changed=True) == 0


def test_run_that_is_stopped_leaves_whole_volumes_and_goes_on(tiny_model, sample):
    whole = prompted(tiny_model, sample, 0)
    run(whole)
    tracker = prompted(tiny_model, sample, 0)
    results = tracker.propagate()
    next(one for one in results if one.object_ids and one.t == DEPTH - 1)
    next(results)  # somewhere in the second volume
    results.close()
    assert times_with(labels_of(tracker)) == [True, False, False]
    run(tracker, only_changed=True)
    assert np.array_equal(labels_of(tracker), labels_of(whole))


def test_object_that_is_not_seen_ends_and_is_not_left_to_track(tiny_model, sample):
    tracker = prompted(tiny_model, sample, 0)
    with hidden_objects(tiny_model):
        run(tracker)
    z = centre_plane(sample, 0, 1)
    assert np.argwhere((labels_of(tracker) == 1).any((2, 3))).tolist() == [[0, z]]
    assert tracker.total_steps(only_changed=True) == 0


def test_masks_of_an_earlier_run_go_where_the_object_ends_now(tiny_model, sample):
    tracker = prompted(tiny_model, sample, 0)
    run(tracker)
    z = centre_plane(sample, 0, 1)
    for plane in (z - 1, z + 1):
        tracker.add_mask(plane, 1, np.zeros(SHAPE[2:], bool))
    run(tracker, only_changed=True)
    assert np.flatnonzero((labels_of(tracker)[0] == 1).any((1, 2))).tolist() == [z]


def test_small_correction_does_not_lead_alone(tiny_model, sample):
    tracker = prompted(tiny_model, sample, 0)
    run(tracker)
    grown = labels_of(tracker)[1] == 1
    free = next(z for z in range(DEPTH) if z != int(grown.sum((1, 2)).argmax()))
    speck = np.zeros(SHAPE[2:], bool)
    speck[:3, :3] = True
    tracker.add_mask(DEPTH + free, 1, speck)
    run(tracker, only_changed=True)
    again = labels_of(tracker)[1] == 1
    assert (again & grown).sum() > grown.sum() / 2
    assert np.array_equal(again[free], speck)


class Damaged:
    """Volumes of which a plane cannot be read."""

    def __init__(self, data: np.ndarray, place: tuple[int, int]) -> None:
        self.data, self.shape, self.dtype, self.place = data, data.shape, data.dtype, place

    def __getitem__(self, index: Any) -> np.ndarray:
        if index == self.place:
            raise ValueError("the disk has a hole")
        return self.data[index]


def test_damaged_volume_is_skipped_and_objects_go_on(tiny_model, sample):
    tracker = tracker_of(tiny_model, Damaged(sample.images, (1, 2)))
    z = centre_plane(sample, 0, 1)
    tracker.add_mask(z, 1, sample.labels[0, z] == 1)
    problems = [(one.t, one.problem) for one in tracker.propagate() if one.problem]
    assert problems == [(7, "frame 7 cannot be read: the disk has a hole")]
    assert times_with(labels_of(tracker)) == [True, False, True]


def test_click_is_not_conditioned_by_planes_of_other_volumes(tiny_model, sample):
    tracker = prompted(tiny_model, sample, 0)
    run(tracker)
    alone = tracker_of(tiny_model, sample.images)
    alone.restore(1, tracker.snapshot(1, range(2 * DEPTH, 3 * DEPTH)))
    plane = 2 * DEPTH + centre_plane(sample, 2, 1)
    for one in (tracker, alone):
        one.add_points(plane, 1, [(20, 20)], [1])
    assert np.array_equal(tracker.result(plane, 1).masks, alone.result(plane, 1).masks)


def test_stack_of_volumes_says_how_many_planes_they_have(tiny_model, sample):
    tracker = tracker_of(tiny_model, sample.images)
    assert tracker.planes == DEPTH
    assert tracker.without_objects().planes == DEPTH
    assert Tracker(tiny_model, sample.images[0]).planes == 1


def test_longer_movie_of_volumes_keeps_its_masks(tiny_model, sample):
    tracker = tracker_of(tiny_model, sample.images[:2])
    z = centre_plane(sample, 0, 1)
    tracker.add_mask(z, 1, sample.labels[0, z] == 1)
    run(tracker)
    tracker.grow(Planes(sample.images))
    assert {t // DEPTH for t in run(tracker, only_changed=True)} == {2}
    with pytest.raises(ValueError, match="volumes of 5 planes"):
        tracker.grow(sample.images.reshape(-1, *SHAPE[2:]))

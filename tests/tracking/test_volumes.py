"""Objects in volumes over time: growth through planes, and the step to the next volume."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr

from napari_sam2.io.volume_samples import VolumeSample
from napari_sam2.model import Sam2
from napari_sam2.tracking.volume_planes import (
    cut_loose_planes,
    fade_planes,
    leading_planes,
    merge_weaker,
)
from napari_sam2.tracking.volumes import VolumeTracker, grow_volume
from tests.tracking.tiny import hidden_objects
from tests.tracking.volume_world import SHAPE, centre_plane

pytestmark = pytest.mark.usefixtures("keep_any_mask")


def prompted(model: Sam2, sample: VolumeSample, *times: int) -> VolumeTracker:
    """A tracker with the true centre plane of object 1 at the first time, 2 at the second..."""
    tracker = VolumeTracker(model, sample.images)
    for object_id, t in enumerate(times, start=1):
        z = centre_plane(sample, t, object_id)
        tracker.add_mask(t, z, object_id, sample.labels[t, z] == object_id)
    return tracker


def tracked(tracker: VolumeTracker, direction: Any = "both") -> np.ndarray:
    out = np.full(tracker.shape, 77, np.int32)
    for _ in tracker.track(out, direction):
        pass
    return out


def test_prompted_plane_keeps_its_mask_and_others_are_grown(tiny_model, sample):
    labels = tracked(prompted(tiny_model, sample, 0))
    z = centre_plane(sample, 0, 1)
    assert np.array_equal(labels[0, z] == 1, sample.labels[0, z] == 1)
    assert sum((labels[0] == 1).any((1, 2))) > 1
    assert set(np.unique(labels)) <= {0, 1}


def test_object_goes_on_in_time_from_its_first_prompt_both_ways(tiny_model, sample):
    labels = tracked(prompted(tiny_model, sample, 1))
    assert (labels == 1).any((1, 2, 3)).tolist() == [True, True, True]


@pytest.mark.parametrize(
    ("direction", "times"), [("forward", [False, True, True]), ("backward", [True, True, False])]
)
def test_direction_limits_the_volumes(tiny_model, sample, direction, times):
    labels = tracked(prompted(tiny_model, sample, 1), direction)
    assert (labels == 1).any((1, 2, 3)).tolist() == times


def test_object_that_is_not_seen_ends(tiny_model, sample):
    tracker = prompted(tiny_model, sample, 0)
    with hidden_objects(tiny_model):
        labels = tracked(tracker)
    z = centre_plane(sample, 0, 1)
    assert np.argwhere((labels == 1).any((2, 3))).tolist() == [[0, z]]


def test_empty_mask_ends_an_object_in_depth(tiny_model, sample):
    tracker = prompted(tiny_model, sample, 0)
    z = centre_plane(sample, 0, 1)
    nothing = np.zeros(SHAPE[2:], bool)
    tracker.add_mask(0, z - 1, 1, nothing)
    tracker.add_mask(0, z + 1, 1, nothing)
    assert np.flatnonzero((tracked(tracker)[0] == 1).any((1, 2))).tolist() == [z]


def test_later_object_takes_no_pixel_of_others_before_its_prompt(tiny_model, sample):
    alone = tracked(prompted(tiny_model, sample, 0))
    both = tracked(prompted(tiny_model, sample, 0, 2))
    assert np.array_equal(both[0] == 1, alone[0] == 1)
    assert (both[2] == 2).any()


def test_points_and_boxes_are_prompts_too(tiny_model, sample):
    tracker = VolumeTracker(tiny_model, sample.images)
    tracker.add_points(0, 2, 1, [(20, 30)], [1])
    tracker.add_points(0, 2, 1, [(2, 2)], [0])
    tracker.add_box(0, 3, 2, (5, 5, 25, 30))
    assert set(np.unique(tracked(tracker)[0])) >= {0}
    assert tracker.object_ids == (1, 2)


def test_labels_are_the_same_in_zarr_as_in_memory(tiny_model, sample, tmp_path):
    out = zarr.create_array(tmp_path / "out.zarr", shape=SHAPE, chunks=(1, *SHAPE[1:]), dtype="u2")
    tracker = prompted(tiny_model, sample, 0, 1)
    for _ in tracker.track(out):
        pass
    assert np.array_equal(out[...], tracked(tracker))


class Watched:
    """Volumes that are read one at a time."""

    def __init__(self, data: np.ndarray, damaged: int | None = None) -> None:
        self.data, self.shape, self.dtype = data, data.shape, data.dtype
        self.damaged = damaged
        self.read: list[int] = []

    def __getitem__(self, index: Any) -> np.ndarray:
        if isinstance(index, tuple):
            return self.data[index]
        if index == self.damaged:
            raise ValueError("the disk has a hole")
        self.read.append(index)
        return self.data[index]


def test_one_volume_is_read_after_the_other(tiny_model, sample):
    volumes = Watched(sample.images)
    tracker = VolumeTracker(tiny_model, volumes)
    tracker.add_mask(0, 2, 1, sample.labels[0, 2] == 1)
    tracked(tracker)
    assert volumes.read == [0, 1, 2]


def test_damaged_volume_is_skipped_and_objects_go_on(tiny_model, sample):
    tracker = VolumeTracker(tiny_model, Watched(sample.images, damaged=1))
    z = centre_plane(sample, 0, 1)
    tracker.add_mask(0, z, 1, sample.labels[0, z] == 1)
    out = np.full(SHAPE, 77, np.int32)
    problems = {step.t: step.problem for step in tracker.track(out) if step.problem}
    assert problems == {1: "volume 1 cannot be read: the disk has a hole"}
    assert (out == 1).any((1, 2, 3)).tolist() == [True, False, True]


def test_steps_count_planes_and_end_at_the_total(tiny_model, sample):
    steps = list(prompted(tiny_model, sample, 0, 1).track(np.zeros(SHAPE, np.int32)))
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert done[-1] == steps[-1].total
    assert {step.t for step in steps if step.is_written} == {0, 1, 2}


def test_written_volumes_stay_when_the_work_is_stopped(tiny_model, sample):
    tracker = prompted(tiny_model, sample, 0)
    whole, out = tracked(tracker), np.zeros(SHAPE, np.int32)
    steps = tracker.track(out)
    next(step for step in steps if step.is_written)
    steps.close()
    assert np.array_equal(out[0], whole[0])
    assert not out[1:].any()


def test_fill_grows_the_labels_of_a_plane_in_each_volume(tiny_model, sample):
    leading = sample.labels[:, 2].copy()
    leading[1] = 0
    out = np.zeros(SHAPE, np.uint16)
    for _ in VolumeTracker(tiny_model, sample.images).fill(leading, 2, out):
        pass
    assert np.array_equal(out[:, 2], leading)
    assert (out[0] > 0).any((1, 2)).sum() > 1
    assert not out[1].any()


def test_grow_volume_keeps_the_masks_that_it_was_given(tiny_model, sample):
    labels = grow_volume(tiny_model, sample.images[0], {2: sample.labels[0, 2]})
    assert np.array_equal(labels[2], sample.labels[0, 2])
    assert labels.shape == SHAPE[1:]


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (lambda tracker: tracker.track(np.zeros(SHAPE, int)), "there are no prompts"),
        (lambda tracker: tracker.add_points(0, 5, 1, [(1, 1)], [1]), "5 planes, 0 to 4; got 5"),
        (lambda tracker: tracker.add_points(3, 0, 1, [(1, 1)], [1]), "3 volumes, 0 to 2; got 3"),
        (lambda tracker: tracker.add_points(0, 0, 1, [(90, 1)], [1]), "outside the image"),
        (lambda tracker: tracker.fill(np.zeros((3, 40, 56), int), 7, np.zeros(SHAPE)), "got 7"),
        (lambda tracker: tracker.fill(np.zeros((2, 40, 56), int), 1, np.zeros(SHAPE)), "labels"),
    ],
)
def test_bad_input_is_refused_in_words(tiny_model, sample, act, match):
    with pytest.raises(ValueError, match=match):
        act(VolumeTracker(tiny_model, sample.images))


@pytest.mark.parametrize(
    ("out", "match"),
    [(np.zeros(SHAPE[1:], int), "must be"), (np.zeros(SHAPE, np.float32), "must hold ids")],
)
def test_array_for_the_labels_must_fit(tiny_model, sample, out, match):
    with pytest.raises(ValueError, match=match):
        prompted(tiny_model, sample, 0).track(out)


def test_prompts_that_only_exclude_are_refused(tiny_model, sample):
    tracker = VolumeTracker(tiny_model, sample.images)
    tracker.add_points(0, 2, 4, [(20, 30)], [0])
    with pytest.raises(ValueError, match="do not show object 4"):
        tracker.track(np.zeros(SHAPE, int))


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        ((3, 40, 56), r"must be \(T, Z, Y, X\)"),
        ((3, 1, 40, 56), "one plane"),
        ((0, 2, 4, 4), "are empty"),
    ],
)
def test_other_axes_are_refused(tiny_model, shape, match):
    with pytest.raises(ValueError, match=match):
        VolumeTracker(tiny_model, np.zeros(shape))


def test_largest_plane_leads_and_the_middle_one_of_equal_ones():
    assert leading_planes(np.array([0, 3, 9, 9, 9, 1]), 0.3) == [3, 2, 4, 1]


def columns(*planes: str) -> np.ndarray:
    """(Z, 1, X) labels, one string of digits per plane."""
    return np.array([[list(map(int, plane))] for plane in planes], np.int32)


def test_planes_beyond_a_gap_are_cut():
    labels = columns("10", "00", "10", "10", "02")
    cut_loose_planes(labels, {1: (3, 3), 2: (4, 4)})
    assert np.array_equal(labels, columns("00", "00", "10", "10", "02"))


def test_gap_between_prompts_stays():
    labels = columns("1", "0", "1")
    cut_loose_planes(labels, {1: (0, 2)})
    assert np.array_equal(labels, columns("1", "0", "1"))


def test_weaker_object_gets_free_pixels_only_and_goes_where_it_loses_most():
    labels = columns("11000", "11100")
    weaker = columns("02220", "02200")
    assert np.array_equal(merge_weaker(labels, weaker), columns("11220", "11100"))


@pytest.mark.parametrize("sign", [1, -1])
def test_planes_with_blurred_light_only_are_cleared(sign):
    images, labels = np.zeros((4, 30, 30)), np.zeros((4, 30, 30), np.int32)
    labels[:, 10:20, 10:20] = 1
    for z, light in enumerate((10, 100, 60, 20)):
        images[z, 10:20, 10:20] = sign * light
    fade_planes(images, labels, {1: (1, 1)}, 1 / 3)
    assert labels.any((1, 2)).tolist() == [False, True, True, False]


def test_object_without_contrast_is_kept_on_all_planes():
    images = np.random.default_rng(0).normal(0, 1, (3, 30, 30))
    labels = np.zeros((3, 30, 30), np.int32)
    labels[:, 10:20, 10:20] = 1
    fade_planes(images, labels, {1: (1, 1)}, 1 / 3)
    assert labels.any((1, 2)).all()

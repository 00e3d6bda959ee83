"""Objects that leave a clip, and haze: what the pictures and the truth say afterwards."""

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.training.augmentation import (
    add_haze,
    drift_away,
    take_out,
    tile_four_times,
    turn_and_shear,
)
from napari_sam2.training.batches import make_batch, make_harder
from napari_sam2.training.config import Stage, TrainingConfig
from tests.training.worlds import Discs

STAGE = Stage(4, images_share=0.0, clips=1, clip_objects=1, frames=6)
DARK, BRIGHT = 40, 200


@pytest.fixture
def clip():
    """Two bright squares on dark ground, object 1 near the left border; six frames."""
    labels = np.zeros((6, 64, 80), np.uint16)
    labels[:, 20:32, 6:18] = 1
    labels[:, 40:52, 50:62] = 2
    images = np.where(labels > 0, BRIGHT, DARK).astype(np.uint8)
    return images, labels


def has(labels, object_id):
    return (labels == object_id).any((1, 2))


@pytest.mark.parametrize("seed", range(8))
def test_an_object_taken_out_is_gone_from_picture_and_truth(clip, seed):
    images, labels = clip
    changed, truth = take_out(images, labels, 1, np.random.default_rng(seed))
    gone = ~has(truth, 1)
    assert gone.any()
    assert not gone[0]
    assert (changed[gone, 22:30, 8:16] < DARK + 5).all()
    assert (changed[~gone] == images[~gone]).all()
    assert (truth == 2).sum() == (labels == 2).sum()
    assert (changed[labels == 2] == BRIGHT).all()


def test_what_is_given_stays_as_it_is(clip):
    images, labels = clip
    before = images.copy(), labels.copy()
    for harder in (take_out, drift_away):
        harder(images, labels, 1, np.random.default_rng(0))
    add_haze(images, labels, np.random.default_rng(0))
    assert (images == before[0]).all()
    assert (labels == before[1]).all()


def test_some_objects_come_back(clip):
    runs = [has(take_out(*clip, 1, np.random.default_rng(s))[1], 1) for s in range(40)]
    came_back = [run[-1] and not run.all() for run in runs]
    assert 0 < sum(came_back) < 40


def test_no_object_is_taken_out_where_cells_are_everywhere(clip):
    images, labels = clip
    labels[labels == 0] = 3
    changed, truth = take_out(images, labels, 1, np.random.default_rng(0))
    assert changed is images
    assert truth is labels


@pytest.mark.parametrize("seed", range(8))
def test_a_drifting_object_crosses_the_nearest_border(clip, seed):
    images, labels = clip
    changed, truth = drift_away(images, labels, 1, np.random.default_rng(seed))
    area = (truth == 1).sum((1, 2))
    assert area[0] == 144
    assert area[-1] < 144
    assert (np.diff(area) <= 0).all()
    assert changed.shape == images.shape
    assert (changed[truth > 0] == BRIGHT).all()


def test_drifting_objects_are_gone_in_the_end_as_a_rule(clip):
    ends = [has(drift_away(*clip, 1, np.random.default_rng(s))[1], 1)[-1] for s in range(40)]
    assert 0 < sum(ends) < 25


@pytest.mark.parametrize(("place", "axis"), [((30, 34), 0), ((30, 66), 1)])
def test_objects_leave_on_each_side(place, axis):
    labels = np.zeros((6, 64, 80), np.uint16)
    y, x = (52, 34) if axis == 0 else place
    labels[:, y : y + 8, x : x + 8] = 1
    images = np.where(labels > 0, BRIGHT, DARK).astype(np.uint8)
    _, truth = drift_away(images, labels, 1, np.random.default_rng(1))
    seen = [np.argwhere(frame == 1)[:, axis].max() for frame in truth if (frame == 1).any()]
    assert seen[-1] > seen[0]


def test_haze_changes_light_softly_and_moves_no_cell(clip):
    images, labels = clip
    hazy = add_haze(images, labels, np.random.default_rng(2))
    change = hazy.astype(int) - images
    assert 0 < np.abs(change).max() <= 160
    steps = np.abs(np.diff(change[0], axis=1))[labels[0][:, 1:] == 0]
    assert steps.max() < np.abs(change).max() / 2  # out of focus


def test_a_stage_makes_clips_as_hard_as_it_says(clip):
    images, labels = clip
    easy = make_harder(images, labels, [1], STAGE, np.random.default_rng(0))
    assert easy[0] is images
    rng = np.random.default_rng(0)
    hard = replace(STAGE, taken_out=0.5)
    gone = [not has(make_harder(images, labels, [1], hard, rng)[1], 1).all() for _ in range(200)]
    assert np.mean(gone) == pytest.approx(0.5, abs=0.1)
    still = make_harder(
        images[:1], labels[:1], [1], replace(STAGE, taken_out=1.0, drifting=1.0), rng
    )
    assert (still[1] == labels[:1]).all()


def test_batches_hold_frames_without_the_object():
    stage = replace(STAGE, taken_out=0.5, drifting=0.5, haze=0.5)
    config = TrainingConfig(stages=(stage,))
    batches = [make_batch(Discs(), config, step)[0] for step in range(6)]
    visible = np.concatenate([np.asarray(b.targets.flatten(2).any(2)) for b in batches])
    assert visible[:, 0].all()
    assert not visible.all()
    assert (make_batch(Discs(), config, 3)[0].images == batches[3].images).all()


def test_chances_are_between_0_and_1():
    for name in ("taken_out", "drifting", "haze", "own_scores", "merged", "mosaic", "affine"):
        with pytest.raises(ValueError, match=name):
            replace(STAGE, **{name: 1.5})


def test_every_object_of_a_mosaic_has_three_look_alikes(clip):
    images, labels = clip
    tiled, numbered = tile_four_times(images, labels)
    assert tiled.shape == images.shape
    assert numbered.dtype == labels.dtype
    count = len(np.unique(labels[labels > 0]))
    assert len(np.unique(numbered[numbered > 0])) == 4 * count
    areas = np.bincount(numbered[0].ravel())[1:].reshape(4, -1)
    assert (areas == areas[0]).all()
    middle = labels.shape[1] // 2
    assert (tiled[:, :middle] == tiled[:, middle:]).all()


def test_turned_objects_keep_their_light_and_move_like_their_labels(clip):
    images, labels = clip
    for seed in range(5):
        turned, truth = turn_and_shear(images, labels, np.random.default_rng(seed))
        assert turned.shape == images.shape
        assert turned.dtype == images.dtype
        inside = turned[(truth == 1) & (np.roll(truth, 2, 1) == 1) & (np.roll(truth, -2, 2) == 1)]
        assert np.median(inside) == pytest.approx(np.median(images[labels == 1]), abs=3)
        assert not (truth == labels).all()


def test_what_a_turn_brings_into_view_has_no_object(clip):
    images, labels = clip
    everywhere = np.ones_like(labels)
    _, truth = turn_and_shear(images, everywhere, np.random.default_rng(1))
    assert set(np.unique(truth)) <= {0, 1}


def test_images_in_colour_are_made_harder_too(clip):
    images, labels = clip
    coloured = np.stack([images, images // 2, images // 4], -1)
    rng = np.random.default_rng
    for seen in (
        add_haze(coloured, labels, rng(0)),
        take_out(coloured, labels, 1, rng(3))[0],
        drift_away(coloured, labels, 1, rng(0))[0],
        tile_four_times(coloured, labels)[0],
        turn_and_shear(coloured, labels, rng(0))[0],
    ):
        assert seen.shape == coloured.shape
    gone, truth = take_out(coloured, labels, 1, rng(3))
    grey, same = take_out(images, labels, 1, rng(3))
    assert (truth == same).all()
    assert (gone[..., 0] == grey).all()

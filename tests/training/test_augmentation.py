"""Objects that leave a clip, and haze: what the pictures and the truth say afterwards."""

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.training.augmentation import add_haze, drift_away, take_out
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
    for name in ("taken_out", "drifting", "haze", "own_scores", "merged"):
        with pytest.raises(ValueError, match=name):
            replace(STAGE, **{name: 1.5})

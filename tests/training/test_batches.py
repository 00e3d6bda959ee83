"""What a batch holds and how it is prompted (§D.2.2)."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sam2.training.batches import draw_script, make_batch
from napari_sam2.training.clicks import corrective_click
from napari_sam2.training.config import LossWeights, Stage, TrainingConfig
from napari_sam2.training.data import augment
from napari_sam2.training.simulate import simulate
from tests.training.worlds import TINY, Discs, Dots

STAGE = Stage(10, images_share=0.0, clips=1, frames=8, clip_clicks=7)


def scripts(stage: Stage, count: int = 2000):
    rng = np.random.default_rng(0)
    return [draw_script(stage, stage.frames, rng) for _ in range(count)]


def test_first_prompt_is_a_mask_half_of_the_time():
    drawn = Counter(script.first for script in scripts(STAGE))
    assert drawn["mask"] / 2000 == pytest.approx(0.5, abs=0.04)
    assert drawn["click"] / 2000 == pytest.approx(0.25, abs=0.04)
    assert drawn["box"] / 2000 == pytest.approx(0.25, abs=0.04)


def test_single_images_are_not_prompted_with_their_answer():
    rng = np.random.default_rng(0)
    assert "mask" not in {draw_script(STAGE, 1, rng).first for _ in range(100)}


def test_up_to_two_frames_are_prompted():
    later = [script.corrected for script in scripts(STAGE)]
    assert set(later) == {None, *range(1, 8)}
    assert {script.corrected for script in scripts(replace(STAGE, prompted_frames=1))} == {None}


def test_there_are_at_most_seven_corrections():
    assert {script.clicks for script in scripts(STAGE)} == set(range(8))


@pytest.mark.parametrize("objects", [2, 3])
def test_clip_has_no_more_objects_than_wanted(objects):
    config = TrainingConfig(stages=(replace(STAGE, clip_objects=objects, frames=2),))
    batch, _ = make_batch(Dots(), config, 0)
    assert batch.targets.shape == (objects, 2, 64, 64)


def test_time_runs_backwards_half_of_the_time():
    stack = np.zeros((2, 8, 8), np.uint8)
    stack[1] = 100
    labels = (stack > 0).astype(np.uint16)
    rng = np.random.default_rng(0)
    turned = [bool(augment(stack, labels, rng)[1][0, 0, 0]) for _ in range(400)]
    assert np.mean(turned) == pytest.approx(0.5, abs=0.08)


def test_one_click_of_ten_ignores_the_prediction():
    """The object is found but for one corner; a click elsewhere comes from the truth."""
    soft = torch.zeros(3000, 16, 16)
    soft[:, 4:12, 4:12] = 1
    logits = 20 * soft - 10
    logits[:, 4:6, 4:6] = -10
    points, labels = corrective_click(soft, logits, torch.Generator().manual_seed(0))
    elsewhere = (points[:, 0] > 6 * 4).any(1).float().mean().item()
    assert (labels == 1).all()
    assert elsewhere == pytest.approx(0.1, abs=0.03)


def test_source_without_objects_is_told():
    class Nothing:
        def draw(self, rng, frames):
            return np.zeros((frames, 8, 8), np.uint8), np.zeros((frames, 8, 8), np.uint16)

    with pytest.raises(ValueError, match="no object"):
        make_batch(Nothing(), TrainingConfig(stages=(STAGE,)), 0)


def test_tracking_of_an_object_that_left_has_no_mask_loss():
    from napari_sam2.model.sam2 import Sam2

    config = TrainingConfig(stages=(replace(STAGE, frames=2, clip_clicks=0, clip_objects=1),))
    batch, _ = make_batch(Discs(), config, 0)
    batch.targets[:, 1] = 0
    script = replace(scripts(STAGE, 1)[0], first="mask", clicks=0, corrected=None)
    with torch.no_grad():
        outcome = simulate(Sam2(TINY), batch, script, LossWeights(), torch.Generator())
    (terms,) = outcome.losses
    assert terms.balanced.item() == terms.dice.item() == terms.iou.item() == 0
    assert terms.occlusion.item() > 0

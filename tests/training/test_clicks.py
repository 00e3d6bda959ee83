"""Simulated prompts on discs."""

import pytest
import torch
from torch.nn import functional as F

from napari_sam2.training.clicks import box_prompt, corrective_click, first_click


@pytest.fixture
def disc():
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    return (((y - 20) ** 2 + (x - 40) ** 2) < 100).float().repeat(50, 1, 1)


def soft(mask):
    return F.avg_pool2d(mask[:, None], 4)[:, 0]


def seeded():
    return torch.Generator().manual_seed(0)


def test_first_click_is_inside_the_object(disc):
    points, labels = first_click(soft(disc), seeded())
    x, y = points[:, 0].round().long().T
    assert (labels == 1).all()
    assert disc[torch.arange(50), y, x].mean() > 0.95


def test_box_is_within_a_tenth_of_the_true_one(disc):
    corners, labels = box_prompt(disc, seeded())
    truth = torch.tensor([[31.0, 11.0], [49.0, 29.0]])
    assert labels[0].tolist() == [2, 3]
    assert (corners - truth).abs().max() <= 1.8


def test_click_into_a_missed_half_is_positive(disc):
    logits = 20 * soft(disc) - 10
    logits[:, :, 10:] = -10
    points, labels = corrective_click(soft(disc), logits, seeded(), from_truth=0)
    assert (labels == 1).all()
    assert (points[:, 0, 0] >= 39).all()


def test_click_into_a_spill_is_negative(disc):
    logits = 20 * soft(disc) - 10
    logits[:, 12:, :4] = 10
    points, labels = corrective_click(soft(disc), logits, seeded(), from_truth=0)
    spill = points[:, 0, 0] < 16
    assert spill.float().mean() > 0.5
    assert (labels[spill] == 0).all()


def test_same_generator_gives_same_clicks(disc):
    one, other = (first_click(soft(disc), seeded())[0] for _ in range(2))
    assert torch.equal(one, other)

"""Losses on masks small enough to count by hand."""

import pytest
import torch

from napari_sam2.training.config import LossWeights
from napari_sam2.training.losses import (
    actual_iou,
    balanced_loss,
    dice_loss,
    focal_loss,
    frame_losses,
)


def square(size=16, low=4, high=12):
    mask = torch.zeros(1, 1, size, size)
    mask[..., low:high, low:high] = 1
    return mask


def test_iou_of_half_a_square_is_one_half():
    logits = 20 * square(low=4, high=12) - 10
    logits[..., :8, :] = -10
    assert actual_iou(logits, square()).item() == pytest.approx(0.5)


def test_iou_of_two_empty_masks_is_one():
    assert actual_iou(torch.full((1, 1, 4, 4), -1.0), torch.zeros(1, 1, 4, 4)).item() == 1


@pytest.mark.parametrize("loss", [balanced_loss, dice_loss, focal_loss])
def test_right_mask_costs_little_and_wrong_one_much(loss):
    right = 20 * square() - 10
    assert loss(right, square()).item() < 0.02
    assert loss(-right, square()).item() > 10 * loss(right, square()).item() + 0.1


def test_focal_loss_of_an_undecided_pixel():
    loss = focal_loss(torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))
    assert loss.item() == pytest.approx(0.25 * 0.25 * 0.6931, rel=1e-3)


def test_only_the_best_guess_gets_a_mask_gradient():
    good, bad = 20 * square() - 10, -(20 * square() - 10)
    masks = torch.cat([bad, good / 10, bad], dim=1).requires_grad_()
    terms = frame_losses(
        masks, torch.full((1, 3), 0.5), torch.zeros(1, 1), square()[:, 0], LossWeights()
    )
    terms.total(LossWeights()).backward()
    touched = masks.grad.abs().sum((2, 3))[0] > 0
    assert touched.tolist() == [False, True, False]


def test_absent_object_has_only_an_occlusion_loss():
    weights, nothing = LossWeights(), torch.zeros(1, 8, 8)
    terms = frame_losses(
        torch.ones(1, 3, 8, 8), torch.ones(1, 3), torch.ones(1, 1), nothing, weights
    )
    assert terms.total(weights).item() == pytest.approx(terms.occlusion.item())
    assert terms.occlusion.item() > 1

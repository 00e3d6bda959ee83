"""Losses of the paper as named terms (§D.2.2 "Losses and optimization")."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_sam2.training.config import LossWeights


@dataclass(frozen=True)
class Terms:
    """Named losses of B objects on one labelled frame, before weighting; each (B,).

    Objects that are not visible have zero mask and IoU terms.
    """

    balanced: Tensor
    focal: Tensor
    dice: Tensor
    iou: Tensor
    occlusion: Tensor

    def total(self, weights: LossWeights) -> Tensor:
        """Weighted sum, averaged over objects: a scalar."""
        each = (
            weights.balanced * self.balanced
            + weights.focal * self.focal
            + weights.dice * self.dice
            + weights.iou * self.iou
            + weights.occlusion * self.occlusion
        )
        return each.mean()


def frame_losses(
    masks: Tensor,
    predicted_iou: Tensor,
    occlusion_score: Tensor,
    target: Tensor,
    weights: LossWeights,
) -> Terms:
    """Losses of candidate masks against the truth.

    Parameters
    ----------
    masks : Tensor
        (B, M, H, W) logits; of several candidates only the best one gets a mask loss.
    predicted_iou : Tensor
        (B, M) in 0..1, supervised for every candidate.
    occlusion_score : Tensor
        (B, 1) logits.
    target : Tensor
        (B, H, W) share of each pixel that belongs to the object, 0..1.
    weights : LossWeights
        Decide which candidate is the best one.

    Returns
    -------
    Terms
    """
    masks, predicted_iou, target = masks.float(), predicted_iou.float(), target[:, None]
    is_visible = target.flatten(1).sum(1) > 0  # (B,)
    balanced, focal, dice = (f(masks, target) for f in (balanced_loss, focal_loss, dice_loss))
    mask_loss = weights.balanced * balanced + weights.focal * focal + weights.dice * dice
    best = mask_loss.argmin(dim=1, keepdim=True)  # (B, 1)
    iou_error = (predicted_iou - actual_iou(masks.detach(), target)).abs().mean(1)
    keep = is_visible.float()
    return Terms(
        balanced=balanced.gather(1, best)[:, 0] * keep,
        focal=focal.gather(1, best)[:, 0] * keep,
        dice=dice.gather(1, best)[:, 0] * keep,
        iou=iou_error * keep,
        occlusion=_occlusion_loss(occlusion_score.float(), keep),
    )


def _occlusion_loss(score: Tensor, keep: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(score[:, 0], keep, reduction="none")


def balanced_loss(masks: Tensor, target: Tensor, margin: int = 9) -> Tensor:
    """Cross-entropy, half from the object and its surroundings, half from the rest.

    (B, M, H, W) logits and (B, 1, H, W) target -> (B, M).
    """
    near = F.max_pool2d(target, margin, stride=1, padding=margin // 2).ceil()
    far = 1 - near
    weight = 0.8 * near / near.sum((2, 3), keepdim=True).clamp(min=1)
    weight = weight + 0.2 * far / far.sum((2, 3), keepdim=True).clamp(min=1)
    each = F.binary_cross_entropy_with_logits(masks, target.expand_as(masks), reduction="none")
    return (each * weight).sum((2, 3))


def focal_loss(masks: Tensor, target: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Focal loss averaged over pixels: (B, M, H, W) and (B, 1, H, W) -> (B, M)."""
    target = target.expand_as(masks)
    each = F.binary_cross_entropy_with_logits(masks, target, reduction="none")
    probability = masks.sigmoid()
    miss = probability * (1 - target) + (1 - probability) * target
    share = alpha * target + (1 - alpha) * (1 - target)
    return (share * each * miss**gamma).mean((2, 3))


def dice_loss(masks: Tensor, target: Tensor) -> Tensor:
    """One minus soft Dice: (B, M, H, W) logits and (B, 1, H, W) -> (B, M)."""
    probability = masks.sigmoid().flatten(2)
    truth = target.flatten(2)
    overlap = 2 * (probability * truth).sum(-1) + 1
    return 1 - overlap / (probability.sum(-1) + truth.sum(-1) + 1)


def actual_iou(masks: Tensor, target: Tensor) -> Tensor:
    """IoU of thresholded masks: (B, M, H, W) logits and (B, 1, H, W) -> (B, M); 1 if both empty."""
    inside, truth = masks > 0, target > 0.5
    overlap = (inside & truth).sum((2, 3)).float()
    union = (inside | truth).sum((2, 3)).float()
    return torch.where(union > 0, overlap / union.clamp(min=1), 1.0)

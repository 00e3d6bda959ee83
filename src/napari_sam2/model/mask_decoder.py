"""Mask decoder with IoU, occlusion and object tokens (paper §4 and §D.1, Figure 8)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam2.model.layers import MLP, LayerNorm2d
from napari_sam2.model.two_way import TwoWayTransformer

NUM_MASKS = 4  # one for prompts that leave no doubt, three for those that do
STABILITY_DELTA = 0.05
STABILITY_THRESHOLD = 0.98
SIZE_PENALTY = 0.15  # of a score, for each factor of e between the areas of masks of one click


@dataclass(frozen=True)
class Candidates:
    """Output of the decoder for one frame: all candidate masks with their scores.

    Attributes
    ----------
    masks : Tensor
        (B, 4, H, W) logits at stride 4; the first is the single mask, the others the three guesses.
    predicted_iou : Tensor
        (B, 4) in 0..1.
    tokens : Tensor
        (B, 4, C) output token of each mask.
    occlusion_score : Tensor
        (B, 1) logit that the object is visible.
    """

    masks: Tensor
    predicted_iou: Tensor
    tokens: Tensor
    occlusion_score: Tensor


class MaskDecoder(nn.Module):
    """Decode masks of objects from image embeddings and prompt codes.

    Parameters
    ----------
    width, heads, mlp_dim : int
        Of the two-way transformer.
    iou_hidden : int
        Hidden channels of the IoU head.
    """

    def __init__(self, width: int, heads: int, mlp_dim: int, iou_hidden: int) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer(width, heads, mlp_dim)
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(NUM_MASKS, width)
        self.obj_score_token = nn.Embedding(1, width)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, kernel_size=2, stride=2),
            LayerNorm2d(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.conv_s0 = nn.Conv2d(width, width // 8, kernel_size=1)
        self.conv_s1 = nn.Conv2d(width, width // 4, kernel_size=1)
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(width, width, width, width // 8) for _ in range(NUM_MASKS)
        )
        self.iou_prediction_head = MLP(width, iou_hidden, iou_hidden, NUM_MASKS)
        self.pred_obj_score_head = MLP(width, width, width, 1)

    def forward(
        self,
        image: Tensor,
        image_code: Tensor,
        sparse: Tensor,
        dense: Tensor,
        stride4: Tensor,
        stride8: Tensor,
    ) -> Candidates:
        """Decode all candidate masks.

        Parameters
        ----------
        image : Tensor
            (B or 1, C, H, W) embeddings at stride 16, conditioned on memory.
        image_code : Tensor
            (1, C, H, W) position code of the prompt encoder.
        sparse : Tensor
            (B, P, C) prompt tokens.
        dense : Tensor
            (B or 1, C, H, W) code of the mask prompt.
        stride4, stride8 : Tensor
            (1 or B, C / 8, 4 H, 4 W) and (1 or B, C / 4, 2 H, 2 W), through `conv_s0`, `conv_s1`.

        Returns
        -------
        Candidates
        """
        batch, (height, width) = sparse.shape[0], image.shape[-2:]
        own = torch.cat(
            [self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight]
        )
        tokens = torch.cat([own.expand(batch, -1, -1), sparse], dim=1)
        keys = (image + dense).flatten(2).transpose(1, 2)  # (B, C, H, W) -> (B, H*W, C)
        code = image_code.flatten(2).transpose(1, 2)
        tokens, keys = self.transformer(keys.expand(batch, -1, -1), code, tokens)
        mask_tokens = tokens[:, 2 : 2 + NUM_MASKS]
        pixels = self._upscale(
            keys.transpose(1, 2).reshape(batch, -1, height, width), stride4, stride8
        )
        weights = torch.stack(
            [mlp(mask_tokens[:, i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1
        )  # (B, 4, C / 8)
        masks = (weights @ pixels.flatten(2)).reshape(batch, NUM_MASKS, *pixels.shape[-2:])
        return Candidates(
            masks=masks,
            predicted_iou=self.iou_prediction_head(tokens[:, 1]).sigmoid(),
            tokens=mask_tokens,
            occlusion_score=self.pred_obj_score_head(tokens[:, 0]),
        )

    def _upscale(self, image: Tensor, stride4: Tensor, stride8: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C / 8, 4 H, 4 W), fed with the high-resolution features."""
        to_stride8, norm, activate, to_stride4, activate_last = self.output_upscaling
        x = activate(norm(to_stride8(image) + stride8))
        return activate_last(to_stride4(x) + stride4)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Choice:
    """The chosen mask of each object.

    Attributes
    ----------
    masks : Tensor
        (B, 1, H, W) logits at stride 4.
    predicted_iou : Tensor
        (B,) in 0..1.
    tokens : Tensor
        (B, C) output token that becomes the object pointer.
    """

    masks: Tensor
    predicted_iou: Tensor
    tokens: Tensor


def choose_guess(candidates: Candidates) -> Choice:
    """Choose the guess with the highest predicted IoU of three (for at most one click)."""
    return _chosen(candidates, _best_guess(candidates))


def _best_guess(candidates: Candidates) -> Tensor:
    """(B,) index of the guess with the highest predicted IoU."""
    return candidates.predicted_iou[:, 1:].argmax(dim=1) + 1


def _chosen(candidates: Candidates, best: Tensor) -> Choice:
    """The mask with the index `best`, (B,), of each object."""
    rows = torch.arange(best.shape[0], device=best.device)
    return Choice(
        masks=candidates.masks[rows, best][:, None],
        predicted_iou=candidates.predicted_iou[rows, best],
        tokens=candidates.tokens[rows, best],
    )


def choose_by_cell(candidates: Candidates, cell: Tensor) -> Choice:
    """Choose among all masks by predicted IoU and by overlap with a cell, with equal weights.

    Of two masks that are about as good, the smaller one is chosen (`SIZE_PENALTY`). Objects without
    a cell get the guess with the highest predicted IoU.

    Parameters
    ----------
    candidates : Candidates
        Of B objects.
    cell : Tensor
        (B, 1, H, W) bool, pixels at stride 4; no pixel where there is no cell.
    """
    area = (candidates.masks > 0).sum((2, 3)).clamp(min=1)
    overlap = mask_overlap(candidates.masks, cell)
    scores = candidates.predicted_iou + overlap - SIZE_PENALTY * area.log()
    has_cell = cell.flatten(1).any(dim=1)
    best = torch.where(has_cell, scores.argmax(dim=1), _best_guess(candidates))
    return _chosen(candidates, best)


def keep_single(candidates: Candidates) -> Choice:
    """Choose the single mask without a check of its stability."""
    return Choice(
        masks=candidates.masks[:, :1],
        predicted_iou=candidates.predicted_iou[:, 0],
        tokens=candidates.tokens[:, 0],
    )


def choose_single(candidates: Candidates) -> Choice:
    """Choose the single mask, or the best guess where the single mask is unstable.

    Stability compares the areas above and below the threshold by a small margin. The pointer's
    token stays the single mask's, as in the official code.
    """
    single, guess = candidates.masks[:, :1], choose_guess(candidates)
    is_stable = stability(single) >= STABILITY_THRESHOLD  # (B, 1)
    return Choice(
        masks=torch.where(is_stable[..., None, None], single, guess.masks),
        predicted_iou=torch.where(
            is_stable[:, 0], candidates.predicted_iou[:, 0], guess.predicted_iou
        ),
        tokens=candidates.tokens[:, 0],
    )


def stability(masks: Tensor) -> Tensor:
    """(B, M, H, W) logits -> (B, M) strict area over generous area, 1 where both are empty."""
    flat = masks.flatten(2)
    strict = (flat > STABILITY_DELTA).sum(-1).float()
    generous = (flat > -STABILITY_DELTA).sum(-1).float()
    return torch.where(generous > 0, strict / generous.clamp(min=1), 1.0)


def mask_overlap(masks: Tensor, chosen: Tensor) -> Tensor:
    """(B, M, H, W) and (B, 1, H, W), positive inside -> (B, M) IoU, 1 where both are empty."""
    mine, theirs = (masks > 0).flatten(2), (chosen > 0).flatten(2)
    union = (mine | theirs).sum(-1).float()
    return torch.where(union > 0, (mine & theirs).sum(-1).float() / union.clamp(min=1), 1.0)


def upsample(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, M, h, w) logits -> (B, M, H, W), bilinear between pixel centres, float32."""
    return F.interpolate(logits.float(), size=size, mode="bilinear", align_corners=False)

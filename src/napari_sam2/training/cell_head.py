"""Losses of the cell head and the cell U-Net, which see cells without a prompt."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_sam2.model.sam2 import Sam2
from napari_sam2.model.tensors import FrameFeatures

SPARSE = 0.05  # share of an image: where fewer pixels are labelled, cells may have been left out
NEAR = 4  # entries of the maps: background so near to a labelled cell is background for certain
OFFSET_BETA = 0.25  # units of 32 pixels: below, the loss of an offset is quadratic
UNET_OFFSETS = 2.0  # weight of the offsets of the U-Net, whose outlines are learnt sooner


def cell_losses(
    model: Sam2,
    pixels: Tensor,
    features: FrameFeatures,
    target: Tensor,
    *,
    head: bool = True,
    unet: bool = True,
    reference: Sam2 | None = None,
) -> dict[str, Tensor]:
    """Loss terms of the parts of a network that see cells.

    Parameters
    ----------
    model : Sam2
        With a cell head, a cell U-Net, both or none.
    pixels : Tensor
        (N, 3, S, S) preprocessed images.
    features : FrameFeatures
        Of these images.
    target : Tensor
        (N, 4, S, S) of `auxiliary_target`.
    head, unet : bool
        Whether the losses of the head and of the U-Net are wanted.
    reference : Sam2, optional
        A network whose U-Net tells what lies far from the labelled cells, where only some cells are
        labelled.

    Returns
    -------
    dict of str to Tensor
        Scalars by name, none for a part that the network lacks.
    """
    terms: dict[str, Tensor] = {}
    if head and model.cell_head is not None:
        marks, offsets = cell_head_losses(model.cell_head(features).float(), target)
        terms |= {"loss_marks": marks, "loss_offsets": offsets}
    if unet and model.cell_unet is not None:
        elsewhere = None
        if reference is not None and reference.cell_unet is not None:
            with torch.no_grad():
                elsewhere = reference.cell_unet(pixels, features).float()[:, :2].sigmoid()
        maps = model.cell_unet(pixels, features).float()
        marks, offsets = cell_head_losses(maps, target, elsewhere)
        terms |= {"loss_unet_marks": marks, "loss_unet_offsets": UNET_OFFSETS * offsets}
    return terms


def cell_head_losses(
    maps: Tensor, target: Tensor, elsewhere: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Losses of the maps of N labelled images.

    Parameters
    ----------
    maps : Tensor
        (N, 4, S / 4, S / 4) of the cell head.
    target : Tensor
        (N, 4, S, S) of `auxiliary_target`.
    elsewhere : Tensor, optional
        (N, 2, S / 4, S / 4) probabilities of foreground and border that are learnt far from
        labelled cells, where the target does not know whether there are more.

    Returns
    -------
    marks : Tensor
        Scalar, cross-entropy of foreground and border. Images with few labelled pixels do not teach
        background far from their cells.
    offsets : Tensor
        Scalar, error of the way to the middle, inside of cells.
    """
    target = F.adaptive_avg_pool2d(target, maps.shape[-1])
    foreground = target[:, :1]
    near = F.max_pool2d(foreground, 2 * NEAR + 1, 1, NEAR) > 0
    is_full = foreground.mean(dim=(1, 2, 3), keepdim=True) >= SPARSE
    wanted, counts = target[:, :2], (near | is_full).float()
    if elsewhere is not None:
        wanted, counts = torch.where(near, wanted, elsewhere), torch.ones_like(counts)
    marks = F.binary_cross_entropy_with_logits(maps[:, :2], wanted, reduction="none")
    offsets = F.smooth_l1_loss(
        maps[:, 2:] * foreground, target[:, 2:], reduction="none", beta=OFFSET_BETA
    )
    return (
        (marks * counts).sum() / (2 * counts.sum()).clamp(min=1),
        offsets.sum() / (2 * foreground.sum() + 1),
    )

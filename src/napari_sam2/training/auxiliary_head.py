"""Auxiliary head: predicts cells, their borders and centres from the encoder alone.

Prompts reach the encoder's features only through the decoder, which learns slowly from scratch. All
cells of an image supervise the features directly through 1 x 1 convolutions, which are thrown away
afterwards.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam2.model.config import Sam2Config
from napari_sam2.model.tensors import FrameFeatures

OFFSET_SCALE = 32.0  # pixels


class AuxiliaryHead(nn.Module):
    """Foreground, border and offset to the middle, from the features of each stride."""

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        widths = (config.d_model // 8, config.d_model // 4, config.d_model)
        self.convs = nn.ModuleList(nn.Conv2d(width, 4, kernel_size=1) for width in widths)

    def forward(self, features: FrameFeatures, target: Tensor, labelled: Tensor) -> Tensor:
        """Loss of the features of those of N images that are labelled.

        Parameters
        ----------
        features : FrameFeatures
            Of N images.
        target : Tensor
            (N, 4, S, S) of `auxiliary_target`.
        labelled : Tensor
            (N,) bool, at least one of them true.

        Returns
        -------
        Tensor
            Scalar.
        """
        maps = (features.stride4[labelled], features.stride8[labelled], features.stride16[labelled])
        target = target[labelled]
        losses = [
            _loss(conv(x), F.adaptive_avg_pool2d(target, x.shape[-1]))
            for conv, x in zip(self.convs, maps, strict=True)
        ]
        return torch.stack(losses).mean()


def _loss(found: Tensor, target: Tensor) -> Tensor:
    marks = F.binary_cross_entropy_with_logits(found[:, :2], target[:, :2])
    inside = target[:, :1]
    offsets = F.smooth_l1_loss(found[:, 2:] * inside, target[:, 2:], reduction="sum")
    return marks + offsets / (2 * inside.sum() + 1)


def auxiliary_target(labels: NDArray[np.integer]) -> NDArray[np.float32]:
    """Target of the auxiliary head for an image.

    Parameters
    ----------
    labels : ndarray
        (Y, X) instance ids.

    Returns
    -------
    ndarray
        (4, Y, X) float32: foreground, border, and the way (dy, dx) to the middle of the cell in
        units of 32 pixels, 0 on the background.
    """
    y, x = np.mgrid[: labels.shape[0], : labels.shape[1]].astype(np.float32)
    flat = labels.ravel()
    areas = np.maximum(np.bincount(flat), 1)
    middle_y = (np.bincount(flat, y.ravel()) / areas)[labels]
    middle_x = (np.bincount(flat, x.ravel()) / areas)[labels]
    foreground = labels > 0
    border = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    border[1:] |= down
    border[:-1] |= down
    border[:, 1:] |= right
    border[:, :-1] |= right
    offsets = np.stack([middle_y - y, middle_x - x]) * foreground / OFFSET_SCALE
    return np.concatenate([np.stack([foreground, border]), offsets]).astype(np.float32)

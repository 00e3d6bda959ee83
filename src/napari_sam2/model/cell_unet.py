"""Cell U-Net: the maps of the cell head, from the pixels as well as from the features.

An optional part of the network that finds cells without a prompt (Ronneberger et al. 2015: U-Net).
It sees outlines that the image encoder does not keep. It takes five times as long as the cell head,
so that clicks ask the head, and tracking shows the U-Net only a square about each mask. Prompts
play no part in either.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam2.model.tensors import FrameFeatures

WIDTHS = (24, 48, 96, 128, 128)  # channels at strides 2, 4, 8, 16 and 32
GROUPS = 8  # of channels that are normalised together
PREFIX = "cell_unet."
"""Beginning of the names of its weights in a checkpoint."""


class CellUNet(nn.Module):
    """A U-Net whose levels of strides 4, 8 and 16 are given the features of the image encoder.

    Parameters
    ----------
    width : int
        Channels of the image embedding.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        first, *others, last = WIDTHS
        self.stem = _convolution(1, first, kernel=5, stride=2)
        self.down = nn.ModuleList(
            nn.Sequential(_convolution(fine, coarse, stride=2), _convolution(coarse, coarse))
            for fine, coarse in pairwise(WIDTHS)
        )
        self.features = nn.ModuleList(
            nn.Conv2d(channels, out, 1)
            for channels, out in zip((width // 8, width // 4, width), others, strict=True)
        )
        self.lift = nn.ModuleList(
            nn.Conv2d(coarse, fine, 1) for coarse, fine in pairwise((last, *reversed(others)))
        )
        self.up = nn.ModuleList(
            nn.Sequential(_convolution(out, out), _convolution(out, out))
            for out in reversed(others)
        )
        self.output = nn.Conv2d(others[0], 4, 1)

    def forward(self, pixels: Tensor, features: FrameFeatures) -> Tensor:
        """Maps of N images.

        Parameters
        ----------
        pixels : Tensor
            (N, 3, S, S) preprocessed images in grey, of which one channel is used.
        features : FrameFeatures
            Of these images.

        Returns
        -------
        Tensor
            (N, 4, S / 4, S / 4), as those of `CellHead`.
        """
        x = self.stem(pixels[:, :1].contiguous(memory_format=torch.channels_last))
        skips = []
        maps = (features.stride4, features.stride8, features.stride16)
        for down, given, seen in zip(self.down, self.features, maps, strict=False):
            x = down(x) + given(seen)
            skips.append(x)
        x = self.down[-1](x)
        for lift, up, skip in zip(self.lift, self.up, reversed(skips), strict=True):
            x = F.interpolate(lift(x), scale_factor=2.0, mode="nearest") + skip
            x = x + up(x)
        return self.output(x)  # type: ignore[no-any-return]


def _convolution(width: int, out: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, out, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.GroupNorm(GROUPS, out),
        nn.ReLU(),
    )

"""Memory encoder: a mask and the frame's features become a memory (paper §4, §D.1)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from napari_sam2.model.layers import LayerNorm2d
from napari_sam2.model.products import Linear, pointwise


class MaskDownsampler(nn.Module):
    """Mask at the input's size -> (B, C, H / 16, W / 16), by four strided convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for _ in range(4):
            layers += [
                nn.Conv2d(channels, channels * 4, kernel_size=3, stride=2, padding=1),
                LayerNorm2d(channels * 4),
                nn.GELU(),
            ]
            channels *= 4
        layers.append(nn.Conv2d(channels, width, kernel_size=1))
        self.encoder = nn.Sequential(*layers)

    def forward(self, mask: Tensor) -> Tensor:
        *strided, last = self.encoder
        x = mask.contiguous(memory_format=torch.channels_last)
        for layer in strided:
            x = layer(x)
        return pointwise(cast(nn.Conv2d, last), x)


class ConvNextBlock(nn.Module):
    """Depthwise convolution and pointwise layers with a learned scale on the residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, kernel_size=7, padding=3, groups=width)
        self.norm = LayerNorm2d(width)
        self.pwconv1 = Linear(width, 4 * width)
        self.pwconv2 = Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        y = self.gamma * self.pwconv2(self.pwconv1(y, "gelu"))
        return x + y.permute(0, 3, 1, 2)  # type: ignore[no-any-return]


class Fuser(nn.Module):
    """Blocks that blend mask and features."""

    def __init__(self, width: int, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ConvNextBlock(width) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class MemoryEncoder(nn.Module):
    """Memory of a frame from its unconditioned features and a mask.

    Parameters
    ----------
    width : int
        Channels of the features.
    memory_dim : int
        Channels of a memory.
    """

    def __init__(self, width: int, memory_dim: int) -> None:
        super().__init__()
        self.mask_downsampler = MaskDownsampler(width)
        self.pix_feat_proj = nn.Conv2d(width, width, kernel_size=1)
        self.fuser = Fuser(width)
        self.out_proj = nn.Conv2d(width, memory_dim, kernel_size=1)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Encode masks.

        Parameters
        ----------
        features : Tensor
            (1 or B, C, H, W) at stride 16.
        mask : Tensor
            (B, 1, 16 H, 16 W) scaled and shifted probabilities.

        Returns
        -------
        Tensor
            (B, memory_dim, H, W).
        """
        fused = self.fuser(pointwise(self.pix_feat_proj, features) + self.mask_downsampler(mask))
        return pointwise(self.out_proj, fused)

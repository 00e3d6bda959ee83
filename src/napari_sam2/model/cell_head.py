"""Cell head: where cells are, where they end, and the way to their middles.

An optional part of the network, trained on the frozen image encoder and, once it is there, together
with an encoder that learns. Prompts play no part in it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam2.model.tensors import FrameFeatures

OFFSET_SCALE = 32.0  # pixels of the network's input
HIDDEN = 48  # channels
PREFIX = "cell_head."
"""Beginning of the names of the head's weights in a checkpoint."""


class CellHead(nn.Module):
    """Three convolutions on the features of strides 16, 8 and 4.

    Parameters
    ----------
    width : int
        Channels of the image embedding.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stride16 = nn.Conv2d(width, HIDDEN, 3, padding=1)
        self.stride8 = nn.Conv2d(HIDDEN + width // 4, HIDDEN, 3, padding=1)
        self.stride4 = nn.Conv2d(HIDDEN + width // 8, HIDDEN, 3, padding=1)
        self.output = nn.Conv2d(HIDDEN, 4, 1)

    def forward(self, features: FrameFeatures) -> Tensor:
        """Maps of N images.

        Parameters
        ----------
        features : FrameFeatures
            Of N images.

        Returns
        -------
        Tensor
            (N, 4, S / 4, S / 4): logits of foreground and of border, and the way (dy, dx) to the
            middle of the cell in units of 32 pixels of the input.
        """
        x = F.gelu(self.stride16(features.stride16))
        x = F.gelu(self.stride8(_joined(x, features.stride8)))
        x = F.gelu(self.stride4(_joined(x, features.stride4)))
        return self.output(x)  # type: ignore[no-any-return]


def _joined(coarse: Tensor, fine: Tensor) -> Tensor:
    """Channels of a map and of one of half its stride."""
    return torch.cat([F.interpolate(coarse, scale_factor=2.0, mode="bilinear"), fine], dim=1)

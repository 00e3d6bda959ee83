"""Feature pyramid over the trunk (paper §D.1 "Image encoder")."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam2.model.config import EncoderConfig
from napari_sam2.model.hiera import Hiera
from napari_sam2.model.products import pointwise


class Lateral(nn.Module):
    """1 x 1 convolution of one level, under the name that checkpoints use."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, out_width, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        return pointwise(self.conv, x)


class Neck(nn.Module):
    """Brings all levels to one width and adds coarse features to finer ones.

    In the paper stride 32 is added to stride 16 alone, since strides 4 and 8 only skip into the
    mask decoder; a smaller `top_down_stride` continues from there, bilinearly.
    """

    def __init__(self, channels: tuple[int, ...], width: int, top_down_stride: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(Lateral(c, width) for c in reversed(channels))
        self.top_down_stride = top_down_stride

    def forward(self, stages: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """(B, C, ...) maps of strides 4..32 -> (B, width, ...) maps of strides 4, 8 and 16."""
        lateral32, lateral16, lateral8, lateral4 = self.convs
        coarse = F.interpolate(lateral32(stages[3]).float(), scale_factor=2.0, mode="nearest")
        stride16 = lateral16(stages[2])
        stride16 = stride16 + coarse.to(stride16.dtype)
        stride8, stride4 = lateral8(stages[1]), lateral4(stages[0])
        if self.top_down_stride <= 8:
            stride8 = stride8 + _doubled(stride16)
        if self.top_down_stride <= 4:
            stride4 = stride4 + _doubled(stride8)
        return stride4, stride8, stride16


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class ImageEncoder(nn.Module):
    """Trunk and neck: (B, 3, H, W) -> maps of strides 4, 8 and 16."""

    def __init__(self, config: EncoderConfig, width: int) -> None:
        super().__init__()
        self.trunk = Hiera(config)
        self.neck = Neck(config.channels, width, config.top_down_stride)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.neck(self.trunk(image))  # type: ignore[no-any-return]

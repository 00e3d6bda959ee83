"""Feature pyramid over the trunk (paper §D.1 "Image encoder")."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam2.model.config import EncoderConfig
from napari_sam2.model.hiera import Hiera
from napari_sam2.model.products import linear, pointwise


class Lateral(nn.Module):
    """1 x 1 convolution of one level, under the name that checkpoints use."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, out_width, kernel_size=1)


class Neck(nn.Module):
    """Brings all levels to one width and adds coarse features to finer ones.

    In the paper stride 32 is added to stride 16 alone, since strides 4 and 8 only skip into the
    mask decoder; a smaller `top_down_stride` continues from there, bilinearly.

    Notes
    -----
    The skips are narrowed by a 1 x 1 convolution right after the neck. Linear maps commute with
    each other and with interpolation, so the fine maps are narrow from the beginning: the result is
    the same up to rounding, and no wide map of strides 4 and 8 is ever made.
    """

    def __init__(self, channels: tuple[int, ...], width: int, top_down_stride: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(Lateral(c, width) for c in reversed(channels))
        self.top_down_stride = top_down_stride

    def forward(
        self, stages: list[Tensor], skip8: nn.Conv2d, skip4: nn.Conv2d
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Maps for the mask decoder.

        Parameters
        ----------
        stages : list of Tensor
            (B, C, H / s, W / s) for s in 4, 8, 16, 32.
        skip8, skip4 : Conv2d
            The 1 x 1 convolutions that narrow the maps of strides 8 and 4 for the decoder.

        Returns
        -------
        tuple of Tensor
            Of strides 4, 8 and 16: (B, C', H / 4, W / 4), (B, C'', H / 8, W / 8) and
            (B, width, H / 16, W / 16).
        """
        lateral32, lateral16, lateral8, lateral4 = (lateral.conv for lateral in self._laterals())
        wide32 = pointwise(lateral32, stages[3])
        coarse = F.interpolate(wide32.float(), scale_factor=2.0, mode="nearest")
        stride16 = pointwise(lateral16, stages[2])
        stride16 = stride16 + coarse.to(stride16.dtype)
        stride8 = _composed(skip8, lateral8, stages[1])
        if self.top_down_stride <= 8:
            stride8 = stride8 + _doubled(_without_bias(skip8, stride16))
        stride4 = _composed(skip4, lateral4, stages[0])
        if self.top_down_stride <= 4:
            above = _composed(skip4, lateral8, stages[1], has_bias=False)
            above = above + _doubled(_without_bias(skip4, stride16))
            stride4 = stride4 + _doubled(above)
        return stride4, stride8, stride16

    def _laterals(self) -> list[Lateral]:
        return list(self.convs)  # type: ignore[arg-type]


def _composed(outer: nn.Conv2d, inner: nn.Conv2d, x: Tensor, *, has_bias: bool = True) -> Tensor:
    """Two 1 x 1 convolutions in one step; without a bias, that of the outer one is left out."""
    assert inner.bias is not None
    weight = outer.weight.flatten(1)
    bias = F.linear(inner.bias, weight, outer.bias if has_bias else None)
    y = linear(x.permute(0, 2, 3, 1), weight @ inner.weight.flatten(1), bias)
    return y.permute(0, 3, 1, 2)


def _without_bias(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A 1 x 1 convolution without its bias."""
    return linear(x.permute(0, 2, 3, 1), conv.weight.flatten(1), None).permute(0, 3, 1, 2)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class ImageEncoder(nn.Module):
    """Trunk and neck: (B, 3, H, W) -> maps of strides 4, 8 and 16 for the mask decoder."""

    def __init__(self, config: EncoderConfig, width: int) -> None:
        super().__init__()
        self.trunk = Hiera(config)
        self.neck = Neck(config.channels, width, config.top_down_stride)

    def forward(
        self, image: Tensor, skip8: nn.Conv2d, skip4: nn.Conv2d
    ) -> tuple[Tensor, Tensor, Tensor]:
        return self.neck(self.trunk(image), skip8, skip4)  # type: ignore[no-any-return]

"""The neck makes narrow maps at once, equal to wide maps that are narrowed afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam2.model.neck import Neck

CHANNELS = (6, 10, 14, 18)
WIDTH = 16


def random_stages(batch: int) -> list[Tensor]:
    return [torch.randn(batch, c, s, s) for c, s in zip(CHANNELS, (32, 16, 8, 4), strict=True)]


def doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def wide_maps(neck: Neck, stages: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Maps of strides 4, 8 and 16, all of the full width."""
    wide32, wide16, wide8, wide4 = (
        lateral.conv(stage) for lateral, stage in zip(neck.convs, reversed(stages), strict=True)
    )
    wide16 = wide16 + F.interpolate(wide32, scale_factor=2.0, mode="nearest")
    if neck.top_down_stride <= 8:
        wide8 = wide8 + doubled(wide16)
    if neck.top_down_stride <= 4:
        wide4 = wide4 + doubled(wide8)
    return wide4, wide8, wide16


@pytest.mark.parametrize("stride", [16, 8, 4])
def test_narrow_maps_equal_wide_maps_that_are_narrowed(stride: int) -> None:
    torch.manual_seed(0)
    neck = Neck(CHANNELS, WIDTH, top_down_stride=stride)
    skip8, skip4 = nn.Conv2d(WIDTH, 4, 1), nn.Conv2d(WIDTH, 2, 1)
    stages = random_stages(2)
    with torch.no_grad():
        found = neck(stages, skip8, skip4)
        wide4, wide8, wide16 = wide_maps(neck, stages)
        expected = (skip4(wide4), skip8(wide8), wide16)
    for narrow, wanted in zip(found, expected, strict=True):
        assert torch.allclose(narrow, wanted, atol=1e-5)


def test_all_layers_learn_through_narrow_maps() -> None:
    neck = Neck(CHANNELS, WIDTH, top_down_stride=4)
    skip8, skip4 = nn.Conv2d(WIDTH, 4, 1), nn.Conv2d(WIDTH, 2, 1)
    stride4, stride8, _ = neck(random_stages(1), skip8, skip4)
    (stride4.sum() + stride8.sum()).backward()
    for module in (neck, skip8, skip4):
        for name, weight in module.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.abs().sum() > 0, name

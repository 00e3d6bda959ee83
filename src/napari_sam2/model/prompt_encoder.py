"""Prompt encoder: points, boxes and masks become tokens and a dense map (paper §4, §D.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam2.model.layers import LayerNorm2d
from napari_sam2.model.position import RandomFourierFeatures

NOT_A_POINT = -1
NEGATIVE, POSITIVE, BOX_START, BOX_END = 0, 1, 2, 3


class PromptEncoder(nn.Module):
    """Encode the prompts of a user as sparse tokens and a dense map.

    Parameters
    ----------
    width : int
        Channels of the codes.
    mask_channels : int
        Channels inside the convolutions of mask prompts.
    """

    def __init__(self, width: int, mask_channels: int = 16) -> None:
        super().__init__()
        self.pe_layer = RandomFourierFeatures(width)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, width) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, width)
        self.no_mask_embed = nn.Embedding(1, width)
        quarter = mask_channels // 4
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, quarter, kernel_size=2, stride=2),
            LayerNorm2d(quarter),
            nn.GELU(),
            nn.Conv2d(quarter, mask_channels, kernel_size=2, stride=2),
            LayerNorm2d(mask_channels),
            nn.GELU(),
            nn.Conv2d(mask_channels, width, kernel_size=1),
        )

    def encode_points(self, points: Tensor, labels: Tensor, image_size: int) -> Tensor:
        """Tokens of points; boxes come as two points with labels 2 and 3.

        Parameters
        ----------
        points : Tensor
            (B, P, 2) float32 (x, y) in pixels of the network's input, where the top left corner of
            the first pixel is (0, 0).
        labels : Tensor
            (B, P) int: 1 include, 0 exclude, 2 and 3 the corners of a box, -1 no point.
        image_size : int
            Side of the network's input in pixels.

        Returns
        -------
        Tensor
            (B, P + 1, C); a padding token of label -1 comes last.
        """
        points = torch.cat([points + 0.5, points.new_zeros(points.shape[0], 1, 2)], dim=1)
        labels = torch.cat([labels, labels.new_full((labels.shape[0], 1), NOT_A_POINT)], dim=1)
        codes = self.pe_layer.encode(points / image_size)
        is_point = labels != NOT_A_POINT
        embeddings = [self.not_a_point_embed, *self.point_embeddings]
        kinds = torch.cat([embedding.weight for embedding in embeddings])
        return torch.where(is_point[..., None], codes, 0.0) + kinds[labels + 1]

    def encode_mask(self, mask_logits: Tensor) -> Tensor:
        """(B, 1, 4 H, 4 W) logits -> (B, C, H, W) dense code."""
        return self.mask_downscaling(mask_logits)  # type: ignore[no-any-return]

    def no_mask(self, height: int, width: int) -> Tensor:
        """Dense code where no mask was given: (1, C, height, width)."""
        return self.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(1, -1, height, width)


DRAWN_LEVEL = 10.0
RAISED_RADIUS, LOWERED_RADIUS = 8.0, 3.0  # pixels; a larger hole would erase a small cell


def draw_prompts(
    mask_logits: Tensor | None,
    points: Tensor,
    labels: Tensor,
    *,
    size: int,
    stride: int = 4,
    fades: bool = False,
) -> Tensor:
    """Prompts as a picture: boxes and positive discs raised, negative discs lowered.

    Parameters
    ----------
    mask_logits : Tensor or None
        (B, 1, size, size) logits of the previous mask, if there is one.
    points, labels : Tensor
        As for `PromptEncoder.encode_points`.
    size : int
        Side of the picture.
    stride : int
        Pixels of the network's input in one pixel of the picture.
    fades : bool
        Whether raised areas fade outward (see `fade`).

    Returns
    -------
    Tensor
        (B, 1, size, size) float32 logits in -10..10.
    """
    level = DRAWN_LEVEL
    centres = (points + 0.5) / stride - 0.5  # (B, P, 2) in pixels of the picture
    axis = torch.arange(size, device=points.device, dtype=points.dtype)
    squared = (axis[None, None, None, :] - centres[..., 0, None, None]) ** 2 + (
        axis[None, None, :, None] - centres[..., 1, None, None]
    ) ** 2  # (B, P, size, size)
    raised = (squared <= (RAISED_RADIUS / stride) ** 2) & (labels == POSITIVE)[..., None, None]
    lowered = (squared <= (LOWERED_RADIUS / stride) ** 2) & (labels == NEGATIVE)[..., None, None]
    positive, negative = raised.any(1, keepdim=True), lowered.any(1, keepdim=True)
    if mask_logits is None:
        picture = points.new_full((points.shape[0], 1, size, size), -level)
        picture = torch.where(_boxes(centres, labels, axis), level, picture)
    else:
        picture = mask_logits.clamp(-level, level)
    picture = torch.where(positive, level, picture)
    picture = fade(picture) if fades else picture
    return torch.where(negative, -level, picture)


def fade(mask_logits: Tensor) -> Tensor:
    """A mask that ends in steps: one at 2, 4 and 8 cells of the map outside its border.

    (B, 1, H, W) logits -> logits in -10..10: 10 inside, then 5, 0, -5, and -10 far away.
    """
    inside = mask_logits.sigmoid()
    near = F.max_pool2d(inside, 5, stride=1, padding=2)
    middle = F.max_pool2d(inside, 9, stride=1, padding=4)
    far = F.max_pool2d(middle, 9, stride=1, padding=4)
    return DRAWN_LEVEL * ((inside + near + middle + far) / 2 - 1)


def _boxes(centres: Tensor, labels: Tensor, axis: Tensor) -> Tensor:
    """(B, 1, size, size) bool: inside the box of each prompt that has one."""
    start = (labels == BOX_START)[..., None]
    end = (labels == BOX_END)[..., None]
    low = torch.where(start, centres, 0.0).sum(1)  # (B, 2); there is at most one box
    high = torch.where(end, centres, 0.0).sum(1)
    in_x = (axis >= low[:, :1]) & (axis <= high[:, :1])  # (B, size)
    in_y = (axis >= low[:, 1:]) & (axis <= high[:, 1:])
    has_box = start.any(1)[..., None]  # (B, 1, 1)
    return (has_box & in_y[:, :, None] & in_x[:, None, :])[:, None]

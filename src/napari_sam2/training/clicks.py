"""Simulated prompts of a user, made from the ground truth (paper §D.2)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_sam2.model.prompt_encoder import BOX_END, BOX_START, NEGATIVE, POSITIVE


def first_click(soft: Tensor, generator: torch.Generator, stride: int = 4) -> tuple[Tensor, Tensor]:
    """A positive click inside each object, mostly near its middle.

    Parameters
    ----------
    soft : Tensor
        (B, H, W) float32, the share of each cell of the map that belongs to the object.
    generator : torch.Generator
        Source of chance.
    stride : int
        Pixels of the network's input in one cell of the map.

    Returns
    -------
    points : Tensor
        (B, 1, 2) float32 (x, y) in pixels of the network's input.
    labels : Tensor
        (B, 1) int64, all positive.
    """
    cells = _draw_cells(_inner(soft), generator)[:, None]
    labels = torch.full(cells.shape[:2], POSITIVE, dtype=torch.long, device=soft.device)
    return _pixels(cells, stride), labels


def box_prompt(
    target: Tensor, generator: torch.Generator, jitter: float = 0.1
) -> tuple[Tensor, Tensor]:
    """The bounding box of each object, its sides moved by up to a tenth of its size.

    Returns
    -------
    points : Tensor
        (B, 2, 2) float32, the (x, y) corners.
    labels : Tensor
        (B, 2) int64, 2 and 3.
    """
    corners = torch.stack([_extent(target.amax(1)), _extent(target.amax(2))], dim=-1)  # (B, 2, 2)
    sides = corners[:, 1:] - corners[:, :1]
    noise = torch.rand(corners.shape, generator=generator, device=target.device) * 2 - 1
    corners = (corners + noise * jitter * sides).clamp(0, target.shape[-1] - 1)
    labels = torch.tensor([BOX_START, BOX_END], device=target.device)
    return corners, labels.expand(target.shape[0], 2)


def corrective_click(
    soft: Tensor,
    logits: Tensor,
    generator: torch.Generator,
    from_truth: float = 0.1,
    stride: int = 4,
) -> tuple[Tensor, Tensor]:
    """A click into the error: positive where the object is missed, negative where it spills.

    Parameters
    ----------
    soft : Tensor
        (B, H, W) float32 as for `first_click`.
    logits : Tensor
        (B, H, W) of the mask so far.
    generator : torch.Generator
        Source of chance.
    from_truth : float
        Share of clicks that go into the object whatever the prediction is (§D.2.2: 10 %).
    stride : int
        Pixels of the network's input in one cell of the map.

    Returns
    -------
    points : Tensor
        (B, 1, 2) float32 (x, y) in pixels of the network's input.
    labels : Tensor
        (B, 1) int64.
    """
    target = (soft > 0.5).float()
    error = (target != (logits > 0).float()).float()
    has_error = error.flatten(1).any(1)
    ignore = torch.rand(soft.shape[0], generator=generator, device=soft.device) < from_truth
    region = torch.where((has_error & ~ignore)[:, None, None], error, soft)
    cells = _draw_cells(_inner(region), generator)
    rows = torch.arange(soft.shape[0], device=soft.device)
    inside = soft[rows, cells[:, 1], cells[:, 0]] > 0.5
    labels = torch.where(inside, POSITIVE, NEGATIVE)
    return _pixels(cells, stride)[:, None], labels[:, None]


def _inner(region: Tensor) -> Tensor:
    """Weights that favour the inside of a region over its rim: (B, H, W) -> (B, H, W)."""
    blurred = F.avg_pool2d(region[:, None], 3, stride=1, padding=1)[:, 0]
    return (region * blurred) ** 2 + 1e-6 * region


def _draw_cells(weights: Tensor, generator: torch.Generator) -> Tensor:
    """One cell (x, y) of each map, as likely as its weight; any cell of an empty map."""
    flat = weights.flatten(1)
    flat = torch.where(flat.sum(1, keepdim=True) > 0, flat, 1.0)
    index = torch.multinomial(flat, 1, generator=generator)[:, 0]
    width = weights.shape[-1]
    return torch.stack([index % width, index // width], dim=-1)


def _pixels(cells: Tensor, stride: int) -> Tensor:
    """Centres of cells in pixels of the network's input."""
    return (cells.float() + 0.5) * stride - 0.5


def _extent(profile: Tensor) -> Tensor:
    """First and last set entry of each row: (B, S) -> (B, 2) float32."""
    is_set = profile > 0
    last = is_set.shape[1] - 1 - is_set.flip(1).float().argmax(1)
    return torch.stack([is_set.float().argmax(1), last], dim=1).float()

"""Square crops of feature maps, one for each object (`memory_reach` of a model)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Blocks:
    """Square crops of a frame's feature maps: one search area for each of B objects.

    Attributes
    ----------
    corners : tuple of tuple of int
        First row and column of each, in cells of the map of stride 16.
    side : int
        Cells along an edge of every block.
    size : int
        Cells along an edge of the map.
    """

    corners: tuple[tuple[int, int], ...]
    side: int
    size: int

    def cells(self, device: torch.device) -> Tensor:
        """(B, side * side) int64 numbers of their cells, row by row of the whole map."""
        corners = torch.tensor(self.corners, device=device)
        span = torch.arange(self.side, device=device)
        rows, columns = (corners[:, axis, None] + span for axis in (0, 1))  # (B, side)
        return (rows[:, :, None] * self.size + columns[:, None, :]).flatten(1)

    def cut(self, maps: Tensor) -> Tensor:
        """(1 or B, C, k size, k size) -> (B, C, k side, k side), k = 4 for the map of stride 4."""
        scale = maps.shape[-1] // self.size
        maps = maps.expand(len(self.corners), -1, -1, -1)
        rows, columns = self._slices(scale)
        return torch.stack([x[:, r, c] for x, r, c in zip(maps, rows, columns, strict=True)])

    def paste(self, parts: Tensor, fill: float) -> Tensor:
        """(B, C, k side, k side) -> (B, C, k size, k size) with `fill` around them."""
        scale = parts.shape[-1] // self.side
        full = parts.new_full((*parts.shape[:2], scale * self.size, scale * self.size), fill)
        for x, part, rows, columns in zip(full, parts, *self._slices(scale), strict=True):
            x[:, rows, columns] = part
        return full

    def _slices(self, scale: int) -> tuple[list[slice], list[slice]]:
        """Rows and columns of each in a map with so many cells a cell."""
        length = scale * self.side
        rows = [slice(scale * row, scale * row + length) for row, _ in self.corners]
        columns = [slice(scale * column, scale * column + length) for _, column in self.corners]
        return rows, columns

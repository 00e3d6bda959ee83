"""Messages of the search for all cells of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import ImageCommand, ImageReport

if TYPE_CHECKING:
    from napari_sam2.finding import CellSize, Proposal


@dataclass(frozen=True, eq=False)
class FindCells(ImageCommand):
    """Look for all cells of frame `t`, whose size may be known from another frame."""

    t: int
    cell_size: CellSize | None = None


@dataclass(frozen=True, eq=False)
class FindAdvanced(ImageReport):
    """A search progressed: `done` of `total` steps; the total grows during the search."""

    done: int
    total: int


@dataclass(frozen=True, eq=False)
class CellsFound(ImageReport):
    """The proposals on frame `t`, the best first."""

    t: int
    proposals: tuple[Proposal, ...]

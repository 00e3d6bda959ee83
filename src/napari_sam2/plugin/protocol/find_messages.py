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
class KeepCellSize(ImageCommand):
    """Keep the size of the cells in the project, for the next search; None: it is unknown."""

    cell_size: CellSize | None


@dataclass(frozen=True, eq=False)
class CellSizeKept(ImageReport):
    """The size of the cells that the opened project knows."""

    cell_size: CellSize


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

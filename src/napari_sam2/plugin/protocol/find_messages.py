"""Messages of the search for all cells of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import ImageCommand, ImageReport

if TYPE_CHECKING:
    from napari_sam2.finding import Proposal


@dataclass(frozen=True, eq=False)
class FindCells(ImageCommand):
    """Look for all cells of frame `t`; `cell_size` is their diameter in pixels, if it is known."""

    t: int
    cell_size: float | None = None


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

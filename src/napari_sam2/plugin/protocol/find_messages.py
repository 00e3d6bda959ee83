"""Messages of the search for all cells of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import ImageCommand, ImageReport

if TYPE_CHECKING:
    from napari_sam2.finding import CellSize, Proposal


SURE = 0.5  # score from which on the window shows a proposal at first


@dataclass(frozen=True)
class LostCell:
    """A cell that vanished away from the border.

    Attributes
    ----------
    last : int
        Its last frame.
    place : tuple of float
        (y, x) of its middle there, in pixels.
    diameter : float
        Of the disc of the same area, in pixels.
    """

    last: int
    place: tuple[float, float]
    diameter: float


@dataclass(frozen=True, eq=False)
class FindCells(ImageCommand):
    """Look for cells of frame `t`, whose size may be known from another frame.

    Lost cells that the search of the whole frame does not find are looked for around their last
    places. If `whole` is false, only these places are searched.
    """

    t: int
    cell_size: CellSize | None = None
    lost: tuple[LostCell, ...] = ()
    whole: bool = True


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
    """The proposals on frame `t`, the best first, and those around places of lost cells."""

    t: int
    proposals: tuple[Proposal, ...]
    near_lost: tuple[Proposal, ...] = ()

"""Find all cells of a frame, in the inference thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.plugin.protocol.find_messages import (
    SURE,
    CellsFound,
    CellSizeKept,
    FindAdvanced,
    FindCells,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.finding import Proposal
    from napari_sam2.plugin.inference.engine import EngineFactory
    from napari_sam2.plugin.inference.open_document import OpenDocument
    from napari_sam2.plugin.protocol.messages import Report


SAME_OCTAVES = 0.5  # the step from one scale of a search to the next


def find_cells(
    engine: EngineFactory,
    model: Any,
    document: OpenDocument,
    command: FindCells,
    report: Callable[[Report], None],
    is_cancelled: Callable[[], bool],
) -> tuple[Report, ...]:
    """Search the frame of a command, or places of lost cells on it, and report the progress.

    The search uses the size that the command knows, unless the cells of the frame, which the user
    has clicked or taken, are of another one. Without both, it uses the cells of the nearest frame
    that has some.

    Returns
    -------
    tuple of Report
        The proposals; empty if the user cancelled the search.
    """
    # This imports torch, which is loaded by now.
    from napari_sam2.finding import CellSize, FindingStopped
    from napari_sam2.finding.centres import without_duplicates
    from napari_sam2.finding.lost import nearest

    cell_size, labels = command.cell_size, document.annotation.labels
    diameter = typical_diameter(labels[command.t])
    if cell_size is None:
        prompted = sorted({one.t for one in document.annotation.prompts()})
        near = sorted(prompted, key=lambda t: abs(t - command.t))
        known = (typical_diameter(labels[t]) for t in near)
        diameter = diameter or next((one for one in known if one is not None), None)
    if diameter is not None and (cell_size is None or _differ(diameter, cell_size.diameter)):
        cell_size = CellSize(diameter)
    try:
        frames = document.tracker.frames  # with the contrast that the model sees
        found: Sequence[Proposal] = ()
        if command.whole:
            found = engine.find_cells(
                model,
                frames,
                command.t,
                cell_size,
                lambda done, total: report(FindAdvanced(command.image, done, total)),
                is_cancelled,
            )
        sure = [proposal for proposal in found if proposal.score >= SURE]
        near_lost = [
            engine.find_near(model, frames, command.t, lost, cell_size, is_cancelled)
            for lost in command.lost
            if nearest(lost.place, sure) is None
        ]
    except FindingStopped:
        return ()
    again = [proposal for proposal in near_lost if proposal is not None]
    kept = [proposal for proposal in without_duplicates([*sure, *again]) if proposal in again]
    return (CellsFound(command.image, command.t, tuple(found), tuple(kept)),)


def cell_size_of(document: OpenDocument) -> tuple[Report, ...]:
    """Report of the size of the cells that the project of a document knows, if it does."""
    kept = None if document.autosave is None else document.autosave.cell_size
    if kept is None:
        return ()
    from napari_sam2.finding import CellSize  # imports torch, which is loaded by now

    return (CellSizeKept(document.image, CellSize(kept.diameter, kept.scale)),)


def _differ(diameter: float, other: float) -> bool:
    """Whether cells of two diameters are seen best at different scales."""
    return abs(np.log2(diameter / other)) > SAME_OCTAVES


def typical_diameter(labels: NDArray[np.integer[Any]]) -> float | None:
    """Median diameter in pixels of the objects of a frame, (Y, X) labels; None if it has none."""
    _, areas = np.unique(labels[labels > 0], return_counts=True)
    return float(2 * np.sqrt(np.median(areas) / np.pi)) if len(areas) else None

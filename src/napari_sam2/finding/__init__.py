"""Finding: proposals of all objects of an image, without a prompt."""

from napari_sam2.finding.find import Method, find_objects
from napari_sam2.finding.grid import GridSettings
from napari_sam2.finding.progress import FindingStopped
from napari_sam2.finding.proposals import CellSize, Proposal, draw_labels, typical_size

__all__ = [
    "CellSize",
    "FindingStopped",
    "GridSettings",
    "Method",
    "Proposal",
    "draw_labels",
    "find_objects",
    "typical_size",
]

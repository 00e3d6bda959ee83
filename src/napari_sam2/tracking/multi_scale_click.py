"""Multi-scale click: choose the best mask of a first click from windows of several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_sam2.model.mask_decoder import SIZE_PENALTY, mask_overlap
from napari_sam2.tracking.masks import MaskRecord, Region
from napari_sam2.tracking.pixels import shared_pixels

AGREEMENT = 0.5  # weight of the overlap with the masks of the next smaller and larger window
ODD_SIZE = 0.1  # penalty for each factor of e between the size and the usual size
USUAL_SIZE = 0.15  # share of the side of the window


@dataclass(frozen=True, eq=False)
class Look:
    """The mask of a first click in a window of one size.

    Attributes
    ----------
    record : MaskRecord
        The mask.
    cell_overlap : float or None
        IoU of the mask with the cell that the cell head sees under the click, 0 where it sees none;
        None if the model has no cell head.
    """

    record: MaskRecord
    cell_overlap: float | None = None


def most_convincing(looks: Sequence[Look], regions: Sequence[Region]) -> MaskRecord:
    """The best of several masks for one click.

    The scores of the network rank the masks only roughly. With a cell head, the choice weighs them
    equally with the overlap with the cell that the head sees, and of two masks that are about as
    good it takes the smaller one, which harms neighbours less. Otherwise, it also prefers masks
    that agree with those of the neighbouring window sizes, and that are neither a speck nor fill
    the window.

    Parameters
    ----------
    looks : sequence of Look
        Masks from the smallest to the largest window.
    regions : sequence of Region
        The same masks at full size.

    Returns
    -------
    MaskRecord
        That of one of `looks`.
    """
    scores = []
    for index, look in enumerate(looks):
        record = look.record
        if look.cell_overlap is not None:
            size = np.log(max(record.area, 1.0))
            scores.append(record.predicted_iou + look.cell_overlap - SIZE_PENALTY * size)
            continue
        beside = [other for other in (index - 1, index + 1) if 0 <= other < len(looks)]
        overlaps = [overlap(regions[index], regions[other]) for other in beside]
        agreement = float(np.mean(overlaps)) if overlaps else 0.0
        scores.append(record.predicted_iou + AGREEMENT * agreement - ODD_SIZE * oddness(record))
    return looks[int(np.argmax(scores))].record


def overlap_with_cell(record: MaskRecord, cell: Tensor | None) -> float:
    """IoU of a mask with the cell under the click, (1, size, size) bool; 0 without a cell."""
    if cell is None or not cell.any():
        return 0.0
    logits = torch.from_numpy(record.logits())[None, None]
    return float(mask_overlap(logits, cell[None].cpu()))


def oddness(record: MaskRecord) -> float:
    """Distance of the size of a mask in its window from the usual size, in factors of e."""
    side = max(record.window.height, record.window.width)
    extent = record.extent or (0, 0, 0, 0)
    length = max(extent[2] - extent[0], extent[3] - extent[1], 1.0)
    return float(abs(np.log(length / side / USUAL_SIZE)))


def overlap(one: Region, other: Region) -> float:
    """Intersection over union of two masks; 0 if either is empty."""
    shared = shared_pixels((one.window, one.mask), (other.window, other.mask))
    union = int(one.mask.sum()) + int(other.mask.sum()) - shared
    return shared / union if union else 0.0

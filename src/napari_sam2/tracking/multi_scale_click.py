"""Multi-scale click: choose the best mask of a first click from windows of several sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam2.tracking.masks import MaskRecord, Region
from napari_sam2.tracking.pixels import shared_pixels

AGREEMENT = 0.5  # weight of the overlap with the masks of the next smaller and larger window
ODD_SIZE = 0.1  # penalty for each factor of e between the size and the usual size
USUAL_SIZE = 0.15  # share of the side of the window


def most_convincing(looks: Sequence[MaskRecord], regions: Sequence[Region]) -> MaskRecord:
    """The best of several masks for one click.

    The scores of the network rank the masks only roughly. The choice therefore also prefers masks
    that agree with those of the neighbouring window sizes, and that are neither a speck nor fill
    the window.

    Parameters
    ----------
    looks : sequence of MaskRecord
        Masks from the smallest to the largest window.
    regions : sequence of Region
        The same masks at full size.

    Returns
    -------
    MaskRecord
        One of `looks`.
    """
    scores = []
    for index, look in enumerate(looks):
        beside = [other for other in (index - 1, index + 1) if 0 <= other < len(looks)]
        overlaps = [overlap(regions[index], regions[other]) for other in beside]
        agreement = float(np.mean(overlaps)) if overlaps else 0.0
        scores.append(look.predicted_iou + AGREEMENT * agreement - ODD_SIZE * oddness(look))
    return looks[int(np.argmax(scores))]


def oddness(look: MaskRecord) -> float:
    """Distance of the size of a mask in its window from the usual size, in factors of e."""
    side = max(look.window.height, look.window.width)
    extent = look.extent or (0, 0, 0, 0)
    length = max(extent[2] - extent[0], extent[3] - extent[1], 1.0)
    return float(abs(np.log(length / side / USUAL_SIZE)))


def overlap(one: Region, other: Region) -> float:
    """Intersection over union of two masks; 0 if either is empty."""
    shared = shared_pixels((one.window, one.mask), (other.window, other.mask))
    union = int(one.mask.sum()) + int(other.mask.sum()) - shared
    return shared / union if union else 0.0

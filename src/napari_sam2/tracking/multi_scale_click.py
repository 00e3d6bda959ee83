"""Multi-scale click: the first click on an object, whose size is unknown, in several windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam2.tracking.masks import MaskRecord, Region

AGREEMENT = 0.5  # weight of the overlap with the masks of the next nearer and farther look
ODD_SIZE = 0.1  # what a mask loses for each factor e by which its size in the window is unusual
USUAL_SIZE = 0.15  # of the side of the window


def most_convincing(looks: Sequence[MaskRecord], regions: Sequence[Region]) -> MaskRecord:
    """The best of some masks for one click.

    What the network thinks of its masks orders them only roughly, so two more things count: a mask
    is found again from a little nearer and farther, and it is neither a speck nor all of its
    window.

    Parameters
    ----------
    looks : sequence of MaskRecord
        From the nearest to the farthest.
    regions : sequence of Region
        The same masks drawn.

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
    """By how many factors of e the size of a mask in its window is unusual."""
    side = max(look.window.height, look.window.width)
    extent = look.extent or (0, 0, 0, 0)
    length = max(extent[2] - extent[0], extent[3] - extent[1], 1.0)
    return float(abs(np.log(length / side / USUAL_SIZE)))


def overlap(one: Region, other: Region) -> float:
    """Intersection over union of two masks; 0 where either is empty."""
    shared = 0
    starts = [max(a.start, b.start) for a, b in zip(one.window, other.window, strict=True)]
    stops = [min(a.stop, b.stop) for a, b in zip(one.window, other.window, strict=True)]
    if all(start < stop for start, stop in zip(starts, stops, strict=True)):
        parts = [
            region.mask[
                starts[0] - region.window[0].start : stops[0] - region.window[0].start,
                starts[1] - region.window[1].start : stops[1] - region.window[1].start,
            ]
            for region in (one, other)
        ]
        shared = int((parts[0] & parts[1]).sum())
    union = int(one.mask.sum()) + int(other.mask.sum()) - shared
    return shared / union if union else 0.0

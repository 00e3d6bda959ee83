"""The area guard: a mask that suddenly spills over much of the image is a lost object.

When a network loses an object it may take the background for it. Such a mask is not written, nor
remembered, and the frames after it are not led astray.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.memory_bank import Recall

# A cell doubles between divisions, and an object that comes out of hiding is measured against what
# a person showed of it; a mask that spills over has ten times its area and more.
LARGEST_GROWTH = 4.0
SLACK = 16  # cells of the low-resolution map, since the area of a tiny object is mostly rounding
NEARLY_ALL = 0.8  # of the window
LEAST_GROWTH = 2.0  # of a mask that fills the window; an object may fill it from the beginning
LOST_SCORE = -1.0
NO_LOGIT = -1024.0


def spills_over(record: MaskRecord, records: Mapping[int, MaskRecord], recalled: Recall) -> bool:
    """Whether a mask is far larger than any that it was made from.

    Parameters
    ----------
    record : MaskRecord
        The mask.
    records : mapping of int to MaskRecord
        Those of the object by frame.
    recalled : Recall
        The memories that conditioned the mask: the prompted frames and the most recent ones.

    Returns
    -------
    bool
        False where nothing is known of the area.
    """
    usual = max((area(records[k]) for k in recalled.frames), default=0.0)
    if usual == 0:
        return False
    cell = record.window.height * record.window.width / record.size**2
    covered, whole = area(record), record.window.height * record.window.width
    fills_window = covered > NEARLY_ALL * whole and covered > LEAST_GROWTH * usual
    return fills_window or covered > LARGEST_GROWTH * usual + SLACK * cell


def area(record: MaskRecord) -> float:
    """Area of a mask in pixels of the image, as exact as the low-resolution map is."""
    cell = record.window.height * record.window.width / record.size**2
    return float(np.count_nonzero(record.crop > 0)) * cell


def as_lost(record: MaskRecord, pointer: NDArray[np.float32]) -> MaskRecord:
    """The record of an object that is not visible.

    Parameters
    ----------
    record : MaskRecord
        What the network made of it.
    pointer : ndarray
        (C,) float32 object pointer of an object that is not there.
    """
    return replace(
        record,
        corner=(0, 0),
        crop=np.zeros((0, 0), np.float32),
        floor=NO_LOGIT,
        occlusion_score=min(record.occlusion_score, LOST_SCORE),
        pointer=pointer,
    )

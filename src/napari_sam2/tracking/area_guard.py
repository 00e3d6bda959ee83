"""Area guard: treat a mask that suddenly covers much of the image as a lost object.

When the network loses an object, it may segment the background instead. Such a mask is neither
stored nor memorised, so it cannot mislead the tracking of later frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.memory_bank import Recall

# A cell doubles its area between divisions. An object that reappears is compared with its prompted
# masks. A mask that spills over has at least ten times the area.
LARGEST_GROWTH = 4.0
SLACK = 16  # cells of the low-resolution map, for the rounding error of tiny objects
NEARLY_ALL = 0.8  # share of the window
LEAST_GROWTH = 2.0  # for a mask that fills the window, since large objects fill it, too
LOST_SCORE = -1.0
NO_LOGIT = -1024.0


def spills_over(record: MaskRecord, records: Mapping[int, MaskRecord], recalled: Recall) -> bool:
    """Whether a mask is far larger than all masks that conditioned it.

    Parameters
    ----------
    record : MaskRecord
        The mask.
    records : mapping of int to MaskRecord
        All masks of the object by frame.
    recalled : Recall
        The memories that conditioned the mask: the prompted frames and the most recent ones.

    Returns
    -------
    bool
        False if no conditioning mask has an area.
    """
    usual = max((records[k].area for k in recalled.frames), default=0.0)
    if usual == 0:
        return False
    cell = record.window.height * record.window.width / record.size**2
    covered, whole = record.area, record.window.height * record.window.width
    fills_window = covered > NEARLY_ALL * whole and covered > LEAST_GROWTH * usual
    return fills_window or covered > LARGEST_GROWTH * usual + SLACK * cell


def as_lost(record: MaskRecord, pointer: NDArray[np.float32]) -> MaskRecord:
    """The record of an object that is not visible.

    Parameters
    ----------
    record : MaskRecord
        The output of the network.
    pointer : ndarray
        (C,) float32 object pointer for an absent object.
    """
    return replace(
        record,
        corner=(0, 0),
        crop=np.zeros((0, 0), np.float32),
        floor=NO_LOGIT,
        occlusion_score=min(record.occlusion_score, LOST_SCORE),
        pointer=pointer,
    )

"""Promptable visual segmentation: prompts, memory bank, tracker."""

from napari_sam2.tracking.frames import DamagedFrame, FrameOutOfReach, Frames
from napari_sam2.tracking.prompts import Prompt
from napari_sam2.tracking.results import FrameResult, ObjectState
from napari_sam2.tracking.tracker import Tracker

__all__ = [
    "DamagedFrame",
    "FrameOutOfReach",
    "FrameResult",
    "Frames",
    "ObjectState",
    "Prompt",
    "Tracker",
]

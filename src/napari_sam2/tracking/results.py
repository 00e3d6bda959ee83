"""What a tracker hands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.prompts import Prompt


@dataclass(frozen=True, eq=False)
class FrameResult:
    """Masks of some objects on one frame.

    Attributes
    ----------
    t : int
        Frame.
    object_ids : tuple of int
        B objects.
    masks : ndarray
        (B, Y, X) bool, each object by itself: they may overlap.
    predicted_iou : ndarray
        (B,) float32, what the model thinks of its masks, 0..1.
    occlusion_score : ndarray
        (B,) float32 logits; below 0 the object is not visible and its mask empty.
    """

    t: int
    object_ids: tuple[int, ...]
    masks: NDArray[np.bool_]
    predicted_iou: NDArray[np.float32]
    occlusion_score: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PromptedFrame:
    """A prompt with the masks that it led to.

    Attributes
    ----------
    prompt : Prompt
        What was given.
    before : MaskRecord or None
        The mask that was there before any prompt.
    rounds : tuple of (int, MaskRecord)
        The mask after each round.
    """

    prompt: Prompt
    before: MaskRecord | None
    rounds: tuple[tuple[int, MaskRecord], ...] = ()


@dataclass(frozen=True, eq=False)
class ObjectState:
    """Everything of an object, or of some of its frames; shares the arrays of the tracker.

    Attributes
    ----------
    frames : frozenset of int or None
        The frames it speaks of; None is all.
    records : mapping of int to MaskRecord
        Masks by frame.
    prompted : mapping of int to PromptedFrame
        Prompts by frame.
    locked : mapping of int to MaskRecord or None
        What locked frames go back to when they are unlocked.
    """

    frames: frozenset[int] | None = None
    records: Mapping[int, MaskRecord] = field(default_factory=dict)
    prompted: Mapping[int, PromptedFrame] = field(default_factory=dict)
    locked: Mapping[int, MaskRecord | None] = field(default_factory=dict)

    def cleared(self) -> ObjectState:
        """Nothing, on the same frames."""
        return replace(self, records={}, prompted={}, locked={})

"""How good the masks of an object are, and which of them a person should look at.

Everything is judged by the object itself: what is usual for it, and what is not. The meaning of
each doubt is told in docs/review.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntFlag
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sam2.annotation.error_probability import (
    error_model,
    starts_of_stretches,
    sum_of_stretches,
)
from napari_sam2.annotation.measures import Trace

if TYPE_CHECKING:
    from napari_sam2.annotation.measured import Measurement

# Limits, chosen on movies of the Cell Tracking Challenge with planted errors; docs/review.md.
LOWEST_IOU = 0.5
IOU_SHARE = 0.75  # of the object's median: networks are sure of themselves to different degrees
LOWEST_OCCLUSION_SCORE = 1.0  # logit: visible with a probability of 73 %
AREA_FACTOR = 1.6
RING = 3.5  # a ring of one pixel round an area A has about 3.5 sqrt(A) pixels
STEPS = 3.0  # times the usual step
LOWEST_OVERLAP = 0.4
FRAMES_BEFORE = 5  # whose median area is the usual one
LOWEST_BACKWARD_IOU = 0.7  # with the mask of a backward check; see docs/lab/review.md
MARKED_REASON = "you marked the outline as wrong"
BACKWARD_REASON = "tracking back from the end gives another outline"
WEIGHT_GONE = 0.5
WEIGHT_DIFFERS = 0.5  # a mask that differs from a backward check, but is likely right
LEAST_PIECE = 0.2  # of the area, in the second largest piece: the mask may cover two daughters


class Doubt(IntFlag):
    """Why a person should look at a mask."""

    LOW_IOU = 1
    OCCLUDED = 2
    JUMP_AREA = 4
    JUMP_PLACE = 8
    LOW_OVERLAP = 16
    TOUCHES_BORDER = 32
    IS_GONE = 64
    TWO_PIECES = 128
    LIKELY_WRONG = 256
    BACKWARD_DIFFERS = 512
    MARKED_WRONG = 1024


UNUSUAL = (
    Doubt.JUMP_AREA | Doubt.JUMP_PLACE | Doubt.LOW_OVERLAP | Doubt.TOUCHES_BORDER | Doubt.TWO_PIECES
)
"""Doubts that a true jump or a division raises, too."""


# What is left of the quality of a mask with this doubt.
WEIGHTS = {
    Doubt.OCCLUDED: 0.7,
    Doubt.JUMP_AREA: 0.5,
    Doubt.JUMP_PLACE: 0.4,
    Doubt.LOW_OVERLAP: 0.6,
    Doubt.TOUCHES_BORDER: 0.9,
    Doubt.TWO_PIECES: 0.4,
    Doubt.BACKWARD_DIFFERS: 0.4,
}


@dataclass(frozen=True, eq=False)
class Timeline:
    """What there is of one object on each of T frames.

    Attributes
    ----------
    has_mask : (T,) bool
        Whether it has pixels in the labels.
    is_prompted, is_locked, is_reviewed : (T,) bool
        What a person said of the frame.
    is_lost : (T,) bool
        Whether the model was there and did not find it.
    quality : (T,) float32
        0 to 1, NaN where there is no mask.
    doubts : (T,) uint16
        Flags of `Doubt`.
    error_probability : (T,) float32
        Chance that the IoU with the true mask is below 0.75; 0 where a person prompted or locked
        the mask, 1 where a person marked it as wrong, NaN where there is no mask or tracking left
        no scores.
    reasons : tuple of str
        Why a mask is likely wrong or differs from the one of a backward check, in words; empty for
        all other masks.
    backward_iou : (T,) float32
        IoU with the mask that tracking back from the end gives; NaN where this was not checked.
    measurements : mapping of str to Measurement
        Measurements by name.
    predicted_iou : (T,) float32, optional
        In 3D, mean quality of the masks of each volume, as the network predicts it; NaN where there
        is none.
    largest_plane : (T,) integers, optional
        In 3D, the plane on which the object is largest; 0 where there is no mask.
    centre : (T, 2) float32, optional
        y and x of the centre of each mask, in pixels; 0 where there is no mask.
    is_unseen : (T,) bool, optional
        Whether the mask comes from a prompt, but nobody has looked at it, as after an automatic
        search or a batch; None if there is no such mask.
    """

    has_mask: NDArray[np.bool_]
    is_prompted: NDArray[np.bool_]
    is_locked: NDArray[np.bool_]
    is_reviewed: NDArray[np.bool_]
    is_lost: NDArray[np.bool_]
    quality: NDArray[np.float32]
    doubts: NDArray[np.uint16]
    error_probability: NDArray[np.float32]
    reasons: tuple[str, ...]
    backward_iou: NDArray[np.float32]
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    predicted_iou: NDArray[np.float32] | None = None
    largest_plane: NDArray[np.intp] | None = None
    centre: NDArray[np.float32] | None = None
    is_unseen: NDArray[np.bool_] | None = None

    def longer(self, length: int) -> Timeline:
        """The same timeline of a movie that has got more frames, of which nothing is known yet.

        Parameters
        ----------
        length : int
            Number of frames now.
        """
        more = length - len(self.has_mask)
        unknown = np.full(more, np.nan, np.float32)

        def padded(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
            return np.concatenate([flags, np.zeros(more, bool)])

        return Timeline(
            padded(self.has_mask),
            padded(self.is_prompted),
            padded(self.is_locked),
            padded(self.is_reviewed),
            padded(self.is_lost),
            np.concatenate([self.quality, unknown]),
            np.concatenate([self.doubts, np.zeros(more, np.uint16)]),
            np.concatenate([self.error_probability, unknown]),
            (*self.reasons, *("",) * more),
            np.concatenate([self.backward_iou, unknown]),
            {
                name: replace(one, values=np.concatenate([one.values, unknown]))
                for name, one in self.measurements.items()
            },
            None if self.predicted_iou is None else np.concatenate([self.predicted_iou, unknown]),
            None if self.largest_plane is None else np.pad(self.largest_plane, (0, more)),
            None if self.centre is None else np.pad(self.centre, ((0, more), (0, 0))),
            None if self.is_unseen is None else padded(self.is_unseen),
        )

    @property
    def is_likely_wrong(self) -> NDArray[np.bool_]:
        """(T,) whether the chance of an error reaches the threshold."""
        return np.asarray(self.error_probability >= error_model().threshold)

    @property
    def is_stop(self) -> NDArray[np.bool_]:
        """(T,) whether a stretch of likely wrong masks that are not reviewed begins."""
        return starts_of_stretches(self.is_likely_wrong & ~self.is_reviewed)

    @property
    def is_unusual(self) -> NDArray[np.bool_]:
        """(T,) whether something changes that also a jump or a division of the cell changes."""
        return np.asarray((self.doubts & UNUSUAL) > 0)

    @property
    def severity(self) -> NDArray[np.float32]:
        """(T,) float32 how much a look at each frame is worth, 0 where there is no doubt.

        At the start of a stretch of likely wrong masks, it is the expected number of wrong masks
        in the stretch, since a correction there mends the others. Masks that are unusual, but
        likely right, stay below the threshold of the likely wrong ones. A reviewed mask is not
        worth a look.
        """
        threshold = error_model().threshold
        gone = (self.doubts & Doubt.IS_GONE) > 0
        severity = np.where(gone, WEIGHT_GONE, 1 - np.nan_to_num(self.quality, nan=1.0))
        differs = (self.doubts & Doubt.BACKWARD_DIFFERS) > 0
        weight = np.where(differs, WEIGHT_DIFFERS, threshold)
        severity = np.where(self.error_probability < threshold, weight * severity, severity)
        gain = sum_of_stretches(self.error_probability, self.is_likely_wrong & ~self.is_reviewed)
        severity = np.where(gain > 0, gain, severity)
        is_open = (self.doubts > 0) & ~self.is_reviewed
        return np.where(is_open, np.maximum(severity, 1e-3), 0).astype(np.float32)


def find_doubts(
    trace: Trace,
    predicted_iou: NDArray[np.float32],
    occlusion_score: NDArray[np.float32],
    is_fixed: NDArray[np.bool_],
    is_lost: NDArray[np.bool_],
    error_probability: NDArray[np.float32] | None = None,
    backward_iou: NDArray[np.float32] | None = None,
    is_marked_wrong: NDArray[np.bool_] | None = None,
    is_reviewed: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint16]:
    """Doubts about the masks of one object.

    Parameters
    ----------
    trace : Trace
        Areas, places and overlaps.
    predicted_iou, occlusion_score : (T,) float32
        What the model thinks of its masks, NaN where there are none.
    is_fixed : (T,) bool
        Where a person prompted or locked the mask: the model's scores say nothing there.
    is_lost : (T,) bool
        Where the model did not find the object.
    error_probability : (T,) float32, optional
        Chance of an error, NaN where unknown. Where it is known, it stands for the doubts about the
        scores of the model.
    backward_iou : (T,) float32, optional
        IoU with the masks of a backward check, NaN where unknown.
    is_marked_wrong : (T,) bool, optional
        Where a person marked the mask as wrong.
    is_reviewed : (T,) bool, optional
        Where a person found the mask right.

    Returns
    -------
    (T,) uint16
        Flags of `Doubt`. Of LIKELY_WRONG, BACKWARD_DIFFERS and MARKED_WRONG, the first frame of
        each stretch of masks that are not reviewed has the flag, and each reviewed mask.
    """
    doubts = np.zeros(len(trace.area), np.uint16)
    visible = np.flatnonzero(trace.area)
    if not len(visible):
        return doubts
    if error_probability is None:
        error_probability = np.full(len(doubts), np.nan, np.float32)
    if is_reviewed is None:
        is_reviewed = np.zeros(len(doubts), bool)
    lasting = {Doubt.LIKELY_WRONG: error_probability >= error_model().threshold}
    if backward_iou is not None:
        lasting[Doubt.BACKWARD_DIFFERS] = backward_iou < LOWEST_BACKWARD_IOU
    if is_marked_wrong is not None:
        lasting[Doubt.MARKED_WRONG] = is_marked_wrong
    for doubt, is_there in lasting.items():
        is_flagged = starts_of_stretches(is_there & ~is_reviewed) | (is_there & is_reviewed)
        doubts[is_flagged] |= np.uint16(doubt)
    judged = (trace.area > 0) & ~is_fixed & np.isnan(error_probability)
    if judged.any():
        lowest_iou = max(LOWEST_IOU, IOU_SHARE * float(np.nanmedian(predicted_iou[judged])))
        doubts[judged & (predicted_iou < lowest_iou)] |= np.uint16(Doubt.LOW_IOU)
    doubts[judged & (occlusion_score < LOWEST_OCCLUSION_SCORE)] |= np.uint16(Doubt.OCCLUDED)
    doubts[visible[_area_jumps(trace.area[visible])]] |= np.uint16(Doubt.JUMP_AREA)
    doubts[visible[_place_jumps(trace, visible)]] |= np.uint16(Doubt.JUMP_PLACE)
    doubts[visible[_low_overlaps(trace, visible)]] |= np.uint16(Doubt.LOW_OVERLAP)
    followed = visible[1:][np.diff(visible) == 1]
    arrived = followed[trace.on_border[followed] & ~trace.on_border[followed - 1]]
    doubts[arrived] |= np.uint16(Doubt.TOUCHES_BORDER)
    in_pieces = (trace.area > 0) & (trace.second_piece >= LEAST_PIECE * trace.area) & ~is_fixed
    doubts[in_pieces] |= np.uint16(Doubt.TWO_PIECES)
    last = visible[(visible + 1 < len(doubts)) & ~trace.on_border[visible]]
    doubts[last[is_lost[last + 1]] + 1] |= np.uint16(Doubt.IS_GONE)
    return doubts


def grade(
    trace: Trace,
    predicted_iou: NDArray[np.float32],
    is_fixed: NDArray[np.bool_],
    doubts: NDArray[np.uint16],
    error_probability: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Quality of each mask: the chance that it is right, less for every doubt.

    Where this chance is unknown, the predicted IoU stands for it.

    Parameters
    ----------
    trace : Trace
        Areas, places and overlaps.
    predicted_iou : (T,) float32
        NaN where there is no mask.
    is_fixed : (T,) bool
        Where a person prompted or locked the mask; it counts as 1 there.
    doubts : (T,) uint16
        Flags of `Doubt`.
    error_probability : (T,) float32, optional
        Chance of an error, NaN where unknown.

    Returns
    -------
    (T,) float32
        0 to 1, NaN where there is no mask.
    """
    quality = np.where(is_fixed, 1.0, np.clip(np.nan_to_num(predicted_iou), 0, 1))
    if error_probability is not None:
        is_known = ~np.isnan(error_probability)
        quality[is_known] = 1 - error_probability[is_known]
    for doubt, weight in WEIGHTS.items():
        quality[(doubts & doubt) > 0] *= weight
    quality[trace.area == 0] = np.nan
    return quality.astype(np.float32)


def _area_jumps(area: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(n,) whether an area differs from the one before and from what was usual before.

    A mask that goes back to the usual area after a bad frame is not doubted.
    """
    before = np.concatenate([area[:1], area[:-1]])
    padded = np.concatenate([np.repeat(area[:1], FRAMES_BEFORE), area])
    windows = np.lib.stride_tricks.sliding_window_view(padded, FRAMES_BEFORE)[: len(area)]
    usual = np.median(windows, axis=1)
    return _differ(area, before) & _differ(area, usual)


def _differ(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.bool_]:
    larger, smaller = np.maximum(one, other), np.minimum(one, other)
    is_other: NDArray[np.bool_] = (larger > AREA_FACTOR * smaller) & (
        larger - smaller > RING * np.sqrt(larger)
    )
    return is_other


def _place_jumps(trace: Trace, visible: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(n,) whether an object is farther from its last two places than it usually moves."""
    places = np.stack([trace.y[visible], trace.x[visible]], axis=-1)
    diameter = np.sqrt(4 / np.pi * trace.area[visible])
    jumps = np.zeros(len(visible), bool)
    if len(visible) < 3:
        return jumps
    steps = np.linalg.norm(np.diff(places, axis=0), axis=-1) / np.diff(visible)
    usual = np.median(steps)

    def is_far(lag: int) -> NDArray[np.bool_]:
        moved = np.linalg.norm(places[lag:] - places[:-lag], axis=-1)
        frames = visible[lag:] - visible[:-lag]
        far: NDArray[np.bool_] = moved > STEPS * usual * frames + diameter[:-lag] / 2
        return far

    jumps[1:] = is_far(1)
    jumps[2:] &= is_far(2)
    return jumps


def _low_overlaps(trace: Trace, visible: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(n,) whether a mask overlaps much less than usual with those of the last two frames."""
    overlap = _overlap(trace.shared_1, trace.area, 1)
    if np.isnan(overlap).all():
        return np.zeros(len(visible), bool)
    limit = min(LOWEST_OVERLAP, float(np.nanmedian(overlap)) / 2)
    before = _overlap(trace.shared_2, trace.area, 2)
    low: NDArray[np.bool_] = (overlap < limit) & ~(before >= limit)
    return low[visible]


def _overlap(
    shared: NDArray[np.float32], area: NDArray[np.float32], lag: int
) -> NDArray[np.float32]:
    """(T,) IoU with the mask `lag` frames before, NaN where one of the two is missing."""
    earlier = np.concatenate([np.zeros(lag, np.float32), area[:-lag]])[: len(area)]
    both = (area > 0) & (earlier > 0)
    union = np.where(both, area + earlier - shared, np.nan)
    return (shared / union).astype(np.float32)

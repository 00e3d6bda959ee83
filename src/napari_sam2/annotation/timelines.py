"""Timelines: the state and the quality of each object on each frame, and which to look at next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.annotation.calibration import GOOD_IOU, Calibration, Verdicts, fit_calibration
from napari_sam2.annotation.error_probability import (
    UNCHANGED,
    TrackingScores,
    error_logit,
    find_error_probability,
    known_value,
)
from napari_sam2.annotation.frame_states import FrameStates
from napari_sam2.annotation.measured import measurements_of
from napari_sam2.annotation.measures import Trace
from napari_sam2.annotation.objects import Score
from napari_sam2.annotation.quality import (
    BACKWARD_REASON,
    LOWEST_BACKWARD_IOU,
    MARKED_REASON,
    Timeline,
    find_doubts,
    grade,
)
from napari_sam2.annotation.volume_timeline import largest_plane, make_volume_timeline
from napari_sam2.annotation.wrong_share import (
    SAMPLE_SIZE,
    ErrorSums,
    MaskSample,
    Share,
    draw_masks,
    expected_share,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_sam2.annotation.document import Document
    from napari_sam2.annotation.state import DocumentState
    from napari_sam2.tracking.protocol import AnnotationTracker
    from napari_sam2.tracking.results import Signs


class Timelines:
    """Computes timelines, and keeps each until its object changes.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._state = document.state
        self._timelines: dict[int, Timeline] = {}
        self._verdicts: dict[int, Verdicts] = {}
        self._calibration = UNCHANGED  # of the timelines

    def timeline(self, object_id: int) -> Timeline:
        """State and quality of an object on each frame, or in each of the volumes of a movie in 3D.

        The result is kept until the object changes, or the verdicts of the person change the error
        probabilities of all objects; do not change its arrays.

        Raises
        ------
        ValueError
            If there is no such object.
        """
        self._state.known(object_id)
        state = self._state
        stale = state.stale | state.measures.update(state.labels)
        state.stale.clear()
        for changed in stale:
            self._timelines.pop(changed, None)
            self._verdicts.pop(changed, None)
        if stale:
            self._calibrate()
        found = self._timelines.get(object_id)
        if found is None:
            if state.planes > 1:
                found = make_volume_timeline(state, object_id)
            else:
                found = make_timeline(state, object_id, self._calibration)
            self._timelines[object_id] = found
        return found

    def score(self, t: int, object_id: int) -> Score | None:
        """Scores of the mask of an object on a frame.

        Parameters
        ----------
        t : int
            The frame.
        object_id : int
            The object.

        Returns
        -------
        Score or None
            What the model says of its mask, and the chance of an error; None where the model made
            no mask.
        """
        result = self._state.result(t, object_id)
        if result is None:
            return None
        chance = self.timeline(object_id).error_probability[t // self._state.planes]
        return Score(
            float(result.predicted_iou[0]), float(result.occlusion_score[0]), known_value(chance)
        )

    def _calibrate(self) -> None:
        """Fit the calibration again; if it changes, all timelines do."""
        state = self._state
        if state.planes > 1:
            return  # the error model knows images only
        for object_id in self._verdicts.keys() - state.objects.keys():
            del self._verdicts[object_id]
        for object_id in state.objects.keys() - self._verdicts.keys():
            self._verdicts[object_id] = verdicts_of(state, object_id)
        found = fit_calibration([self._verdicts[key] for key in sorted(self._verdicts)])
        if found != self._calibration:
            self._calibration = found
            self._timelines.clear()

    def next_doubtful(
        self, after: tuple[int, int] | None = None, backward: bool = False
    ) -> tuple[int, int] | None:
        """Find the next mask to look at: doubtful and not reviewed, the worst first.

        Rejected objects are passed over.

        Parameters
        ----------
        after : (t, object_id), optional
            Continue after this mask, which may be reviewed. Without it, or if it is not doubtful
            any more, begin with the worst mask.
        backward : bool
            Begin with the least doubtful mask, and end with the worst one.

        Returns
        -------
        (t, object_id) or None
            None if no mask is left in this direction.

        Raises
        ------
        ValueError
            If frame `t` is not in the stack.
        """
        if after is not None:
            self._state.check_frame(after[0])
        order: list[tuple[float, int, int]] = []
        here: tuple[float, int, int] | None = None
        for object_id, known in sorted(self._state.objects.items()):
            timeline = self.timeline(object_id)
            severity = timeline.severity
            if after is not None and object_id == after[1]:
                time = after[0] // self._state.planes
                unseen = timeline.is_reviewed & (np.arange(len(severity)) != time)
                as_before = replace(timeline, is_reviewed=unseen).severity
                here = (-float(as_before[time]), time, object_id)
            if known.is_rejected:
                continue
            for t in np.flatnonzero((severity > 0) & ~timeline.is_reviewed).tolist():
                order.append((-float(severity[t]), t, object_id))
        order.sort(reverse=backward)
        if here is None or here[0] == 0:
            return self._place(*order[0][1:]) if order else None
        for place in order:
            if place > here if not backward else place < here:
                return self._place(*place[1:])
        return None

    def _place(self, time: int, object_id: int) -> tuple[int, int]:
        """The frame of a time point, in 3D the largest plane of an object, and the object."""
        planes = self._state.planes
        if planes == 1:
            return time, object_id
        return time * planes + largest_plane(self._state, object_id, time), object_id

    def wrong_share(self) -> Share | None:
        """Estimate the share of wrong masks that are left, from the chances of an error.

        Reviewed, prompted and locked masks count as right; rejected objects do not count.

        Returns
        -------
        Share or None
            With a 95 % interval; None if no chance is known.
        """
        return expected_share(map(ErrorSums.of, self._lines().values()))

    def draw_sample(self, size: int = SAMPLE_SIZE, seed: int | None = None) -> MaskSample:
        """Draw masks at random, which a person then judges; see `wrong_share.sampled_share`.

        Parameters
        ----------
        size : int
            How many; all if there are fewer that no person has vouched for.
        seed : int, optional
            Makes the draw repeatable.

        Raises
        ------
        ValueError
            If the size is below 1.
        """
        self._state.check_movie("sample of masks")
        if size < 1:
            raise ValueError(f"a sample has at least one mask; got {size}")
        return draw_masks(self._lines(), size, seed)

    def _lines(self) -> dict[int, Timeline]:
        """Timelines of all objects that are not rejected."""
        kept = [key for key, known in self._state.objects.items() if not known.is_rejected]
        return {object_id: self.timeline(object_id) for object_id in kept}


def verdicts_of(state: DocumentState, object_id: int) -> Verdicts:
    """What a person found about tracked masks of an object, as the state of the document tells.

    A reviewed mask was right, and one that was marked as wrong was wrong. A mask that was prompted
    after it was tracked was wrong if the prompt changed it much.
    """
    logits: list[float] = []
    is_wrong: list[bool] = []
    marked = state.marked_wrong.get(object_id, frozenset())
    judged = sorted(marked | state.reviewed.get(object_id, frozenset()))
    found = state.object_state(object_id) if judged else None
    if found is not None:
        length = len(state.labels)
        scored = tracking_scores(state.tracker, object_id, found.records, length)
        fixed = found.prompted.keys() | state.locked_frames(object_id)
        is_fixed = np.isin(np.arange(length), sorted(fixed))
        logit = error_logit(state.measures.trace(object_id), scored, is_fixed)
        kept = [t for t in judged if t not in fixed and not np.isnan(logit[t])]
        logits += logit[kept].tolist()
        is_wrong += [t in marked for t in kept]
    is_tracked = object_id in state.tracker.object_ids
    for correction in state.tracker.corrections(object_id) if is_tracked else ():
        known = _logit_of_signs(correction.signs)
        if not np.isnan(known):
            logits.append(known)
            is_wrong.append(correction.iou < GOOD_IOU)
    return Verdicts(np.array(logits, np.float64), np.array(is_wrong, bool))


def _logit_of_signs(signs: Signs) -> float:
    """Logit of the error probability of a mask whose neighbours in time are not known."""
    area = np.array([signs.area], np.float32)
    trace = replace(Trace.empty(1), area=area)
    known = (signs.predicted_iou, signs.agreement, signs.cell_overlap, signs.area)
    values = np.array([[np.nan if value is None else value] for value in known], np.float32)
    return float(error_logit(trace, TrackingScores(*values))[0])


def make_timeline(
    state: DocumentState, object_id: int, calibration: Calibration = UNCHANGED
) -> Timeline:
    """Compute the timeline of an object from masks, scores and measures."""
    length = len(state.labels)
    trace = state.measures.trace(object_id)
    states = FrameStates.of(state, object_id)
    has_mask, predicted_iou = trace.area > 0, states.predicted_iou
    is_fixed = states.is_prompted | states.is_locked
    is_lost = states.has_record & ~has_mask & ~is_fixed
    frames = np.flatnonzero(states.has_record).tolist()
    scored = tracking_scores(state.tracker, object_id, frames, length)
    chance, reasons = find_error_probability(trace, scored, is_fixed, calibration)
    is_marked = states.is_marked_wrong & has_mask
    chance[is_marked] = 1
    for t in np.flatnonzero(is_marked).tolist():
        reasons[t] = MARKED_REASON
    backward = checked_backward(state.tracker, object_id, frames, length)
    backward[~has_mask | is_fixed] = np.nan
    for t in np.flatnonzero(backward < LOWEST_BACKWARD_IOU).tolist():
        reasons[t] = reasons[t] or BACKWARD_REASON
    doubts = find_doubts(
        trace,
        predicted_iou,
        states.occlusion_score,
        is_fixed,
        is_lost,
        chance,
        backward,
        is_marked,
        states.is_reviewed,
    )
    quality = grade(trace, predicted_iou, is_fixed, doubts, chance)
    return Timeline(
        has_mask,
        states.is_prompted,
        states.is_locked,
        states.is_reviewed,
        is_lost,
        quality,
        doubts,
        chance,
        tuple(reasons),
        backward,
        measurements_of(trace),
        centre=trace.centre,
        is_unseen=states.is_unseen if states.is_unseen.any() else None,
    )


def tracking_scores(
    tracker: AnnotationTracker, object_id: int, frames: Iterable[int], length: int
) -> TrackingScores:
    """What tracking knows about the masks of an object on some of the T frames of the movie."""
    table = np.full((4, length), np.nan, np.float32)
    for t in frames:
        signs = tracker.signs(t, object_id)
        if signs is not None:
            known = (signs.predicted_iou, signs.agreement, signs.cell_overlap, signs.area)
            table[:, t] = [np.nan if value is None else value for value in known]
    return TrackingScores(*table)


def checked_backward(
    tracker: AnnotationTracker, object_id: int, frames: Iterable[int], length: int
) -> NDArray[np.float32]:
    """(T,) IoU with the masks of a backward check on some frames, NaN where there was none."""
    found = np.full(length, np.nan, np.float32)
    for t in frames:
        signs = tracker.signs(t, object_id)
        if signs is not None and signs.backward_iou is not None:
            found[t] = signs.backward_iou
    return found

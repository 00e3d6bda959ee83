"""Simulated user of an evaluation: clicks by the ground truth, and collects the scores."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_sam2 import arrays
from napari_sam2.evaluation.clicks import bounding_box, centre_click, corrective_click
from napari_sam2.evaluation.ground_truth import LabelledMovie, check_pair
from napari_sam2.evaluation.protocol_names import PromptKind
from napari_sam2.evaluation.results import MaskScore, Stopwatch
from napari_sam2.evaluation.vos import boundary_similarity, region_similarity
from napari_sam2.model import Sam2
from napari_sam2.tracking import FrameResult, Frames, Tracker
from napari_sam2.tracking.protocol import ObjectTracker

CACHE_BYTES = 1024**3  # features of a movie that is gone through again and again

Mask = NDArray[np.bool_]
Progress = Callable[[int, int], None]
Scores = dict[tuple[int, int], MaskScore]  # by frame and object


TrackerMaker = Callable[[Frames], ObjectTracker]
Model = Sam2 | TrackerMaker
MovieLike = Frames | arrays.ArrayLike


class SimulatedUser:
    """A tracker, the ground truth, and the prompts and scores so far.

    Parameters
    ----------
    model : Sam2 or callable
        A network, or a function that makes a tracker for `Frames`.
    movie : Frames or array_like
    truth : LabelledMovie
    prompt : PromptKind, optional
        Kind of the first prompts, to check that the ground truth allows it.

    Raises
    ------
    ValueError
        If movie and truth do not belong together, or the truth has no object. If it is markers,
        and the prompt is more than one click.
    """

    def __init__(
        self,
        model: Model,
        movie: MovieLike,
        truth: LabelledMovie,
        prompt: PromptKind | None = None,
    ) -> None:
        frames = movie if isinstance(movie, Frames) else Frames(movie)
        check_pair(frames.shape, truth)
        if truth.is_markers and prompt is not PromptKind.one_click:
            raise ValueError(
                f"{truth.name} holds markers, which show where objects are but not their shape: "
                "all that can be made from them is the protocol vos with 1-click, and score"
            )
        self.truth = truth
        self.object_ids = tuple(truth.frames_of)
        self.tracker: ObjectTracker
        if isinstance(model, Sam2):
            self.tracker = Tracker(model, frames, cache_bytes=CACHE_BYTES)
        else:
            self.tracker = model(frames)
        self.clicks: dict[tuple[int, int], int] = defaultdict(int)
        self.stopwatch = Stopwatch()

    def true_mask(self, t: int, object_id: int) -> Mask:
        """(Y, X) bool of an object on a frame; empty where it is not."""
        return next(self.truth.masks(t, [object_id]))[1]

    # -- prompts -------------------------------------------------------------------------------

    def prompt(self, t: int, object_id: int, kind: PromptKind) -> Mask:
        """Point an object out on a frame on which nothing is known of it; the mask that follows."""
        truth = self.true_mask(t, object_id)
        if kind.clicks:
            return self.click_first(t, object_id, truth, kind.clicks)[-1]
        with self.stopwatch.running(t, [object_id], is_step=False):
            if kind is PromptKind.box:
                return self.tracker.add_box(t, object_id, bounding_box(truth)).masks[0]
            return self.tracker.add_mask(t, object_id, truth).masks[0]

    def click_first(self, t: int, object_id: int, truth: Mask, count: int) -> list[Mask]:
        """Click the centre, then errors; the mask after each click.

        A mask without error is not clicked any more and stays as it is.
        """
        masks = [self._click(t, object_id, *centre_click(truth))]
        while len(masks) < count:
            masks.append(self.correct(t, object_id, truth, masks[-1], 1))
        return masks

    def correct(self, t: int, object_id: int, truth: Mask, mask: Mask, count: int) -> Mask:
        """Click the centre of the largest error, up to `count` times; the mask that follows."""
        for _ in range(count):
            click = corrective_click(truth, mask)
            if click is None:
                break
            mask = self._click(t, object_id, *click)
        return mask

    def correct_worst(self, object_id: int, scores: Scores, count: int) -> bool:
        """Correct an object on the worst frame that was not clicked yet.

        Parameters
        ----------
        object_id : int
        scores : dict of (int, int) to MaskScore
            Scores of tracked masks, by frame and object.
        count : int
            Most clicks on the frame.

        Returns
        -------
        bool
            Whether there was anything to correct.
        """
        open_frames = [
            (score.region, t)
            for (t, k), score in scores.items()
            if k == object_id and (t, k) not in self.clicks and score.region < 1
        ]
        if not open_frames:
            return False
        t = min(open_frames)[1]
        result = self.tracker.result(t, object_id)
        assert result is not None, "a frame with a score was tracked"
        self.correct(t, object_id, self.true_mask(t, object_id), result.masks[0], count)
        return True

    def _click(self, t: int, object_id: int, point: tuple[float, float], label: int) -> Mask:
        self.clicks[t, object_id] += 1
        with self.stopwatch.running(t, [object_id], is_step=False):
            return self.tracker.add_points(t, object_id, [point], [label]).masks[0]

    def clicks_of(self, object_id: int) -> list[int]:
        """Clicks on each prompted frame of an object, by frame."""
        return [n for (_, k), n in sorted(self.clicks.items()) if k == object_id]

    # -- tracking ------------------------------------------------------------------------------

    def track(self, start: int, stop: int, object_ids: Sequence[int]) -> Iterator[FrameResult]:
        """Carry objects forward through ``start <= t < stop``, with the time that it takes."""
        steps = self.tracker.propagate(start, stop, "forward", object_ids)
        while True:
            begin = time.perf_counter()
            result = next(steps, None)
            if result is None:
                return
            seconds = time.perf_counter() - begin
            self.stopwatch.add(result.t, result.object_ids, seconds, is_step=True)
            yield result

    # -- scores --------------------------------------------------------------------------------

    def counts(self, t: int, object_id: int) -> bool:
        """Whether a frame is labelled, and not before the object appears."""
        return t in self.truth.annotated and t >= self.truth.first_frame(object_id)

    def scores_of(self, result: FrameResult) -> Iterator[MaskScore]:
        """Scores of each object by itself, where its frame counts."""
        masks = dict(zip(result.object_ids, result.masks, strict=True))
        ids = [object_id for object_id in masks if self.counts(result.t, object_id)]
        for object_id, truth in self.truth.masks(result.t, ids):
            seen = self.truth.judged(result.t, masks[object_id])
            yield scored(result.t, object_id, truth, seen)


def scored(t: int, object_id: int, truth: Mask, mask: Mask) -> MaskScore:
    """J and F of one mask."""
    return MaskScore(t, object_id, region_similarity(truth, mask), boundary_similarity(truth, mask))

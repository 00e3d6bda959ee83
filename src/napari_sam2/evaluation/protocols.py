"""The protocols of the paper: single images, video objects, offline and online (§6, §F.1).

The truth plays the person: objects are prompted from it, and results are compared with it on the
frames that it labels, from the one on which an object appears. Nothing is left to chance.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from napari_sam2.evaluation.automatic import regions_by_frame, track_automatically
from napari_sam2.evaluation.ctc import CtcCounter
from napari_sam2.evaluation.detection import DetectionCounter
from napari_sam2.evaluation.effort import offline_seconds, online_seconds
from napari_sam2.evaluation.ground_truth import LabelledMovie, check_pair, count_frame
from napari_sam2.evaluation.protocol_names import Convention, PromptKind
from napari_sam2.evaluation.results import (
    NO_SHAPE,
    CurvePoint,
    Evaluation,
    MaskScore,
    Stopwatch,
    counted,
    movie_means,
)
from napari_sam2.evaluation.simulated_user import (
    Mask,
    Model,
    MovieLike,
    Progress,
    Scores,
    SimulatedUser,
    scored,
)
from napari_sam2.evaluation.vos import mean_of_defined, region_similarity
from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames

CLICKS_PER_FRAME = 3  # N_click of §6.1
MOST_FRAMES = 8  # N_frame of §6.1
PAUSE_BELOW_IOU = 0.75  # §F.1.2, "Online evaluation"
IMAGE_PROMPTS = (
    PromptKind.one_click,
    PromptKind.three_clicks,
    PromptKind.five_clicks,
    PromptKind.box,
)
ONE_FRAME = "it is on one labelled frame only: there is nothing to track"


def image(
    model: Model,
    movie: MovieLike,
    truth: LabelledMovie,
    prompt: PromptKind = PromptKind.one_click,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Outline every object on every labelled frame by itself, without tracking.

    Parameters
    ----------
    model : Sam2 or callable
        A network, or a function that makes a tracker for `Frames`.
    movie : Frames or array_like
        (T, Y, X) or another stack that `Frames` takes.
    truth : LabelledMovie
    prompt : PromptKind
        Whose figures the scores are; the mean IoU is of 1, 3, 5 clicks and a box in any case.
    on_progress : callable, optional
        Called with the number of frames done and of all frames.

    Returns
    -------
    Evaluation
        Means are over all masks. Clicks are those of the prompt.

    Raises
    ------
    ValueError
        If movie and truth do not belong together, or the prompt is a mask.

    Notes
    -----
    SAM 2 paper, §6.3.
    """
    if prompt is PromptKind.mask:
        raise ValueError("on single images a mask is the answer: prompt with clicks or a box")
    user = SimulatedUser(model, movie, truth)
    ious: dict[PromptKind, list[float]] = {kind: [] for kind in IMAGE_PROMPTS}
    scores, clicks = [], {}
    frames = [t for t in sorted(truth.annotated) if truth.ids_by_frame[t]]
    for done, t in enumerate(frames, start=1):
        for object_id in truth.ids_by_frame[t]:
            true_mask = user.true_mask(t, object_id)
            masks = _image_masks(user, t, object_id, true_mask)
            for kind, mask in masks.items():
                ious[kind].append(region_similarity(true_mask, mask))
            scores.append(scored(t, object_id, true_mask, masks[prompt]))
            clicks[t, object_id] = min(prompt.clicks, user.clicks[t, object_id])
        user.stopwatch.add(t, truth.ids_by_frame[t], 0.0, is_step=True)
        _tell(on_progress, done, len(frames))
    return Evaluation(
        "image",
        prompt,
        user.object_ids,
        tuple(scores),
        clicks,
        user.stopwatch,
        mean_iou={kind.value: mean_of_defined(values) for kind, values in ious.items()},
        pooled=True,
    )


def _image_masks(
    user: SimulatedUser, t: int, object_id: int, truth: Mask
) -> dict[PromptKind, Mask]:
    """Masks by prompt; nothing is left of them in the tracker."""
    after = user.click_first(t, object_id, truth, PromptKind.five_clicks.clicks)
    user.tracker.remove_object(object_id)
    masks = {kind: after[kind.clicks - 1] for kind in IMAGE_PROMPTS if kind.clicks}
    masks[PromptKind.box] = user.prompt(t, object_id, PromptKind.box)
    user.tracker.remove_object(object_id)
    return masks


def vos(
    model: Model,
    movie: MovieLike,
    truth: LabelledMovie,
    prompt: PromptKind = PromptKind.one_click,
    on_progress: Progress | None = None,
    convention: Convention = Convention.ours,
    per_object: bool = False,
) -> Evaluation:
    """Prompt each object on the frame on which it appears, then track it to the end.

    Parameters
    ----------
    model, movie, truth, on_progress
        As for `image`.
    prompt : PromptKind
        Kind of the first prompt of each object.
    convention : Convention
        Which frames count.
    per_object : bool
        Score each object's own mask, which may overlap with others.

    Returns
    -------
    Evaluation
        Unless `per_object`, scores are of the labels, in which masks do not overlap. The prompted
        frame is given and does not count; an object that is on no other frame has a score only if
        it is found on one.
        Where the truth is markers there are no scores, but DET and TRA.

    Raises
    ------
    ValueError
        If movie and truth do not belong together, or the truth is markers and the prompt is more
        than one click: where the next one would go is not known.

    Notes
    -----
    SAM 2 paper, §6.2 and §F.1.3.
    """
    user = SimulatedUser(model, movie, truth, prompt)
    firsts = {k: truth.first_frame(k) for k in user.object_ids}
    for object_id, t in firsts.items():
        user.prompt(t, object_id, prompt)
    counter = CtcCounter(truth_parents=truth.parents)
    scores: list[MaskScore] = []
    start, stop = min(firsts.values()), truth.shape[0]
    for result in user.track(start, stop, user.object_ids):
        t = result.t
        labels = user.tracker.labels(t)
        count_frame(counter, truth, t, labels)
        if t in truth.annotated and not truth.is_markers:
            later = [k for k, first in firsts.items() if first < t]
            if per_object:
                scores += [score for score in user.scores_of(result) if score.object_id in later]
            else:
                seen = truth.judged(t, labels)
                scores += [scored(t, k, mask, seen == k) for k, mask in truth.masks(t, later)]
        _tell(on_progress, t + 1 - start, stop - start)
    reasons = {k: ONE_FRAME for k, frames in truth.frames_of.items() if len(frames) == 1}
    if truth.is_markers:
        reasons = dict.fromkeys(user.object_ids, NO_SHAPE)
    return Evaluation(
        "vos",
        prompt,
        user.object_ids,
        counted(scores, convention, truth.annotated),
        dict(user.clicks),
        user.stopwatch,
        ctc=counter.scores(),
        reasons=reasons,
    )


def offline(
    model: Model,
    movie: MovieLike,
    truth: LabelledMovie,
    rounds: int = MOST_FRAMES,
    on_progress: Progress | None = None,
    convention: Convention = Convention.ours,
    clicks: int = CLICKS_PER_FRAME,
) -> Evaluation:
    """Track the whole movie again and again, each time with clicks on the worst frame.

    In the first round the frame is the one on which an object appears, in the others the one
    with the lowest IoU of those that were not clicked yet. An object without errors is left alone.

    Parameters
    ----------
    model, movie, truth, on_progress
        As for `image`.
    rounds : int
        N_frame, most frames to click for an object.
    convention : Convention
        Which frames count.
    clicks : int
        N_click, most clicks on a frame.

    Returns
    -------
    Evaluation
        Scores of the last round, each object by itself, and the curve over all rounds.

    Raises
    ------
    ValueError
        If movie and truth do not belong together, or there is no round.

    Notes
    -----
    SAM 2 paper, §6.1 and §F.1.2. Seconds of a person are those of the clicks that were made.
    """
    _check_rounds(rounds, clicks)
    user = SimulatedUser(model, movie, truth)
    firsts = {k: truth.first_frame(k) for k in user.object_ids}
    scores: Scores = {}
    curve: list[CurvePoint] = []
    for number in range(rounds):
        if number == 0:
            active = list(firsts)
            for object_id, t in firsts.items():
                user.click_first(t, object_id, user.true_mask(t, object_id), clicks)
        else:
            active = [k for k in firsts if user.correct_worst(k, scores, clicks)]
        start = min((firsts[k] for k in active), default=truth.shape[0])
        for result in user.track(start, truth.shape[0], active) if active else ():
            scores |= {(s.t, s.object_id): s for s in user.scores_of(result)}
            _tell(on_progress, number * truth.shape[0] + result.t + 1, rounds * truth.shape[0])
        seconds = [offline_seconds(truth.shape[0] - firsts[k], user.clicks_of(k)) for k in firsts]
        in_order = counted(_by_frame(scores), convention, truth.annotated)
        curve.append(_curve_point(user, number + 1, seconds, in_order))
    return _interactive("offline", user, in_order, curve, clicks)


def auto(
    model: Sam2 | None,
    movie: MovieLike,
    truth: LabelledMovie,
    look_every: int | None = None,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Find and track all objects; nothing is prompted.

    Parameters
    ----------
    model : Sam2 or None
        None for the classical baseline, which finds regions on each frame and links them.
    movie, truth, on_progress
        As for `image`.
    look_every : int, optional
        Frames from one search to the next; 0 to search the first frame only. Default: as `track`.

    Returns
    -------
    Evaluation
        DET, SEG and TRA, and F1 and AP of all labelled frames with shapes. There are no scores by
        object, since an object that was found has no name in the truth.

    Raises
    ------
    ValueError
        If movie and truth do not belong together.
    """
    frames = movie if isinstance(movie, Frames) else Frames(movie)
    check_pair(frames.shape, truth)
    stopwatch, detection = Stopwatch(), DetectionCounter()
    parents: dict[int, int] = {}
    start = time.perf_counter()
    if model is None:
        results: Iterable[tuple[int, Any]] = regions_by_frame(frames)
    else:
        found, parents = track_automatically(model, frames, look_every, on_progress)
        results = ((t, np.asarray(found[t])) for t in range(len(frames)))
    counter = CtcCounter(parents=parents, truth_parents=truth.parents)
    for t, labels in results:
        stopwatch.add(t, [], time.perf_counter() - start, is_step=True)
        count_frame(counter, truth, t, labels)
        if t in truth.annotated and not truth.is_markers:
            detection.add(truth.frame(t), truth.judged(t, labels))
        if model is None:
            _tell(on_progress, t + 1, truth.shape[0])
        start = time.perf_counter()
    return Evaluation(
        "auto",
        "",
        (),
        (),
        stopwatch=stopwatch,
        ctc=counter.scores(),
        detection=None if truth.is_markers else detection.scores(),
    )


def online(
    model: Model,
    movie: MovieLike,
    truth: LabelledMovie,
    rounds: int = MOST_FRAMES,
    on_progress: Progress | None = None,
    convention: Convention = Convention.ours,
    clicks: int = CLICKS_PER_FRAME,
) -> Evaluation:
    """Go through the movie once and click where an object is lost: where its IoU is below 0.75.

    Clicks change the frames after them, never those before.

    Parameters
    ----------
    model, movie, truth, on_progress
        As for `image`.
    rounds : int
        N_frame, most frames to click for an object.
    convention : Convention
        Which frames count.
    clicks : int
        N_click, most clicks on a frame.

    Returns
    -------
    Evaluation
        Scores with that many frames, each object by itself, and the curve over fewer.

    Raises
    ------
    ValueError
        If movie and truth do not belong together, or there is no round.

    Notes
    -----
    SAM 2 paper, §6.1 and §F.1.2. With one frame more to click, nothing changes up to the frame
    where the first click is now possible: each round continues there.
    """
    _check_rounds(rounds, clicks)
    user = SimulatedUser(model, movie, truth)
    firsts = {k: truth.first_frame(k) for k in user.object_ids}
    for object_id, t in firsts.items():
        user.click_first(t, object_id, user.true_mask(t, object_id), clicks)
    scores: Scores = {}
    curve: list[CurvePoint] = []
    waiting = dict(firsts)
    for number in range(1, rounds + 1):
        waiting = _go_on(user, waiting, clicks if number > 1 else 0, scores)
        seconds = [online_seconds(truth.shape[0] - firsts[k], user.clicks_of(k)) for k in firsts]
        in_order = counted(_by_frame(scores), convention, truth.annotated)
        curve.append(_curve_point(user, number, seconds, in_order))
        _tell(on_progress, number, rounds)
    return _interactive("online", user, in_order, curve, clicks)


def _go_on(
    user: SimulatedUser, starts: dict[int, int], clicks: int, scores: Scores
) -> dict[int, int]:
    """Click objects where they wait and follow them from there; where each is lost next."""
    lost: dict[int, int] = {}
    length = user.truth.shape[0]
    for t in range(min(starts.values(), default=length), length):
        if clicks:
            for object_id in [k for k, start in starts.items() if start == t]:
                _click_lost(user, t, object_id, scores, clicks)
        active = [k for k, start in starts.items() if start <= t]
        for result in user.track(t, t + 1, active):
            for score in user.scores_of(result):
                object_id = score.object_id
                scores[t, object_id] = score
                is_clicked = (t, object_id) in user.clicks
                if score.region < PAUSE_BELOW_IOU and not is_clicked:
                    lost.setdefault(object_id, t)
    return lost


def _click_lost(user: SimulatedUser, t: int, object_id: int, scores: Scores, clicks: int) -> None:
    result = user.tracker.result(t, object_id)
    assert result is not None, "an object waits where it was tracked to"
    truth = user.true_mask(t, object_id)
    mask = user.correct(t, object_id, truth, result.masks[0], clicks)
    scores[t, object_id] = scored(t, object_id, truth, mask)


def _check_rounds(rounds: int, clicks: int) -> None:
    if rounds < 1:
        raise ValueError(f"at least one frame must be clicked; got {rounds}")
    if clicks < 1:
        raise ValueError(f"at least one click on a frame is needed; got {clicks}")


def _by_frame(scores: Scores) -> list[MaskScore]:
    return [scores[key] for key in sorted(scores)]


def _curve_point(
    user: SimulatedUser, number: int, seconds: Sequence[float], scores: Sequence[MaskScore]
) -> CurvePoint:
    region, boundary = movie_means(scores)
    clicks = sum(user.clicks.values())
    return CurvePoint(number, clicks, mean_of_defined(seconds), region, boundary)


def _interactive(
    protocol: str,
    user: SimulatedUser,
    scores: tuple[MaskScore, ...],
    curve: list[CurvePoint],
    clicks: int,
) -> Evaluation:
    return Evaluation(
        protocol,
        f"{clicks}-click",
        user.object_ids,
        scores,
        dict(user.clicks),
        user.stopwatch,
        tuple(curve),
    )


def _tell(on_progress: Progress | None, done: int, total: int) -> None:
    if on_progress is not None:
        on_progress(done, total)

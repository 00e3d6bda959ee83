"""Results of an evaluation: scores by object and frame, and their means."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.integrate import trapezoid

from napari_sam2.evaluation.ctc import CtcScores
from napari_sam2.evaluation.detection import DetectionScores
from napari_sam2.evaluation.protocol_names import Convention
from napari_sam2.evaluation.vos import decay, j_and_f, mean_of_defined, recall

UNDEFINED = float("nan")
NO_SHAPE = "the truth shows where it is, but not its shape"
NOWHERE = "on no frame that counts is it in the truth or in the labels"


@dataclass(frozen=True)
class MaskScore:
    """Scores of one object on one frame.

    Attributes
    ----------
    t, object_id : int
        Frame and id in the truth.
    region, boundary : float
        J and F, 0 to 1; NaN where the object is in neither.
    """

    t: int
    object_id: int
    region: float
    boundary: float


@dataclass(frozen=True)
class Stability:
    """Recall and decay, as in DAVIS; NaN where they are not defined.

    Attributes
    ----------
    region_recall, boundary_recall : float
        Share of frames with J or F above 0.5.
    region_decay, boundary_decay : float
        Mean of the first quarter of the frames minus mean of the last quarter.
    """

    region_recall: float = UNDEFINED
    region_decay: float = UNDEFINED
    boundary_recall: float = UNDEFINED
    boundary_decay: float = UNDEFINED


@dataclass(frozen=True)
class Figures:
    """Means of a movie, an object or a frame.

    Attributes
    ----------
    region, boundary : float
        J and F; NaN where nothing counts.
    clicks : int
        Clicks given.
    seconds_per_frame : float
        Of computing; NaN where nothing was computed.
    reason : str
        Why J and F are NaN; else empty.
    stability : Stability, optional
        Recall and decay of a movie or an object; a frame has none.
    """

    region: float
    boundary: float
    clicks: int = 0
    seconds_per_frame: float = UNDEFINED
    reason: str = ""
    stability: Stability | None = None

    @property
    def j_and_f(self) -> float:
        """J&F."""
        return j_and_f(self.region, self.boundary)


@dataclass(frozen=True)
class CurvePoint:
    """Mean score after some frames were annotated.

    Attributes
    ----------
    prompted_frames : int
        N_frame, the most frames that were clicked for an object.
    clicks : int
        Of all objects.
    annotation_seconds : float
        Of a person, for one object on average.
    region, boundary : float
        J and F.
    """

    prompted_frames: int
    clicks: int
    annotation_seconds: float
    region: float
    boundary: float

    @property
    def j_and_f(self) -> float:
        """J&F."""
        return j_and_f(self.region, self.boundary)


def area_under_curve(curve: Sequence[CurvePoint]) -> float:
    """Area under J&F over annotation time, divided by the time of the last point.

    Parameters
    ----------
    curve : sequence of CurvePoint
        By ascending time.

    Returns
    -------
    float
        0 to 1; NaN without a point. The curve starts with 0 at 0 s and is straight between points.
    """
    seconds, quality = _curve_line(curve)
    return float(trapezoid(quality, seconds) / seconds[-1]) if len(curve) else UNDEFINED


def quality_at(curve: Sequence[CurvePoint], seconds: float) -> float:
    """J&F after some seconds of annotation, on the line of `area_under_curve`.

    Parameters
    ----------
    curve : sequence of CurvePoint
        By ascending time.
    seconds : float
        Of a person. After the last point its J&F stays.
    """
    return float(np.interp(seconds, *_curve_line(curve))) if len(curve) else UNDEFINED


def _curve_line(curve: Sequence[CurvePoint]) -> tuple[list[float], list[float]]:
    """Seconds and J&F of the points, from the origin on."""
    seconds = [0.0, *(point.annotation_seconds for point in curve)]
    return seconds, [0.0, *(point.j_and_f for point in curve)]


class Stopwatch:
    """Seconds of computing by frame and by object; objects of one batch share them alike."""

    def __init__(self) -> None:
        self.seconds_of_frame: dict[int, float] = defaultdict(float)
        self.steps_of_frame: dict[int, int] = defaultdict(int)
        self.seconds_of_object: dict[int, float] = defaultdict(float)
        self.steps_of_object: dict[int, int] = defaultdict(int)

    @contextmanager
    def running(self, t: int, object_ids: Sequence[int], *, is_step: bool) -> Iterator[None]:
        """Measure the body.

        Parameters
        ----------
        t : int
            Frame.
        object_ids : sequence of int
            Objects that are computed.
        is_step : bool
            Whether it counts as another frame, or is more work on one.
        """
        start = time.perf_counter()
        yield
        self.add(t, object_ids, time.perf_counter() - start, is_step=is_step)

    def add(self, t: int, object_ids: Sequence[int], seconds: float, *, is_step: bool) -> None:
        """Count seconds that were measured elsewhere."""
        self.seconds_of_frame[t] += seconds
        self.steps_of_frame[t] += is_step
        for object_id in object_ids:
            self.seconds_of_object[object_id] += seconds / len(object_ids)
            self.steps_of_object[object_id] += is_step

    def per_frame(self) -> float:
        """Seconds of a frame on average."""
        return _rate(sum(self.seconds_of_frame.values()), sum(self.steps_of_frame.values()))

    def of_frame(self, t: int) -> float:
        """Seconds of one frame."""
        return _rate(self.seconds_of_frame.get(t, 0.0), self.steps_of_frame.get(t, 0))

    def of_object(self, object_id: int) -> float:
        """Seconds of a frame for the part of one object."""
        return _rate(
            self.seconds_of_object.get(object_id, 0.0), self.steps_of_object.get(object_id, 0)
        )


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All figures of one run of a protocol.

    Attributes
    ----------
    protocol, prompt : str
        Protocol; `prompt` is empty where the protocol has no choice of prompts.
    object_ids : tuple of int
        Objects of the truth.
    scores : tuple of MaskScore
        One for each object and frame that count.
    clicks : mapping of (int, int) to int
        By frame and object.
    stopwatch : Stopwatch
    curve : tuple of CurvePoint
        Of the interactive protocols.
    mean_iou : mapping of str to float
        Of the image protocol, by prompt.
    ctc : CtcScores, optional
        Where labels of whole frames come out.
    detection : DetectionScores, optional
        Where objects are found without prompts.
    reasons : mapping of int to str
        Why an object has no score.
    pooled : bool
        Whether the mean is over all masks, as for images, and not over the means of objects.
    """

    protocol: str
    prompt: str
    object_ids: tuple[int, ...]
    scores: tuple[MaskScore, ...]
    clicks: Mapping[tuple[int, int], int] = field(default_factory=dict)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    curve: tuple[CurvePoint, ...] = ()
    mean_iou: Mapping[str, float] = field(default_factory=dict)
    ctc: CtcScores | None = None
    detection: DetectionScores | None = None
    reasons: Mapping[int, str] = field(default_factory=dict)
    pooled: bool = False

    def summary(self) -> Figures:
        """Scores of the movie: means over objects of the means over their frames."""
        region, boundary = movie_means(self.scores, pooled=self.pooled)
        return Figures(
            region,
            boundary,
            sum(self.clicks.values()),
            self.stopwatch.per_frame(),
            "" if region == region else "no object has a frame that counts",
            movie_stability(self.scores, pooled=self.pooled),
        )

    def by_object(self) -> dict[int, Figures]:
        """Scores of each object: means over its frames."""
        scores = _grouped(self.scores, lambda score: score.object_id)
        clicks = _summed((object_id, n) for (_, object_id), n in self.clicks.items())
        return {
            object_id: Figures(
                *_means(scores.get(object_id, [])),
                clicks.get(object_id, 0),
                self.stopwatch.of_object(object_id),
                "" if _counts(scores.get(object_id, [])) else self.reasons.get(object_id, NOWHERE),
                _stability(scores.get(object_id, [])),
            )
            for object_id in self.object_ids
        }

    def by_frame(self) -> dict[int, Figures]:
        """Scores of each frame that counts or was computed: means over its objects."""
        scores = _grouped(self.scores, lambda score: score.t)
        clicks = _summed((t, n) for (t, _), n in self.clicks.items())
        frames = sorted({*scores, *clicks, *self.stopwatch.steps_of_frame})
        return {
            t: Figures(
                *_means(scores.get(t, [])),
                clicks.get(t, 0),
                self.stopwatch.of_frame(t),
                "" if _counts(scores.get(t, [])) else "no object counts on this frame",
            )
            for t in frames
        }


def movie_means(scores: Iterable[MaskScore], *, pooled: bool = False) -> tuple[float, float]:
    """J and F of a movie: means over objects of the means over their frames.

    Parameters
    ----------
    scores : iterable of MaskScore
    pooled : bool
        Take the mean over all masks at once.
    """
    if pooled:
        return _means(list(scores))
    means = [_means(group) for group in _grouped(scores, lambda s: s.object_id).values()]
    return mean_of_defined(j for j, _ in means), mean_of_defined(f for _, f in means)


def movie_stability(scores: Iterable[MaskScore], *, pooled: bool = False) -> Stability:
    """Recall and decay of a movie: means over its objects.

    Parameters
    ----------
    scores : iterable of MaskScore
    pooled : bool
        Take the recall of all masks at once; single images have no decay.
    """
    if pooled:
        found = _stability(list(scores))
        return replace(found, region_decay=UNDEFINED, boundary_decay=UNDEFINED)
    return mean_stability(map(_stability, _grouped(scores, lambda s: s.object_id).values()))


def mean_stability(parts: Iterable[Stability]) -> Stability:
    """Means over objects, of each figure where it is defined."""
    rows = list(parts)
    return Stability(
        mean_of_defined(row.region_recall for row in rows),
        mean_of_defined(row.region_decay for row in rows),
        mean_of_defined(row.boundary_recall for row in rows),
        mean_of_defined(row.boundary_decay for row in rows),
    )


def _stability(scores: Sequence[MaskScore]) -> Stability:
    in_order = sorted(scores, key=lambda score: score.t)
    region = [score.region for score in in_order]
    boundary = [score.boundary for score in in_order]
    return Stability(recall(region), decay(region), recall(boundary), decay(boundary))


def counted(
    scores: Iterable[MaskScore], convention: Convention, annotated: Collection[int]
) -> tuple[MaskScore, ...]:
    """The scores that count by a convention.

    Parameters
    ----------
    scores : iterable of MaskScore
        NaN where both masks are empty.
    convention : Convention
        `ours` leaves the scores as they are. `davis` leaves out the first and the last labelled
        frame, and counts 1 where both masks are empty.
    annotated : collection of int
        Labelled frames of the movie.
    """
    if convention is Convention.ours or not annotated:
        return tuple(scores)
    ends = {min(annotated), max(annotated)}
    return tuple(
        score if score.region == score.region else replace(score, region=1.0, boundary=1.0)
        for score in scores
        if score.t not in ends
    )


def _means(scores: Sequence[MaskScore]) -> tuple[float, float]:
    return (
        mean_of_defined(score.region for score in scores),
        mean_of_defined(score.boundary for score in scores),
    )


def _counts(scores: Sequence[MaskScore]) -> bool:
    return any(score.region == score.region for score in scores)


def _grouped(
    scores: Iterable[MaskScore], key: Callable[[MaskScore], int]
) -> dict[int, list[MaskScore]]:
    groups: dict[int, list[MaskScore]] = {}
    for score in scores:
        groups.setdefault(key(score), []).append(score)
    return groups


def _summed(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    totals: dict[int, int] = defaultdict(int)
    for key, count in pairs:
        totals[key] += count
    return dict(totals)


def _rate(seconds: float, steps: int) -> float:
    return seconds / steps if steps else UNDEFINED

"""Error probability: the chance that a tracked mask is wrong.

A mask counts as wrong if its IoU with the true mask is below 0.75. A logistic regression weighs a
few kinds of evidence of each mask, and a chain over the frames takes into account that errors last
(`ErrorChain`). The weights were fitted by ``docs/scripts/doubts.py`` on tracked movies with true
masks, and are stored as plain numbers in ``error_model.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from napari_sam2.annotation.calibration import Calibration
from napari_sam2.annotation.error_chain import ErrorChain
from napari_sam2.annotation.measures import Trace

UNCHANGED = Calibration()
NEAR = 2  # frames before and after that count as near
FloatArray = NDArray[np.float64]

REASONS = {
    "cell_overlap": "the outline does not fit the cell that the network sees there",
    "agreement": "the guesses of the network differ",
    "predicted_iou": "the network expects a poor outline",
    "overlap": "the mask changes more than usual from frame to frame",
    "claimed": "other cells claim a part of the mask",
    "second_piece": "the mask is in two pieces",
    "solidity": "the outline has dents or arms",
    "size_change": "the mask is much larger or smaller than the one that you prompted",
}
"""Words for each kind of evidence, without the suffix ``_all``."""
NEIGHBOURS = "the masks on the frames around it are likely wrong"


@dataclass(frozen=True, eq=False)
class TrackingScores:
    """Scores of the tracked masks of one object on each of T frames, NaN where unknown.

    Attributes
    ----------
    predicted_iou : (T,) float32
        IoU that the network expects.
    agreement : (T,) float32
        Mean IoU of the network's guesses with the mask.
    cell_overlap : (T,) float32
        IoU with the cell that the cell U-Net sees there, or the cell head of networks without one.
    drawn_area : (T,) float32
        Pixels of the mask before other objects took some of them.
    """

    predicted_iou: NDArray[np.float32]
    agreement: NDArray[np.float32]
    cell_overlap: NDArray[np.float32]
    drawn_area: NDArray[np.float32]

    @classmethod
    def unknown(cls, length: int) -> TrackingScores:
        """Scores of an object that was never tracked."""
        return cls(*np.full((4, length), np.nan, np.float32))


@dataclass(frozen=True, eq=False)
class Regression:
    """A logistic regression on F kinds of evidence.

    Attributes
    ----------
    features : tuple of str
        Names of the evidence.
    low, high : (F,) float64
        Limits to which evidence is clipped.
    middle, scale : (F,) float64
        Evidence is shifted and divided by these.
    weight : (F,) float64
    intercept : float
    """

    features: tuple[str, ...]
    low: FloatArray
    high: FloatArray
    middle: FloatArray
    scale: FloatArray
    weight: FloatArray
    intercept: float

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, Any]) -> Regression:
        """Read the numbers of one entry of ``error_model.json``."""
        arrays = {
            name: np.array(numbers[name], np.float64)
            for name in ("low", "high", "middle", "scale", "weight")
        }
        return cls(tuple(numbers["features"]), intercept=float(numbers["intercept"]), **arrays)

    def contributions(self, evidence: Mapping[str, FloatArray]) -> FloatArray:
        """(T, F) what each kind of evidence adds to the logit; unknown evidence adds nothing."""
        values = np.stack([evidence[name] for name in self.features], axis=1)
        clipped = np.clip(values, self.low, self.high)
        shares: FloatArray = np.nan_to_num((clipped - self.middle) / self.scale) * self.weight
        return shares

    def logit(self, contributions: FloatArray) -> FloatArray:
        """(T,) logit of the error probability of each mask alone."""
        found: FloatArray = contributions.sum(axis=1) + self.intercept
        return found


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """The numbers of ``error_model.json``.

    Attributes
    ----------
    threshold : float
        From this probability on, a mask is doubtful.
    with_head, without_head : Regression
        For networks with and without a part that sees cells without a prompt.
    chain : ErrorChain
        How long errors last.
    """

    threshold: float
    with_head: Regression
    without_head: Regression
    chain: ErrorChain


@cache
def error_model() -> ErrorModel:
    """The fitted model that is part of the package."""
    text = files("napari_sam2.annotation").joinpath("error_model.json").read_text("utf-8")
    numbers = json.loads(text)
    return ErrorModel(
        numbers["threshold"],
        Regression.from_numbers(numbers["with_head"]),
        Regression.from_numbers(numbers["without_head"]),
        ErrorChain(**numbers["chain"]),
    )


def kind_of(evidence: str) -> str:
    """The kind of an evidence: its name without the suffix ``_all``."""
    return evidence.removesuffix("_all")


def gather_evidence(
    trace: Trace, scores: TrackingScores, is_fixed: NDArray[np.bool_] | None = None
) -> dict[str, FloatArray]:
    """Evidence for errors of one object, each (T,) float64, NaN where unknown.

    Where the outline of an object hardly ever fits the cell that the network sees, it seldom fits
    on a frame that looks better. The same holds for an outline with dents. Both are therefore also
    taken as their median over all frames.

    Parameters
    ----------
    trace : Trace
        Areas, places and overlaps of the masks.
    scores : TrackingScores
        What is known from tracking.
    is_fixed : (T,) bool, optional
        Where a person prompted or locked the mask. Default: unknown.
    """
    area = np.where(trace.area > 0, trace.area, np.nan).astype(np.float64)
    before = np.concatenate([[np.nan], area[:-1]])[: len(area)]
    overlap = trace.shared_1 / (area + before - trace.shared_1)
    evidence = {
        "cell_overlap": scores.cell_overlap.astype(np.float64),
        "agreement": scores.agreement.astype(np.float64),
        "predicted_iou": scores.predicted_iou.astype(np.float64),
        "overlap": overlap,
        "claimed": 1 - area / np.maximum(scores.drawn_area, area),
        "second_piece": trace.second_piece / area,
        "solidity": area / np.where(trace.hull_area > 0, trace.hull_area, np.nan),
        "size_change": _size_change(area, is_fixed),
    }
    seen = evidence["cell_overlap"]  # the network is not asked on every frame
    evidence["cell_overlap"] = np.where(np.isnan(seen), _median_of_near(seen), seen)
    evidence["cell_overlap_all"] = _median_of_all(seen)
    evidence["solidity_all"] = _median_of_all(evidence["solidity"])
    return evidence


def _size_change(area: FloatArray, is_fixed: NDArray[np.bool_] | None) -> FloatArray:
    """(T,) factors of e between an area and that on the nearest frame that a person prompted."""
    known = np.flatnonzero(~np.isnan(area) & (False if is_fixed is None else is_fixed))
    if not len(known):
        return np.full(len(area), np.nan)
    frames = np.arange(len(area))
    nearest = known[np.abs(frames[:, None] - known).argmin(axis=1)]
    change: FloatArray = np.abs(np.log(area / area[nearest]))
    return change


def error_logit(
    trace: Trace, scores: TrackingScores, is_fixed: NDArray[np.bool_] | None = None
) -> FloatArray:
    """(T,) logit of the error probability without a calibration, NaN where it is unknown.

    Parameters
    ----------
    trace, scores, is_fixed
        As for `gather_evidence`.
    """
    return _judge(trace, scores, is_fixed)[0]


def find_error_probability(
    trace: Trace,
    scores: TrackingScores,
    is_fixed: NDArray[np.bool_],
    calibration: Calibration = UNCHANGED,
) -> tuple[NDArray[np.float32], list[str]]:
    """Probability that each mask of an object is wrong, and the main reason in words.

    Parameters
    ----------
    trace : Trace
        Areas, places and overlaps of the masks.
    scores : TrackingScores
        What is known from tracking.
    is_fixed : (T,) bool
        Where a person prompted or locked the mask. The probability is 0 there.
    calibration : Calibration
        From the verdicts of a person on masks of the same movie.

    Returns
    -------
    (T,) float32
        0 to 1; NaN where there is no mask, or a mask of which tracking left no scores.
    list of str
        T reasons, each the strongest evidence for an error; empty where there is none.
    """
    logit, reasons = _judge(trace, scores, is_fixed)
    probability = expit(calibration.corrected(logit)).astype(np.float32)
    probability[(trace.area > 0) & is_fixed] = 0
    is_doubted = probability >= error_model().threshold
    return probability, [reasons[t] if is_doubted[t] else "" for t in range(len(reasons))]


def _judge(
    trace: Trace, scores: TrackingScores, is_fixed: NDArray[np.bool_] | None
) -> tuple[FloatArray, list[str]]:
    """(T,) logit of the error probability, and T reasons, the strongest evidence for an error."""
    length = len(trace.area)
    is_judged = (trace.area > 0) & ~np.isnan(scores.agreement)
    if is_fixed is not None:
        is_judged &= ~is_fixed
    if not is_judged.any():
        return np.full(length, np.nan), [""] * length
    evidence, model = gather_evidence(trace, scores, is_fixed), error_model()
    has_head = not np.isnan(evidence["cell_overlap_all"]).all()
    regression = model.with_head if has_head else model.without_head
    shares = regression.contributions(evidence)
    single = np.where(is_judged, regression.logit(shares), np.nan)
    logit = np.where(is_judged, model.chain.smoothed(single), np.nan)
    words = [REASONS[kind_of(name)] for name in regression.features]
    strongest = shares.argmax(axis=1).tolist()
    has_own = shares.max(axis=1) > 0
    return logit, [words[strongest[t]] if has_own[t] else NEIGHBOURS for t in range(length)]


def known_value(probability: float) -> float | None:
    """A probability as a table shows it: None where it is unknown."""
    return None if np.isnan(probability) else float(probability)


def starts_of_stretches(is_wrong: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(T,) whether a frame is the first one of a stretch of wrong frames."""
    before = np.concatenate([[False], is_wrong[:-1]])[: len(is_wrong)]
    return np.asarray(is_wrong & ~before)


def sum_of_stretches(values: NDArray[np.float32], is_in: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(T,) sum of the values of each stretch on its first frame, 0 on other frames."""
    starts = starts_of_stretches(is_in)
    number = np.cumsum(starts)
    sums = np.bincount(number[is_in], weights=values[is_in], minlength=int(starts.sum()) + 1)
    return np.where(starts, sums[number], 0).astype(np.float32)


def _median_of_all(values: FloatArray) -> FloatArray:
    """(T,) median of the known values of all frames, NaN where none is known."""
    known = values[~np.isnan(values)]
    return np.full(len(values), np.median(known) if len(known) else np.nan)


def _median_of_near(values: FloatArray) -> FloatArray:
    """(T,) median of the known values of near frames."""
    padded = np.pad(values, NEAR, constant_values=np.nan)
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(padded, 2 * NEAR + 1), axis=1)
    known = (~np.isnan(ordered)).sum(axis=1)  # NaN is sorted to the end
    rows = np.arange(len(values))
    low, high = ordered[rows, np.maximum(known - 1, 0) // 2], ordered[rows, known // 2]
    high = np.where(known % 2 == 1, low, high)
    return np.asarray((low + high) / 2)

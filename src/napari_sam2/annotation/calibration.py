"""Calibration: error probabilities of one movie, corrected by what a person found there.

The order of the error probabilities is good in most movies, but their level differs from movie to
movie. A mask that a person reviewed and left as it is was right; a mask that a prompt changed to
less than an IoU of 0.75 was wrong. Two numbers, a shift and a slope of the logit (Platt scaling),
are fitted to these verdicts. A prior holds them near 0 and 1, so that a few verdicts change little.
Everything is derived from the state of the annotation, nothing is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

FloatArray = NDArray[np.float64]

GOOD_IOU = 0.75  # with the mask after the correction: below it the mask was wrong
SHIFT_SPREAD, SLOPE_SPREAD = 0.5, 0.25  # standard deviations of the prior
MOST_OF_ONE = 10.0  # weight of all verdicts on one object: its masks resemble each other
STEP = 0.05  # of both numbers, so that not every verdict computes all timelines again
LEAST_SLOPE = 0.25  # the order of the masks never turns round


@dataclass(frozen=True)
class Calibration:
    """How the logit of an error probability is corrected.

    Attributes
    ----------
    shift : float
        Added to the logit.
    slope : float
        Factor of the logit.
    """

    shift: float = 0.0
    slope: float = 1.0

    def corrected(self, logit: FloatArray) -> FloatArray:
        """(T,) corrected logits."""
        return logit if self == Calibration() else self.slope * logit + self.shift


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What a person found about N tracked masks of one object.

    Attributes
    ----------
    logit : (N,) float64
        Logit of the error probability without a correction.
    is_wrong : (N,) bool
        Whether the mask was wrong.
    """

    logit: FloatArray
    is_wrong: NDArray[np.bool_]


def fit_calibration(verdicts: Sequence[Verdicts]) -> Calibration:
    """The calibration that fits verdicts best, rounded to steps of 0.05.

    Parameters
    ----------
    verdicts : sequence of Verdicts
        One for each object.
    """
    given = [one for one in verdicts if len(one.logit)]
    if not given:
        return Calibration()
    logit = np.concatenate([one.logit for one in given])
    is_wrong = np.concatenate([one.is_wrong for one in given])
    weight = np.concatenate(
        [np.full(len(one.logit), min(1.0, MOST_OF_ONE / len(one.logit))) for one in given]
    )

    def loss(numbers: FloatArray) -> tuple[float, FloatArray]:
        shift, slope = numbers
        found = slope * logit + shift
        misfit = np.logaddexp(0, np.where(is_wrong, -found, found))
        prior = (shift / SHIFT_SPREAD) ** 2 / 2 + ((slope - 1) / SLOPE_SPREAD) ** 2 / 2
        pull = weight * (expit(found) - is_wrong)
        gradient = [
            pull.sum() + shift / SHIFT_SPREAD**2,
            (pull * logit).sum() + (slope - 1) / SLOPE_SPREAD**2,
        ]
        return float((weight * misfit).sum() + prior), np.array(gradient)

    bounds = [(None, None), (LEAST_SLOPE, None)]
    from scipy.optimize import minimize  # slow to import, and seldom needed

    found = minimize(loss, np.array([0.0, 1.0]), jac=True, bounds=bounds, method="L-BFGS-B")
    shift, slope = (round(round(float(value) / STEP) * STEP, 2) for value in found.x)
    return Calibration(shift, slope)

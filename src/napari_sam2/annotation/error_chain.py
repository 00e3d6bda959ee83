"""Errors last: the masks before and after a mask tell how likely it is wrong.

The masks of an object are the frames of a hidden Markov model with two states, right and wrong
(Rabiner, A tutorial on hidden Markov models, 1989). The forward-backward algorithm turns the
evidence of single masks into chances that take all masks of the object into account.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

FloatArray = NDArray[np.float64]

LIMIT = 30.0  # of the logits, so that no exponential overflows


@dataclass(frozen=True)
class ErrorChain:
    """A chain of masks of which each is right or wrong.

    Attributes
    ----------
    share : float
        Chance that a mask of which nothing is known is wrong, more than 0 and less than 1.
    persistence : float
        Correlation of the states of two masks on consecutive frames, 0 to 1.
    """

    share: float
    persistence: float

    def smoothed(self, single: FloatArray) -> FloatArray:
        """Logits of the chance that masks are wrong, given the evidence of all masks.

        Parameters
        ----------
        single : (T,) float64
            Logits of this chance, given the evidence of each mask alone, in the order of frames;
            NaN where nothing is known.

        Returns
        -------
        (T,) float64
            Finite on all frames.
        """
        base = float(logit(self.share))
        evidence = np.clip(np.nan_to_num(single - base), -LIMIT, LIMIT)
        from_before = self._predicted(evidence.tolist())
        from_after = self._predicted(evidence[::-1].tolist())[::-1]
        # The chain is the same in both directions, and both predictions contain the share.
        return np.asarray(from_before + evidence + from_after - base)

    def _predicted(self, evidence: Iterable[float]) -> FloatArray:
        """(T,) logits of the chance that each mask is wrong, given the masks before it alone."""
        chance, predicted = self.share, []
        for added in evidence:
            expected = self.share + self.persistence * (chance - self.share)
            predicted.append(expected)
            odds = expected / (1 - expected) * exp(added)
            chance = odds / (1 + odds)
        found: FloatArray = logit(np.array(predicted, np.float64))
        return found

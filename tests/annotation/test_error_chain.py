"""The chain gives the exact chance of an error, given the evidence of all masks."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from scipy.special import expit, logit

from napari_sam2.annotation.error_chain import ErrorChain


def exact_chances(chain: ErrorChain, single: np.ndarray) -> np.ndarray:
    """(T,) chances that masks are wrong, summed over all sequences of right and wrong."""
    base = logit(chain.share)
    likelihood = np.exp(np.nan_to_num(single - base))
    stays = chain.persistence + (1 - chain.persistence) * np.array([1 - chain.share, chain.share])
    total, wrong = 0.0, np.zeros(len(single))
    for states in product((0, 1), repeat=len(single)):
        weight = (1 - chain.share, chain.share)[states[0]]
        for before, after in pairwise(states):
            weight *= stays[after] if before == after else 1 - stays[before]
        weight *= np.prod(likelihood ** np.array(states))
        total += weight
        wrong += weight * np.array(states)
    return wrong / total


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("persistence", [0.0, 0.55, 0.95])
def test_chances_are_those_of_all_sequences(share: float, persistence: float) -> None:
    chain = ErrorChain(share, persistence)
    single = np.array([-2.0, 3.0, np.nan, 0.5, -1.0, np.nan, np.nan, 2.5])
    found = expit(chain.smoothed(single))
    np.testing.assert_allclose(found, exact_chances(chain, single), rtol=1e-9)


def test_without_persistence_each_mask_speaks_for_itself() -> None:
    single = np.array([-3.0, 0.0, 4.0])
    np.testing.assert_allclose(ErrorChain(0.3, 0.0).smoothed(single), single, atol=1e-12)


def test_a_mask_between_wrong_ones_is_likelier_wrong_than_one_between_right_ones() -> None:
    chain = ErrorChain(0.3, 0.55)
    among_wrong = chain.smoothed(np.array([3.0, 3.0, -0.8, 3.0, 3.0]))
    among_right = chain.smoothed(np.array([-3.0, -3.0, -0.8, -3.0, -3.0]))
    assert among_wrong[2] > 0 > among_right[2]


def test_a_movie_in_which_nothing_is_known_has_the_usual_share() -> None:
    chain = ErrorChain(0.3, 0.55)
    np.testing.assert_allclose(expit(chain.smoothed(np.full(5, np.nan))), 0.3)
    assert len(chain.smoothed(np.empty(0))) == 0


def test_extreme_evidence_gives_finite_logits() -> None:
    found = ErrorChain(0.3, 0.99).smoothed(np.array([1e9, -1e9, np.inf, -np.inf]))
    assert np.isfinite(found).all()

"""Soups: averages of networks that were tuned to different domains from the same start.

Notes
-----
Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves
accuracy without increasing inference time". The SAM 2 paper does not do this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

StateDict = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Soup:
    """An average of networks.

    Attributes
    ----------
    weights : dict of str to Tensor
        Mean of the state dicts of the ingredients.
    ingredients : tuple of str
        Names of the networks in the mean, in the order in which they were added.
    score : float
        Score of the mean.
    """

    weights: StateDict
    ingredients: tuple[str, ...]
    score: float


def average_weights(
    states: Sequence[Mapping[str, Tensor]], shares: Sequence[float] | None = None
) -> StateDict:
    """Weighted mean of the weights of several networks of one architecture.

    Parameters
    ----------
    states : sequence of dict of str to Tensor
        State dicts with the same names and shapes.
    shares : sequence of float, optional
        Share of each network in the mean; they are divided by their sum. Equal by default.

    Returns
    -------
    dict of str to Tensor
        Each in the dtype of the first state dict; the mean itself is taken in float32.

    Raises
    ------
    ValueError
        If there is no network, names or shapes differ, or the shares do not fit.
    """
    if not states:
        raise ValueError("a soup needs at least one network")
    shares = [1.0] * len(states) if shares is None else list(shares)
    if len(shares) != len(states) or min(shares) < 0 or sum(shares) <= 0:
        raise ValueError(
            f"expected a share of at least 0 for each of {len(states)} networks; got {shares}"
        )
    first = states[0]
    for state in states[1:]:
        if {k: v.shape for k, v in state.items()} != {k: v.shape for k, v in first.items()}:
            raise ValueError("networks of different architectures cannot be averaged")
    whole = sum(shares)
    return {
        name: sum(
            (
                state[name].float() * (share / whole)
                for state, share in zip(states, shares, strict=True)
            ),
            torch.zeros_like(value, dtype=torch.float32),
        ).to(value.dtype)
        for name, value in first.items()
    }


def greedy_soup(
    networks: Mapping[str, Mapping[str, Tensor]], score: Callable[[StateDict], float]
) -> Soup:
    """Add networks to the mean, best first, each only where the mean gets better by it.

    Parameters
    ----------
    networks : mapping of str to state dict
        Candidates by name.
    score : callable
        Takes a state dict and returns a number that is higher for better networks, measured on
        images that none of the networks was trained on.

    Returns
    -------
    Soup
        At least as good as the best single network by the same score.

    Raises
    ------
    ValueError
        If there is no network.
    """
    if not networks:
        raise ValueError("a soup needs at least one network")
    alone = {name: score(dict(state)) for name, state in networks.items()}
    order = sorted(alone, key=lambda name: -alone[name])
    soup = Soup(dict(networks[order[0]]), (order[0],), alone[order[0]])
    for name in order[1:]:
        chosen = (*soup.ingredients, name)
        mean = average_weights([networks[part] for part in chosen])
        value = score(mean)
        if value >= soup.score:
            soup = Soup(mean, chosen, value)
    return soup

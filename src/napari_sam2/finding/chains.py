"""Chains: proposals of several frames that show the same cell, which is offered once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from napari_sam2.finding.proposals import Proposal

MOST_MISSED = 3  # searches in a row that may overlook a cell, which is then still the same one
FAR = 1e6  # stands for a distance beyond a diameter, in diameters


@dataclass(eq=False)
class Chain:
    """One cell, as the searched frames show it.

    Attributes
    ----------
    seen : dict of int to Proposal
        The proposal of the cell on each frame on which it was seen.
    is_known : bool
        Whether the cell is an object already on one of these frames.
    """

    seen: dict[int, Proposal]
    is_known: bool = False

    @property
    def first(self) -> int:
        """The first frame on which the cell was seen."""
        return min(self.seen)


class Chains:
    """Joins the proposals of searched frames, such that each cell is one chain.

    A proposal goes on with the chain whose last proposal is the nearest, if their centres are
    closer than one diameter; each chain takes one proposal of a frame. A chain that was overlooked
    on more than three searched frames in a row has ended.

    Attributes
    ----------
    all : list of Chain
        The chains, in the order of their first frames.
    """

    def __init__(self) -> None:
        self.all: list[Chain] = []
        self._searched: list[int] = []

    def add(self, t: int, proposals: Sequence[Proposal], known: Sequence[Proposal] = ()) -> None:
        """Add a frame, later than those before.

        Parameters
        ----------
        t : int
            The frame.
        proposals : sequence of Proposal
            The cells that a search found there beside all objects.
        known : sequence of Proposal
            The objects that are not tracked from there on; their chains are known.
        """
        self._searched.append(t)
        recent = set(self._searched[-2 - MOST_MISSED : -1])
        going_on = [chain for chain in self.all if max(chain.seen) in recent]
        here = [*proposals, *known]
        partner = _pairs([chain.seen[max(chain.seen)] for chain in going_on], here)
        for index, proposal in enumerate(here):
            if index in partner:
                chain = going_on[partner[index]]
                chain.seen[t] = proposal
            else:
                chain = Chain({t: proposal})
                self.all.append(chain)
            chain.is_known |= index >= len(proposals)


def _pairs(before: Sequence[Proposal], here: Sequence[Proposal]) -> dict[int, int]:
    """Index in `here` to index in `before` of proposals of the same cell."""
    if not before or not here:
        return {}
    diameters = np.array([one.diameter for one in before])
    apart = cdist([one.centre for one in before], [one.centre for one in here])
    cost = np.where(apart < diameters[:, None], apart / diameters[:, None], FAR)
    rows, columns = linear_sum_assignment(cost)
    return {
        int(column): int(row)
        for row, column in zip(rows, columns, strict=True)
        if cost[row, column] < FAR
    }

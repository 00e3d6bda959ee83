"""Comparison of the cells that are found on a frame with the objects that are tracked there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from napari_sam2.finding.proposals import Proposal

SAME = 0.3  # IoU of a proposal and an object, from here on they are the same cell
MOST = 0.5  # share of one mask in another one, from here on it lies in it
LEAST_DAUGHTER = 0.3  # area of the smaller one of two daughters, in areas of the larger one


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a search says about tracked objects.

    Attributes
    ----------
    confirmed : set of int
        Objects that are where a cell was found.
    redrawn : dict of int to Proposal
        Objects that have drifted off their cell, or cover two cells, with the cell that is theirs.
    new : list of Proposal
        Cells that are no object yet, the best first.
    """

    confirmed: set[int] = field(default_factory=set)
    redrawn: dict[int, Proposal] = field(default_factory=dict)
    new: list[Proposal] = field(default_factory=list)


def compare(proposals: Sequence[Proposal], labels: NDArray[np.integer[Any]]) -> Comparison:
    """Compare the proposals of a frame with its labels.

    Objects and proposals are paired one to one, such that the sum of their IoU is the largest. Of
    the proposals that are left, those that lie mostly on no object are new. One that lies on an
    object without a partner shows where its cell is. One that lies in an object together with its
    partner, of similar size, is the other one of two daughters.

    Parameters
    ----------
    proposals : sequence of Proposal
        Of the frame.
    labels : ndarray
        (Y, X) integers, 0 is background.
    """
    found = sorted(proposals, key=lambda one: -one.score)
    areas = np.bincount(labels.ravel())
    ids = np.flatnonzero(areas)
    ids = ids[ids > 0]
    shared = np.zeros((len(found), len(ids)), int)
    for row, one in enumerate(found):
        counts = np.bincount(labels[one.mask.window][one.mask.crop], minlength=len(areas))
        shared[row] = counts[ids]
    sizes = np.array([one.area for one in found], int)
    ious = shared / np.maximum(sizes[:, None] + areas[ids] - shared, 1)
    partner = {
        int(column): int(row)
        for row, column in zip(*linear_sum_assignment(-ious), strict=True)
        if ious[row, column] >= SAME
    }
    result = Comparison({int(ids[column]) for column in partner})
    for row in sorted(set(range(len(found))) - set(partner.values())):
        column = int(shared[row].argmax()) if len(ids) else -1
        inside = shared[row, column] / sizes[row] if len(ids) else 0.0
        of_object = shared[row, column] / areas[ids[column]] if len(ids) else 0.0
        object_id = int(ids[column]) if len(ids) else 0
        if max(inside, of_object) >= MOST and column not in partner:
            result.redrawn[object_id] = found[row]
            partner[column] = row
        elif shared[row].sum() < MOST * sizes[row]:
            result.new.append(found[row])
        elif inside >= MOST and object_id in result.confirmed:
            other = partner[column]
            smaller, larger = sorted((sizes[row], sizes[other]))
            if shared[other, column] >= MOST * sizes[other] and smaller > LEAST_DAUGHTER * larger:
                result.confirmed.discard(object_id)  # of more than two cells, the best two count
                result.redrawn[object_id] = found[other]
                result.new.append(found[row])
    return result

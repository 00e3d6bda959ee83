"""Chains: proposals of several frames that show the same cell."""

from __future__ import annotations

import numpy as np

from napari_sam2.finding.chains import MOST_MISSED, Chains
from napari_sam2.finding.proposals import Proposal
from napari_sam2.tracking.pixels import PixelMask


def at(y: int, x: int, side: int = 8) -> Proposal:
    """A square with this middle; its diameter is a little more than its side."""
    mask = np.zeros((100, 100), bool)
    mask[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2] = True
    return Proposal(PixelMask.of(mask), 0.9, 1.0, (y, x))


def frames_of(chains: Chains) -> list[list[int]]:
    return sorted(sorted(chain.seen) for chain in chains.all)


def test_a_cell_that_moves_less_than_its_diameter_is_one_chain():
    chains = Chains()
    for t, x in ((0, 20), (10, 27), (20, 34)):
        chains.add(t, [at(50, x)])
    (chain,) = chains.all
    assert sorted(chain.seen) == [0, 10, 20]
    assert chain.first == 0
    assert not chain.is_known


def test_a_cell_farther_away_than_a_diameter_is_another_one():
    chains = Chains()
    chains.add(0, [at(50, 20)])
    chains.add(10, [at(50, 30)])
    assert frames_of(chains) == [[0], [10]]


def test_two_cells_close_to_each_other_go_on_as_two():
    chains = Chains()
    left, right = at(50, 20), at(50, 28)
    chains.add(0, [left, right])
    moved_left, moved_right = at(50, 24), at(50, 32)  # the nearest one of each is the other's
    chains.add(10, [moved_right, moved_left])
    pairs = {(chain.seen[0], chain.seen[10]) for chain in chains.all}
    assert pairs == {(left, moved_left), (right, moved_right)}


def test_a_cell_may_be_overlooked_for_some_searches():
    chains = Chains()
    chains.add(0, [at(50, 20)])
    for t in range(1, MOST_MISSED + 1):
        chains.add(t, [])
    chains.add(MOST_MISSED + 1, [at(50, 20)])
    assert frames_of(chains) == [[0, MOST_MISSED + 1]]


def test_a_cell_at_an_old_place_is_a_new_one():
    chains = Chains()
    chains.add(0, [at(50, 20)])
    for t in range(1, MOST_MISSED + 2):
        chains.add(t, [])
    chains.add(MOST_MISSED + 2, [at(50, 20)])
    assert frames_of(chains) == [[0], [MOST_MISSED + 2]]


def test_a_chain_with_an_object_on_any_frame_is_known():
    chains = Chains()
    chains.add(0, [at(50, 20), at(80, 80)])
    chains.add(5, [], known=[at(50, 22)])
    chains.add(10, [at(50, 24)])
    known = {chain.first: chain.is_known for chain in chains.all if chain.seen.get(10)}
    assert known == {0: True}
    assert [chain.is_known for chain in chains.all if 10 not in chain.seen] == [False]

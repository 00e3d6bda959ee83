"""Votes: which entries of the maps belong to one cell."""

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_sam2.tracking.votes import DARK_SPREAD, SPREAD, Votes, count_votes

Disc = tuple[float, float, float]  # row, column and radius


def votes_of(
    discs: list[Disc], scatter: float, side: int = 64, spread: float = SPREAD
) -> tuple[Votes, NDArray[np.int_]]:
    """Votes for discs that miss the middle by a share of the radius, and labels of the discs."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    labels = np.zeros((side, side), int)
    offsets = np.zeros((2, side, side), np.float32)
    for number, (row, column, radius) in enumerate(discs, start=1):
        inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        labels[inside] = number
        ways = np.stack([row - rows, column - columns])[:, inside]
        offsets[:, inside] = ways + rng.normal(0, scatter * radius, ways.shape)
    return count_votes((labels > 0).astype(np.float32), offsets, spread), labels


@pytest.mark.parametrize("radius", [3, 6, 12, 24])
def test_a_cell_of_any_size_has_one_middle(radius: int) -> None:
    votes, labels = votes_of([(32, 32, radius)], scatter=0.2)
    assert len(votes.middles) == 1
    assert np.abs(votes.middles[0] - 32).max() <= max(1, 0.1 * radius)
    assert ((votes.owner > 0) == (labels > 0)).all()


@pytest.mark.parametrize("radius", [3, 6, 12])
def test_cells_that_touch_stay_apart(radius: int) -> None:
    votes, labels = votes_of([(32, 31 - radius, radius), (32, 32 + radius, radius)], scatter=0.1)
    assert len(votes.middles) == 2
    for number in (1, 2):
        owners = votes.owner[labels == number]
        assert (owners == np.bincount(owners).argmax()).mean() > 0.98


def test_cells_that_cover_each_other_come_apart_with_the_blur_for_dark_images() -> None:
    discs = [(32.0, 28.5, 8.0), (32.0, 35.5, 8.0)]
    usual, dark = (votes_of(discs, scatter=0.2, spread=one)[0] for one in (SPREAD, DARK_SPREAD))
    assert (len(usual.middles), len(dark.middles)) == (1, 2)


def test_small_cells_beside_a_large_one_keep_their_middles() -> None:
    small = [(8.0, column, 3.0) for column in (8.0, 15.0, 22.0)]
    votes, labels = votes_of([*small, (40, 40, 18)], scatter=0.15)
    found = {labels[tuple(int(place) for place in middle)] for middle in votes.middles}
    assert (len(votes.middles), found) == (4, {1, 2, 3, 4})


def test_a_map_without_cells_has_no_votes() -> None:
    votes = count_votes(np.zeros((16, 16), np.float32), np.zeros((2, 16, 16), np.float32))
    assert votes.middles.shape == (0, 2)
    assert not votes.owner.any()
    assert votes.areas.shape == (0,)

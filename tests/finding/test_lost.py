"""Lost cells: a window around the last place of a cell is searched."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.finding import CellSize, FindingStopped, lost
from napari_sam2.finding.lost import find_near
from napari_sam2.model import Sam2, load_model
from napari_sam2.tracking import Frames
from tests.tracking.tiny import build_tiny_model

SIDE, RADIUS = 256, 12


@pytest.fixture(scope="module")
def cells() -> Sam2:
    return load_model("cells")


def movie(*places: tuple[int, int]) -> np.ndarray:
    """Two frames; the second one has bright discs at these places."""
    y, x = np.mgrid[:SIDE, :SIDE]
    image = np.random.default_rng(0).normal(20, 2, (2, SIDE, SIDE))
    for row, column in places:
        image[1][(y - row) ** 2 + (x - column) ** 2 <= RADIUS**2] += 100
    return image.astype(np.float32)


def near(model: Sam2, images: np.ndarray, **options):
    return find_near(model, Frames(images), 1, (100.0, 120.0), 2 * RADIUS, **options)


@pytest.mark.parametrize("cell_size", [None, CellSize(2 * RADIUS, scale=4)])
def test_the_cell_near_the_place_is_found(cells, cell_size) -> None:
    found = near(cells, movie((100, 150), (104, 126)), cell_size=cell_size)
    assert found is not None
    y, x = np.mgrid[:SIDE, :SIDE]
    truth = (y - 104) ** 2 + (x - 126) ** 2 <= RADIUS**2
    mask = np.asarray(found.mask)
    assert (mask & truth).sum() > 0.7 * (mask | truth).sum()


def test_a_dim_cell_is_seen_with_the_contrast_of_its_place(cells, monkeypatch) -> None:
    images = movie((160, 60), (104, 126))
    images[1, :140] = images[1, :140] / 50 + 20  # with a fiftieth of the light
    assert near(cells, images) is not None
    monkeypatch.setattr(lost, "stretched", lambda image, low, high: image)
    assert near(cells, images) is None


def test_a_cell_farther_away_than_its_diameter_is_another_one(cells) -> None:
    assert near(cells, movie((100, 165))) is None


def test_an_empty_place_has_no_cell(cells) -> None:
    assert near(cells, movie((200, 30))) is None


def test_only_scores_from_the_limit_on_count(cells) -> None:
    images = movie((104, 126))
    score = near(cells, images).score
    assert near(cells, images, min_score=score) is not None
    assert near(cells, images, min_score=score + 0.001) is None


def test_a_network_without_a_head_finds_none() -> None:
    assert near(build_tiny_model(), movie((100, 120))) is None


def test_a_diameter_is_positive(cells) -> None:
    with pytest.raises(ValueError, match="diameter must be positive"):
        find_near(cells, Frames(movie()), 1, (9.0, 9.0), 0)


def test_it_stops_when_asked_to(cells) -> None:
    with pytest.raises(FindingStopped):
        near(cells, movie((100, 120)), should_stop=lambda: True)

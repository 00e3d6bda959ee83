"""The scale at which cells are searched."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.finding import Proposal, scale
from napari_sam2.finding.progress import Steps
from napari_sam2.finding.scale import choose_scale
from napari_sam2.tracking.pixels import PixelMask
from tests.tracking.tiny import build_tiny_model

SHAPE = (80, 120)
CELL = Proposal(PixelMask(SHAPE, (10, 10), np.ones((8, 8), bool)), 0.9, 1.0, (14, 14))


@pytest.mark.parametrize(
    ("level", "found", "chosen"),
    [
        (0.05, {4: 3, 3: 4}, 3),  # more cells at the finer scale
        (0.05, {4: 3, 3: 3}, 4),
        (0.05, {4: 3, 3: 2}, 4),
        (0.5, {4: 3, 3: 4}, 4),  # no dark background
    ],
)
def test_dark_image_is_searched_at_a_finer_scale_that_finds_more(
    level: float, found: dict[int, int], chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        scale, "find_in_part", lambda model, image, pixel, *_: [CELL] * found[pixel]
    )
    image = np.full((*SHAPE, 1), level, np.float32)
    assert choose_scale(build_tiny_model(), image, 28, Steps()) == chosen


def test_finest_scale_has_no_finer_one() -> None:
    image = np.zeros((*SHAPE, 1), np.float32)
    assert choose_scale(build_tiny_model(), image, 5, Steps()) == 1


def test_scores_of_cells_count_and_doubtful_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful = Proposal(CELL.mask, 0.4, 1.0, CELL.centre)
    found = {4: [CELL] * 2, 3: [CELL] + [doubtful] * 9}
    monkeypatch.setattr(scale, "find_in_part", lambda model, image, pixel, *_: found[pixel])
    image = np.zeros((*SHAPE, 1), np.float32)
    assert choose_scale(build_tiny_model(), image, 28, Steps()) == 4

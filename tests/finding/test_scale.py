"""The scale at which cells are searched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.finding import CellSize, Proposal, scale
from napari_sam2.finding.progress import Steps
from napari_sam2.finding.scale import choose_scale
from napari_sam2.tracking.pixels import PixelMask
from tests.tracking.tiny import build_tiny_model

SHAPE = (80, 120)
DARK, GREY = 0.05, 0.5
SMALL, LARGE = (
    Proposal(PixelMask(SHAPE, (10, 10), np.ones((side, side), bool)), 0.9, 1.0, (14, 14))
    for side in (8, 12)
)


def chosen_scale(
    level: float, found: dict[int, list[Proposal]], monkeypatch: pytest.MonkeyPatch
) -> int:
    """The scale of an image of one level, where 4 is the best one before finer ones are tried."""
    monkeypatch.setattr(scale, "_best_scale", lambda *_: 4)
    monkeypatch.setattr(scale, "find_in_part", lambda model, image, pixel, *_: found[pixel])
    image = np.full((*SHAPE, 1), level, np.float32)
    return choose_scale(build_tiny_model(), image, None, Steps())


@pytest.mark.parametrize(("count", "chosen"), [(4, 3), (3, 4), (2, 4)])
def test_dark_image_is_searched_at_a_finer_scale_that_finds_more(
    count: int, chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {4: [LARGE] * 3, 3: [SMALL] * count}
    assert chosen_scale(DARK, found, monkeypatch) == chosen


@pytest.mark.parametrize(
    ("finer", "chosen"),
    [
        ([LARGE] * 80, 3),
        ([SMALL] * 80, 4),  # more cells, but parts of them only
        ([replace(LARGE, score=0.8)] * 80, 4),  # less sure
    ],
)
def test_other_images_need_as_much_area_and_as_sure_cells(
    finer: list[Proposal], chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chosen_scale(GREY, {4: [LARGE] * 60, 3: finer}, monkeypatch) == chosen


def test_few_cells_beside_a_bright_ground_keep_their_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen_scale(GREY, {4: [LARGE] * 2, 3: [LARGE] * 3}, monkeypatch) == 4


def test_doubtful_cells_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {4: [LARGE] * 2, 3: [LARGE] + [replace(LARGE, score=0.4)] * 9}
    assert chosen_scale(DARK, found, monkeypatch) == 4


def test_finest_scale_has_no_finer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "_best_scale", lambda *_: 1)
    assert choose_scale(build_tiny_model(), np.zeros((*SHAPE, 1), np.float32), None, Steps()) == 1


def test_cells_of_a_known_size_are_shown_larger_where_the_image_is_dark() -> None:
    images = [np.full((400, 400, 1), level, np.float32) for level in (DARK, GREY)]
    dark, grey = (choose_scale(build_tiny_model(), one, CellSize(36), Steps()) for one in images)
    assert (dark, grey) == (4, 6)


@pytest.mark.parametrize(("known", "chosen"), [(3, 3), (8, 8), (None, 6), (256, 6)])
def test_scale_of_another_frame_is_kept_if_the_image_is_large_enough(
    known: int | None, chosen: int
) -> None:
    image = np.full((400, 400, 1), GREY, np.float32)
    assert choose_scale(build_tiny_model(), image, CellSize(36, known), Steps()) == chosen

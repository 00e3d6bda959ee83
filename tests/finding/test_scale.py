"""The scale at which cells are searched."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.finding import CellSize, Proposal, scale
from napari_sam2.finding.progress import Steps
from napari_sam2.finding.scale import choose_scale
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.windows import Window
from tests.tracking.tiny import build_tiny_model

SHAPE = (80, 120)
DARK, GREY = 0.05, 0.5


def found_of(side: int, count: int, score: float = 0.9) -> list[Proposal]:
    """Squares of one size as proposals; the places do not matter for the scale."""
    mask = PixelMask((400, 400), (10, 10), np.ones((side, side), bool))
    return [Proposal(mask, score, 1.0, (14, 14))] * count


def chosen_scale(
    level: float, found: dict[int, list[Proposal]], monkeypatch: pytest.MonkeyPatch
) -> int:
    """The scale of an image of one level, of which one window shows these proposals."""
    monkeypatch.setattr(scale, "possible_pixels", lambda *_: list(found))
    monkeypatch.setattr(scale, "sample_windows", lambda *_: [Window(0, 0, *SHAPE)])
    monkeypatch.setattr(scale, "find_in_part", lambda model, image, pixel, *_, **__: found[pixel])
    image = np.full((*SHAPE, 1), level, np.float32)
    return choose_scale(build_tiny_model(), image, None, Steps())


def test_scale_of_surer_cells_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {2: found_of(22, 5, score=0.6), 3: found_of(22, 5)}
    assert chosen_scale(GREY, found, monkeypatch) == 3


def test_scale_that_finds_more_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen_scale(GREY, {2: found_of(22, 3), 3: found_of(22, 9)}, monkeypatch) == 3


def test_doubtful_cells_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {2: found_of(22, 9, score=0.4), 3: found_of(22, 3)}
    assert chosen_scale(GREY, found, monkeypatch) == 3


def test_nuclei_are_preferred_to_cells_that_are_seen_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {2: found_of(16, 5), 8: found_of(64, 5)}  # as large in the maps
    assert chosen_scale(GREY, found, monkeypatch) == 2
    assert chosen_scale(GREY, found | {2: found_of(16, 5, score=0.6)}, monkeypatch) == 8


def test_scale_without_cells_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen_scale(GREY, {2: [], 3: found_of(22, 1), 4: []}, monkeypatch) == 3


@pytest.mark.parametrize(("level", "chosen"), [(GREY, 4), (DARK, 3)])
def test_cells_are_seen_larger_where_the_image_is_dark(
    level: float, chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cells 36 pixels wide have 9 entries at one scale and 12 at the other."""
    found = {pixel: found_of(32, 5) for pixel in (3, 4)}
    assert chosen_scale(level, found, monkeypatch) == chosen


def test_cells_of_a_known_size_are_shown_larger_where_the_image_is_dark() -> None:
    images = [np.full((400, 400, 1), level, np.float32) for level in (DARK, GREY)]
    dark, grey = (choose_scale(build_tiny_model(), one, CellSize(36), Steps()) for one in images)
    assert (dark, grey) == (3, 4)


@pytest.mark.parametrize(("known", "chosen"), [(3, 3), (8, 8), (None, 4), (256, 4)])
def test_scale_of_another_frame_is_kept_if_the_image_is_large_enough(
    known: int | None, chosen: int
) -> None:
    image = np.full((400, 400, 1), GREY, np.float32)
    assert choose_scale(build_tiny_model(), image, CellSize(36, known), Steps()) == chosen

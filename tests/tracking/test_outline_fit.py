"""Tracked masks keep the outline of the mask that a person gave."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2 import load_model
from napari_sam2.model import Decoded, Sam2
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.outline_fit import best_shifts, shifted

SIDE = 64


def cone(radius: float) -> torch.Tensor:
    """(1, 1, h, w) logits that are 0 at this distance from the middle, and 1 a cell further in."""
    rows, columns = np.ogrid[:SIDE, :SIDE]
    distance = np.hypot(rows - 31.5, columns - 31.5)
    return torch.from_numpy((radius - distance).astype(np.float32))[None, None]


@pytest.mark.parametrize("more", [-3.0, 0.0, 2.0, 4.5])
def test_the_shift_makes_the_outline_that_of_the_prompted_mask(more: float) -> None:
    assert best_shifts(cone(15), cone(15 + more)) == [pytest.approx(more, abs=0.5)]


def test_a_small_difference_shifts_nothing() -> None:
    assert best_shifts(cone(25), cone(25.4)) == [0.0]


def test_nothing_is_shifted_without_two_masks_to_compare() -> None:
    nothing = cone(-80)
    pairs = torch.cat([cone(15), nothing, nothing]), torch.cat([nothing, cone(15), nothing])
    assert best_shifts(*pairs) == [0.0, 0.0, 0.0]


def test_tiny_masks_shift_nothing() -> None:
    assert best_shifts(cone(5), cone(2.5)) == [0.0]
    assert best_shifts(cone(7), cone(4.5)) == [pytest.approx(-2.5, abs=0.5)]


def test_an_object_that_is_not_visible_stays_so() -> None:
    logits = torch.cat([torch.full((1, 1, 8, 8), -1024.0), torch.full((1, 1, 8, 8), -1.0)])
    decoded = Decoded(logits, torch.ones(2), torch.ones(2, 1), torch.ones(2, 4))
    masks = shifted(decoded, [6.0, 6.0]).mask_logits > 0
    assert masks.flatten(1).any(1).tolist() == [False, True]


@pytest.fixture(scope="module")
def blinking_cell() -> NDArray[np.uint8]:
    """(4, Y, X) movie of one round cell that does not move; its noise does."""
    noise = np.random.default_rng(2)
    rows, columns = np.ogrid[:128, :128]
    cell = np.hypot(rows - 60, columns - 66) < 16
    picture = ndimage.gaussian_filter(np.where(cell, 150.0, 60.0), 1.5)
    return (picture + noise.normal(0, 4, (4, 128, 128))).clip(0, 255).astype(np.uint8)


def tracked_areas(model: Sam2, movie: NDArray[np.uint8], radius: float) -> list[int]:
    rows, columns = np.ogrid[:128, :128]
    tracker = Tracker(model, movie)
    tracker.add_mask(0, 1, np.hypot(rows - 60, columns - 66) < radius)
    return [
        int((tracker.labels(result.t) == 1).sum())
        for result in tracker.propagate(direction="forward")
    ]


def test_tracked_masks_are_as_narrow_as_a_person_draws_them(
    blinking_cell: NDArray[np.uint8],
) -> None:
    model = load_model("cells", "cpu")
    drawn, *tracked = tracked_areas(model, blinking_cell, radius=13)
    model.config = replace(model.config, fit_outlines=False)
    _, *without = tracked_areas(model, blinking_cell, radius=13)
    assert max(tracked) < 1.25 * drawn
    assert min(without) > 1.25 * drawn

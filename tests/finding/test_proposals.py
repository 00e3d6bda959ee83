"""Proposals, their suppression, and masks drawn from logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_sam2.finding import CellSize, Proposal, draw_labels, typical_size
from napari_sam2.finding.logits import draw_logits, tidied
from napari_sam2.finding.proposals import centre_of
from napari_sam2.finding.suppression import suppress_boxes, suppress_masks
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.windows import Window


def square(y: int, x: int, side: int, shape: tuple[int, int] = (40, 40)) -> PixelMask:
    return PixelMask(shape, (y, x), np.ones((side, side), bool))


def test_only_the_best_of_overlapping_boxes_is_kept() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 1, 10, 11], [20, 20, 30, 30]], float)
    assert suppress_boxes(boxes, np.array([0.7, 0.9, 0.5]), 0.7) == [1, 2]


@pytest.mark.parametrize("small_is_better", [True, False])
def test_a_part_and_its_whole_are_not_kept_both(small_is_better: bool) -> None:
    masks = [square(0, 0, 20), square(2, 2, 18), square(25, 25, 5)]
    scores = np.array([0.5, 0.9 if small_is_better else 0.3, 0.6])
    kept = suppress_masks(masks, scores, 0.5)
    assert sorted(kept) == ([1, 2] if small_is_better else [0, 2])


def test_labels_give_shared_pixels_to_the_better_proposal() -> None:
    found = [
        Proposal(square(0, 0, 10), 0.4, 1.0, (5, 5)),
        Proposal(square(5, 5, 10), 0.8, 1.0, (9, 9)),
    ]
    labels = draw_labels(found, (40, 40))
    assert labels[7, 7] == 2
    assert labels[2, 2] == 1
    assert labels.max() == 2


def test_typical_size_is_the_median_diameter() -> None:
    found = [Proposal(square(0, 0, side), 0.4, 1.0, (1, 1)) for side in (4, 10, 20)]
    assert typical_size(found) == pytest.approx(2 * np.sqrt(100 / np.pi))
    assert typical_size([]) is None


def test_size_of_cells_has_the_most_frequent_known_scale() -> None:
    scales = (None, 3, 3, None, None, 4)
    found = [Proposal(square(0, 0, 10), 0.4, 1.0, (1, 1), scale) for scale in scales]
    assert CellSize.of(found) == CellSize(found[0].diameter, 3)
    assert CellSize.of(found[:1]) == CellSize(found[0].diameter)
    assert CellSize.of([]) is None


def test_centre_lies_in_the_mask_of_a_ring() -> None:
    ring = square(5, 5, 21).full()
    ring[10:21, 10:21] = False
    y, x = centre_of(PixelMask.of(ring), (15, 15))
    assert ring[int(y), int(x)]
    assert centre_of(PixelMask.of(ring), (6, 6)) == (6, 6)


@pytest.mark.parametrize("window", [Window(0, 0, 50, 70), Window(-8, 13, 64, 64)])
def test_part_of_the_logits_is_enlarged_as_all_of_them(window: Window) -> None:
    coarse = torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(0)) - 0.8
    logits = torch.nn.functional.interpolate(coarse, (16, 16), mode="bicubic")
    wide = torch.nn.functional.interpolate(
        logits, (window.height, window.width), mode="bilinear", align_corners=False
    )[0, 0].numpy()
    image = np.full((60, 80), -9.0, np.float32)
    rows, columns = (
        range(max(start, 0), min(start + length, end))
        for start, length, end in ((window.y0, window.height, 60), (window.x0, window.width, 80))
    )
    part = wide[rows.start - window.y0 :, columns.start - window.x0 :]
    image[rows.start : rows.stop, columns.start : columns.stop] = part[: len(rows), : len(columns)]
    drawn = draw_logits(logits[0, 0].numpy(), window, (60, 80), 0.5)
    assert (drawn.mask.full() != (image > 0)).mean() < 1e-3
    assert drawn.stability == pytest.approx((image > 0.5).sum() / (image > -0.5).sum(), abs=0.01)


def test_specks_go_and_holes_are_filled_but_the_largest_part_stays() -> None:
    pixels = np.zeros((40, 40), bool)
    pixels[5:20, 5:20] = True
    pixels[10:12, 10:12] = False
    pixels[30:32, 30:32] = True
    tidy = tidied(PixelMask.of(pixels), 9).full()
    assert tidy[10, 10]
    assert not tidy[30, 30]
    assert tidied(square(3, 3, 4), 100).is_same(square(3, 3, 4))

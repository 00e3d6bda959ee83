"""A mask is one area without holes, except where a person made it otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_sam2 import load_model
from napari_sam2.model import Decoded, PromptTensors, Sam2
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.whole_cells import (
    excluded_cells,
    fill_holes,
    has_holes,
    holes_of,
    included_cells,
    islands_of,
    remove_islands,
)


def ring(size: int = 9) -> NDArray[np.bool_]:
    mask = np.zeros((size, size), bool)
    mask[1:7, 1:7] = True
    mask[3:5, 3:5] = False
    return mask


def decoded_of(*masks: NDArray[np.bool_]) -> Decoded:
    logits = torch.from_numpy(np.stack(masks)[:, None] * 8.0 - 4.0)
    count = len(masks)
    return Decoded(logits, torch.ones(count), torch.ones(count, 1), torch.ones(count, 4))


def test_a_hole_is_background_that_a_mask_encloses() -> None:
    assert np.count_nonzero(holes_of(ring())) == 4
    open_ring = ring()
    open_ring[3, 5:] = False
    assert not has_holes(open_ring)
    assert not has_holes(np.zeros((4, 4), bool))
    assert not has_holes(np.ones((4, 4), bool))
    at_the_edge = np.ones((4, 4), bool)
    at_the_edge[0, 1] = False  # the cell may go on beyond the window
    assert not has_holes(at_the_edge)


def test_holes_are_filled_where_the_object_is_whole() -> None:
    found = fill_holes(decoded_of(ring(), ring()), [True, False]).mask_logits[:, 0] > 0
    assert found[0, 1:7, 1:7].all()
    assert found[0].sum() == 36
    assert torch.equal(found[1], torch.from_numpy(ring()))


def test_a_hole_that_a_click_excludes_stays() -> None:
    two = ring(16)
    two[8:14, 8:14] = True
    two[10:12, 10:12] = False
    prompts = PromptTensors(torch.tensor([[[14.0, 15.0], [40.0, 41.0]]]), torch.tensor([[0, 1]]))
    excluded = excluded_cells(prompts, 16)
    assert np.argwhere(excluded).tolist() == [[3, 3]]
    found = fill_holes(decoded_of(two), [True], excluded).mask_logits[0, 0].numpy() > 0
    assert not found[3:5, 3:5].any()
    assert found[10:12, 10:12].all()


def test_without_a_hole_nothing_is_copied() -> None:
    decoded = decoded_of(np.pad(np.ones((3, 3), bool), 2))
    assert fill_holes(decoded, [True]) is decoded


def squares(*corners: tuple[int, int, int]) -> NDArray[np.bool_]:
    """(16, 16) squares from their first row, first column and side."""
    mask = np.zeros((16, 16), bool)
    for row, column, side in corners:
        mask[row : row + side, column : column + side] = True
    return mask


CELL, OTHER, SPECK = (1, 1, 4), (9, 9, 5), (1, 10, 2)


def test_parts_where_the_cell_was_not_before_are_islands() -> None:
    both = squares(CELL, SPECK)
    assert np.array_equal(islands_of(both, squares(CELL), 0.3), squares(SPECK))
    assert not islands_of(both, both, 0.3).any()  # it had two parts before
    assert not islands_of(squares(CELL), squares(OTHER), 0.3).any()


def test_a_cell_that_jumped_has_its_main_part_elsewhere() -> None:
    speck = squares((2, 2, 1))
    found = islands_of(speck | squares(OTHER), squares(CELL), 0.3)
    assert not found.any()  # the speck lies where the cell was; it does no harm
    assert np.array_equal(islands_of(squares(SPECK, OTHER), squares(CELL), 0.3), squares(SPECK))


def test_clicked_parts_stay() -> None:
    both = squares(CELL, OTHER, SPECK)
    prompts = PromptTensors(torch.tensor([[[10.0, 9.0], [44.0, 45.0]]]), torch.tensor([[1, 1]]))
    places = [included_cells(prompts, 16)]
    found = remove_islands(decoded_of(both), places, least_share=0.0)
    assert np.array_equal(found.mask_logits[0, 0].numpy() > 0, squares(CELL, OTHER))
    assert remove_islands(decoded_of(both), [None]).mask_logits[0, 0].gt(0).sum() == both.sum()


def test_a_box_says_nothing_about_the_parts_of_a_cell() -> None:
    labels = torch.tensor([[2, 3, 1]])
    assert included_cells(PromptTensors(torch.zeros(1, 3, 2), labels), 16) is None
    assert included_cells(PromptTensors(torch.zeros(1, 1, 2), torch.tensor([[0]])), 16) is None


@pytest.fixture(scope="module")
def model() -> Sam2:
    return load_model("cells", "cpu")


@pytest.mark.parametrize("hole", [0, 20])
def test_tracked_masks_have_holes_only_where_the_painted_mask_has_one(
    model: Sam2, hole: int
) -> None:
    rows, columns = np.ogrid[:128, :128]
    distance = np.hypot(rows - 64, columns - 64)
    image = np.where((distance < 44) & (distance > 20), 170, 70)
    movie = np.stack([image, image]) + np.random.default_rng(0).normal(0, 6, (2, 128, 128))

    def tracked(fills: bool) -> NDArray[np.bool_]:
        model.config = replace(model.config, whole_cells=fills)
        tracker = Tracker(model, movie.clip(0, 255).astype(np.uint8))
        tracker.add_mask(0, 1, (distance < 44) & (distance >= hole))
        list(tracker.propagate(direction="forward"))
        return tracker.labels(1) == 1

    assert has_holes(tracked(False))
    assert has_holes(tracked(True)) == (hole > 0)

"""Holes of masks are filled, except those that a person made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_sam2 import load_model
from napari_sam2.model import Decoded, PromptTensors, Sam2
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.holes import excluded_cells, filled, has_holes, holes_of


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
    found = filled(decoded_of(ring(), ring()), [True, False]).mask_logits[:, 0] > 0
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
    found = filled(decoded_of(two), [True], excluded).mask_logits[0, 0].numpy() > 0
    assert not found[3:5, 3:5].any()
    assert found[10:12, 10:12].all()


def test_without_a_hole_nothing_is_copied() -> None:
    decoded = decoded_of(np.pad(np.ones((3, 3), bool), 2))
    assert filled(decoded, [True]) is decoded


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
        model.config = replace(model.config, fill_holes=fills)
        tracker = Tracker(model, movie.clip(0, 255).astype(np.uint8))
        tracker.add_mask(0, 1, (distance < 44) & (distance >= hole))
        list(tracker.propagate(direction="forward"))
        return tracker.labels(1) == 1

    assert has_holes(tracked(False))
    assert has_holes(tracked(True)) == (hole > 0)

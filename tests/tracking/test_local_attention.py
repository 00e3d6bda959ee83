"""Local memory looks at the part of each memory that is about the object."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from napari_sam2.model import Sam2
from napari_sam2.model.blocks import Blocks
from napari_sam2.model.sam2 import OUTSIDE_LOGIT
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.local_attention import block_cells, block_corner, block_side
from napari_sam2.tracking.masks import MaskRecord, draw_record
from napari_sam2.tracking.windows import Window
from tests.worlds import World

from .tiny import clicked, close, equal, logits, mask, run

WINDOW = Window(0, 0, 640, 640)
CELLS = 64  # of 10 pixels


def square(y: int, x: int, side: int) -> MaskRecord:
    """The record of a square in the middle of (y, x)."""
    painted = np.zeros((640, 640), bool)
    painted[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2] = True
    return draw_record(painted, WINDOW, 256)


@pytest.fixture
def local_model(tiny_model: Sam2) -> Sam2:
    """The tiny network with local memory."""
    model = copy(tiny_model)
    model.config = replace(model.config, memory_reach="local")
    return model


@pytest.fixture
def tiny_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 2 x 2 of the 4 x 4 cells that the tiny network has."""
    monkeypatch.setattr("napari_sam2.tracking.local_attention.REACH", 0.0)
    monkeypatch.setattr("napari_sam2.tracking.local_attention.MARGIN", 1)
    monkeypatch.setattr("napari_sam2.tracking.local_attention.SMALLEST", 1)


@pytest.mark.parametrize(("side", "cells"), [(20, 16), (60, 16), (80, 24), (120, 32), (160, 64)])
def test_block_grows_with_the_object(side: int, cells: int) -> None:
    assert block_side({0: square(320, 320, side)}, [0], 1, WINDOW, CELLS) == cells


def test_small_maps_are_seen_as_a_whole() -> None:
    assert block_side({0: square(320, 320, 20)}, [0], 1, WINDOW, 24) == 24


def test_block_follows_the_object() -> None:
    records = {0: square(320, 320, 20), 1: square(20, 620, 20)}
    middle, corner = block_cells(records, [0, 1], WINDOW, CELLS, 16)
    assert (middle.min() // CELLS, middle.min() % CELLS) == (24, 24)
    assert (corner.min() // CELLS, corner.min() % CELLS) == (0, 48)
    assert len(set(corner)) == 16 * 16


def test_block_stays_where_the_object_was_seen_last() -> None:
    hidden = draw_record(np.zeros((640, 640), bool), WINDOW, 256)
    records = {0: square(320, 320, 20), 1: hidden}
    cells = block_cells(records, [0, 1], WINDOW, CELLS, 16)
    np.testing.assert_array_equal(cells[0], cells[1])


def test_object_that_is_nowhere_gets_all_of_its_memories() -> None:
    hidden = draw_record(np.zeros((640, 640), bool), WINDOW, 256)
    assert block_side({0: hidden}, [0], 1, WINDOW, CELLS) == CELLS


def test_object_is_looked_for_where_it_was_last() -> None:
    records = {0: square(320, 320, 20), 1: square(20, 620, 20)}
    assert block_corner(records, [0, 1], 2, WINDOW, CELLS, 16) == (0, 48)
    assert block_corner(records, [0, 1], 0, WINDOW, CELLS, 16) == (24, 24)


def test_lost_object_is_looked_for_everywhere() -> None:
    hidden = draw_record(np.zeros((640, 640), bool), WINDOW, 256)
    records = {0: square(320, 320, 20), 1: hidden}
    assert block_side(records, [0, 1], 2, WINDOW, CELLS) == CELLS
    assert block_side(records, [0, 1], 0, WINDOW, CELLS) == 16


def test_all_cells_in_any_order_are_the_whole_memory(tiny_model: Sam2) -> None:
    generator = torch.Generator().manual_seed(3)
    maps = torch.randn(2, 3, 16, 4, 4, generator=generator)
    features = tiny_model.encode_frame(torch.randn(1, 3, 64, 64, generator=generator))
    rest = (
        torch.tensor([[-1, 1, 0]] * 2),
        torch.randn(2, 2, 32, generator=generator),
        torch.rand(2, 2, generator=generator),
    )
    order = torch.stack([torch.randperm(16, generator=generator) for _ in range(6)])
    whole = tiny_model.attend(features, tiny_model.gather_memory(maps, *rest))
    cells = order.reshape(2, 3, 16)
    local = tiny_model.attend(features, tiny_model.gather_memory(maps, *rest, cells))
    assert torch.allclose(whole, local, atol=1e-5)


@pytest.mark.usefixtures("tiny_blocks")
def test_small_objects_are_looked_for_near_where_they_were(
    local_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, Blocks | None]] = []
    attend = type(local_model).attend

    def counting(features, memory, blocks=None):
        seen.append((memory.tokens.shape[1] - memory.num_pointer_tokens, blocks))
        return attend(local_model, features, memory, blocks)

    monkeypatch.setattr(local_model, "attend", counting)
    tracker = clicked(local_model, world, 1)
    tracker.add_mask(0, 1, world.mask(0, 1))
    run(tracker)
    keys, blocks = seen[0]
    assert keys == 4  # 2 x 2 of 16 cells, one memory
    assert blocks is not None
    assert (blocks.side, blocks.size) == (2, 4)
    outside = logits(tracker)[1, 1] == OUTSIDE_LOGIT
    assert outside.mean() == pytest.approx(0.75)
    assert mask(tracker, 7, 1) is not None


@pytest.mark.usefixtures("tiny_blocks")
@pytest.mark.parametrize("object_batch", [1, 16])
def test_objects_in_blocks_know_nothing_of_each_other(
    local_model: Sam2, world: World, object_batch: int
) -> None:
    """Each has a block of its own in one batch, both ways and after a correction."""
    alone = _corrected(local_model, world, 1)
    together = _corrected(local_model, world, 2, 1, object_batch=object_batch)
    assert close(logits(together, 1), logits(alone))


def _corrected(model: Sam2, world: World, *object_ids: int, **settings: Any) -> Tracker:
    tracker = Tracker(model, world.images, clean=False, **settings)
    for object_id in object_ids:
        tracker.add_mask(0, object_id, world.mask(0, object_id))
    run(tracker)
    tracker.add_points(4, 1, [world.centre(4, 1)], [1])
    run(tracker, direction="both")
    return tracker


def test_large_objects_see_what_they_always_saw(
    tiny_model: Sam2, local_model: Sam2, world: World
) -> None:
    whole, local = clicked(tiny_model, world, 1, 2), clicked(local_model, world, 1, 2)
    run(whole)
    run(local)
    assert equal(logits(whole), logits(local))

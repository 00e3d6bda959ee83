"""The cell head agrees with the masks of its cells, and with no others."""

from __future__ import annotations

import numpy as np
import torch

from napari_sam2.model.cell_head import OFFSET_SCALE, CellHead
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.signs import LOOK_EVERY, cell_overlap
from tests.worlds import World

from .tiny import build_tiny_model

SIDE = 32


def disc(y: float, x: float, radius: float) -> torch.Tensor:
    rows, columns = np.ogrid[:SIDE, :SIDE]
    return torch.from_numpy((rows - y) ** 2 + (columns - x) ** 2 < radius**2)


def maps_of(*cells: tuple[float, float]) -> torch.Tensor:
    """(1, 4, h, w) maps of a head that sees discs of radius 5 perfectly."""
    maps = torch.full((1, 4, SIDE, SIDE), -8.0)
    maps[:, 2:] = 0
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    for y, x in cells:
        there = disc(y, x, 5)
        maps[0, 0][there] = 8.0
        maps[0, 2][there] = (y - rows[there]) * 4 / OFFSET_SCALE
        maps[0, 3][there] = (x - columns[there]) * 4 / OFFSET_SCALE
    return maps


def overlap_of(mask: torch.Tensor, maps: torch.Tensor) -> float:
    return float(cell_overlap(torch.where(mask, 5.0, -5.0)[None, None], maps)[0])


def test_a_mask_that_is_a_cell_overlaps_it_fully() -> None:
    assert overlap_of(disc(10, 10, 5), maps_of((10, 10), (10, 21))) == 1.0


def test_half_a_cell_two_cells_and_background_overlap_less() -> None:
    maps = maps_of((10, 10), (10, 21))
    half = disc(10, 10, 5)
    half[:, 10:] = False
    assert overlap_of(half, maps) < 0.6
    assert overlap_of(disc(10, 10, 5) | disc(10, 21, 5), maps) < 0.6
    assert overlap_of(disc(25, 25, 5), maps) == 0.0


def test_an_empty_mask_overlaps_nothing() -> None:
    assert overlap_of(torch.zeros(SIDE, SIDE, dtype=torch.bool), maps_of((10, 10))) == 0.0


def test_tracked_masks_keep_what_the_guesses_and_the_cell_head_say(world: World) -> None:
    model = build_tiny_model()
    model.cell_head = CellHead(model.config.d_model)
    tracker = Tracker(model, world.images)
    tracker.add_points(0, 1, [world.centre(0, 1)], [1])
    for _ in tracker.propagate(0, 3):
        pass
    prompted, tracked, looked_at = (tracker.signs(t, 1) for t in (0, 1, LOOK_EVERY))
    assert prompted.agreement is None
    assert prompted.cell_overlap is None
    assert tracked.agreement <= 1
    assert tracked.cell_overlap is None
    assert 0 <= looked_at.cell_overlap <= 1

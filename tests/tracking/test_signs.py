"""The cell head agrees with the masks of its cells, and with no others."""

from __future__ import annotations

import numpy as np
import torch

from napari_sam2.model import Decoded, FrameFeatures
from napari_sam2.model.cell_head import OFFSET_SCALE, CellHead
from napari_sam2.model.mask_decoder import Candidates, choose_by_cell
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.signs import LOOK_EVERY, CellOpinion, cell_overlap
from napari_sam2.tracking.windows import Window
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


class SeenCells(CellHead):
    """A head that always sees the same maps."""

    def __init__(self, width: int, maps: torch.Tensor) -> None:
        super().__init__(width)
        self.maps = maps

    def forward(self, features: FrameFeatures) -> torch.Tensor:
        return self.maps


def test_the_cell_at_a_place_is_the_one_whose_middle_its_pixel_points_to() -> None:
    model = build_tiny_model()
    model.cell_head = SeenCells(model.config.d_model, maps_of((10, 10), (10, 21)))
    window = Window(40, 0, 2 * SIDE, 2 * SIDE)  # two pixels of the image an entry
    features = FrameFeatures(*(torch.zeros(1, 1, 1, 1) for _ in range(3)))
    opinion = CellOpinion(model)
    cell = opinion.cells_at(0, [window], features, (60.0, 43.0))
    assert cell is not None
    assert torch.equal(cell[0, 0], disc(10, 21, 5))
    nothing = opinion.cells_at(0, [window], features, (90.0, 50.0))
    assert nothing is not None
    assert not nothing.any()
    model.cell_head = None
    assert CellOpinion(model).cells_at(0, [window], features, (60.0, 43.0)) is None


def test_a_first_click_takes_the_guess_that_fits_the_cell_under_it(world: World) -> None:
    model = build_tiny_model()
    features = model.config.low_res_size
    maps = torch.full((1, 4, features, features), -8.0)
    model.cell_head = SeenCells(model.config.d_model, maps)
    tracker = Tracker(model, world.images, windows="whole")
    seen: list[torch.Tensor | None] = []
    decode = model.decode

    def spy(*args: object, cell: torch.Tensor | None = None, **kwargs: object) -> Decoded:
        seen.append(cell)
        return decode(*args, cell=cell, **kwargs)  # type: ignore[arg-type]

    model.decode = spy  # type: ignore[method-assign]
    y, x = world.centre(0, 1)
    tracker.add_points(0, 1, [(y, x)], [1])
    assert not any(cell is not None and cell.any() for cell in seen)  # the head sees no cell
    seen.clear()
    maps[:, 0], maps[:, 2:] = 8.0, 0.0
    tracker.add_points(0, 2, [(y, x)], [1])
    tracker.add_points(0, 2, [(y + 1, x)], [1])
    assert [cell is not None for cell in seen].count(True) == 1  # only the first click


def test_guesses_are_chosen_by_predicted_iou_and_by_the_cell() -> None:
    cell = disc(10, 10, 5)
    masks = torch.stack([disc(10, 10, 3), disc(10, 10, 5), disc(25, 25, 5)])[None] * 10.0 - 5.0
    scores = torch.tensor([[0.9, 0.6, 0.95]])
    found = Candidates(masks, scores, torch.zeros(1, 3, 4), torch.ones(1, 1))
    assert torch.equal(choose_by_cell(found, cell[None, None]).masks[0, 0] > 0, cell)
    unknown = torch.zeros_like(cell)[None, None]
    assert torch.equal(choose_by_cell(found, unknown).masks[0, 0] > 0, disc(25, 25, 5))

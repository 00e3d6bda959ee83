"""Tracked masks follow the cells that the U-Net sees, if it draws the prompted mask as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from napari_sam2 import load_model
from napari_sam2.model import Decoded, FrameFeatures, Sam2
from napari_sam2.model.cell_head import OFFSET_SCALE
from napari_sam2.model.sam2 import PIXEL_MEAN, PIXEL_STD
from napari_sam2.tracking import Frames, Tracker
from napari_sam2.tracking.dim_cells import DimCells
from napari_sam2.tracking.frame_encoder import FrameEncoder
from napari_sam2.tracking.masks import MaskRecord, pack_logits
from napari_sam2.tracking.seen_cells import (
    BACKGROUND_PUSH,
    LEAST_SIDE,
    MARGIN,
    PULL,
    SeenCells,
    Square,
    shared,
)
from napari_sam2.tracking.windows import Window

from .tiny import build_tiny_model

SIDE, MAP = 256, 64  # pixels of the network's input, and of the maps
CELLS = ((24, 24), (24, 40))  # (y, x) in the maps
RADIUS = 6
WHOLE = Window(0, 0, SIDE, SIDE)


def disc(y: float, x: float, radius: float = RADIUS) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[:MAP, :MAP]
    found: NDArray[np.bool_] = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
    return found


def image() -> NDArray[np.uint8]:
    """(1, 256, 256) two bright discs."""
    bright = disc(*CELLS[0]) | disc(*CELLS[1])
    return np.kron(bright, np.ones((4, 4), bool))[None].astype(np.uint8) * 200


class PerfectUNet(nn.Module):
    """Sees each bright area as a cell."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int]] = []

    def forward(self, pixels: Tensor, features: FrameFeatures) -> Tensor:
        assert features.stride4.shape[-1] * 4 == features.stride16.shape[-1] * 16
        assert pixels.shape[-1] == features.stride16.shape[-1] * 16
        self.seen.append((len(pixels), pixels.shape[-1]))
        grey = pixels[:, 0] * PIXEL_STD[0] + PIXEL_MEAN[0]
        return torch.stack([_maps(one.numpy() > 0.5) for one in grey[:, ::4, ::4]])


def _maps(bright: NDArray[np.bool_]) -> Tensor:
    maps = np.full((4, *bright.shape), -8.0, np.float32)
    maps[2:] = 0
    parts, count = ndimage.label(bright)
    for number in range(1, count + 1):
        places = np.argwhere(parts == number)
        maps[0][parts == number] = 8
        for axis in (0, 1):
            ways = places.mean(axis=0)[axis] - places[:, axis]
            maps[2 + axis][parts == number] = ways * 4 / OFFSET_SCALE
    return torch.from_numpy(maps)


@pytest.fixture
def model() -> Sam2:
    model = build_tiny_model()
    model.config = replace(model.config, image_size=SIDE, follow_seen_cells=True)
    model.cell_unet = PerfectUNet()  # type: ignore[assignment]
    return model


@pytest.fixture
def seen_cells(model: Sam2) -> SeenCells:
    encoder = FrameEncoder(model, Frames(image()), 2**24)
    return SeenCells(model, encoder, DimCells(encoder, is_used=False))


def logits_of(*masks: NDArray[np.bool_]) -> Tensor:
    return torch.from_numpy(np.where(np.stack(masks), 1.0, -1.0).astype(np.float32))[:, None]


def decoded(*masks: NDArray[np.bool_]) -> Decoded:
    count = len(masks)
    return Decoded(
        logits_of(*masks), torch.ones(count), torch.ones(count, 1), torch.zeros(count, 32)
    )


def prompted(mask: NDArray[np.bool_]) -> tuple[int, MaskRecord]:
    corner, crop, floor = pack_logits(logits_of(mask)[0, 0].numpy(), exact=True)
    nothing = np.zeros(32, np.float32)
    record = MaskRecord(
        corner=corner,
        crop=crop,
        floor=floor,
        size=MAP,
        predicted_iou=1.0,
        occlusion_score=1.0,
        pointer=nothing,
        direction=None,
        window=WHOLE,
    )
    return 0, record


def follow(
    cells: SeenCells, tracked: NDArray[np.bool_], prompt: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    found, _ = cells.follow(0, [WHOLE], decoded(tracked), [prompted(prompt)])
    return (found.mask_logits[0, 0] > 0).numpy()


def test_a_mask_that_lost_a_third_of_its_cell_gets_it_back(seen_cells: SeenCells) -> None:
    part = disc(*CELLS[0])
    part[:, 26:] = False
    np.testing.assert_array_equal(follow(seen_cells, part, disc(*CELLS[0])), disc(*CELLS[0]))


def test_a_mask_that_spread_is_drawn_back(seen_cells: SeenCells) -> None:
    wide = disc(*CELLS[0], RADIUS + 2)
    np.testing.assert_array_equal(follow(seen_cells, wide, disc(*CELLS[0])), disc(*CELLS[0]))


def test_surer_logits_stay(seen_cells: SeenCells) -> None:
    part = disc(*CELLS[0])
    part[:, 26:] = False
    sure = replace(decoded(part), mask_logits=logits_of(part) * (PULL + 0.5))
    found, _ = seen_cells.follow(0, [WHOLE], sure, [prompted(disc(*CELLS[0]))])
    np.testing.assert_array_equal((found.mask_logits[0, 0] > 0).numpy(), part)


@pytest.mark.parametrize(
    "prompt",
    [disc(*CELLS[0], 4), disc(50, 50), np.zeros((MAP, MAP), bool)],
    ids=["a nucleus in the cell", "no cell for the U-Net", "nothing"],
)
def test_the_u_net_is_not_trusted_where_the_prompted_mask_is_not_its_cell(
    seen_cells: SeenCells, prompt: NDArray[np.bool_]
) -> None:
    part = disc(*CELLS[0])
    part[:, 26:] = False
    np.testing.assert_array_equal(follow(seen_cells, part, prompt), part)


@pytest.mark.parametrize(
    "mask",
    [disc(*CELLS[0]) | disc(*CELLS[1]), disc(*CELLS[0], 3), disc(50, 12)],
    ids=["two cells", "a small part", "no cell"],
)
def test_another_cell_is_not_followed(seen_cells: SeenCells, mask: NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(follow(seen_cells, mask, disc(*CELLS[0])), mask)


def test_the_overlap_with_the_cell_is_told(model: Sam2) -> None:
    """On every frame where the U-Net is trusted, and on every second one elsewhere."""
    encoder = FrameEncoder(model, Frames(np.repeat(image(), 2, axis=0)), 2**24)
    cells = SeenCells(model, encoder, DimCells(encoder, is_used=False))
    masks = [disc(*CELLS[0]), disc(*CELLS[0], 3), disc(*CELLS[0], RADIUS + 1)]
    prompts = [prompted(disc(*CELLS[0])), prompted(disc(*CELLS[0])), prompted(disc(50, 50))]
    found, overlaps = cells.follow(0, [WHOLE] * 3, decoded(*masks), prompts)
    areas = [mask.sum() for mask in masks]
    assert overlaps == pytest.approx([1.0, areas[1] / areas[0], areas[0] / areas[2]])
    np.testing.assert_array_equal((found.mask_logits[2, 0] > 0).numpy(), masks[2])
    _, (whole, _, unknown) = cells.follow(1, [WHOLE] * 3, decoded(*masks), prompts)
    assert (whole, unknown) == (1.0, None)


def test_an_object_that_is_not_visible_stays_so(seen_cells: SeenCells) -> None:
    gone = replace(decoded(disc(9, 9)), mask_logits=torch.full((1, 1, MAP, MAP), -1024.0))
    found, _ = seen_cells.follow(0, [WHOLE], gone, [prompted(disc(*CELLS[0]))])
    assert (found.mask_logits == -1024).all()


def test_each_object_of_a_batch_follows_its_own_cell(seen_cells: SeenCells) -> None:
    left, right = disc(*CELLS[0], RADIUS + 1), disc(*CELLS[1], RADIUS - 1)
    found, overlaps = seen_cells.follow(
        0, [WHOLE] * 2, decoded(left, right), [prompted(disc(*place)) for place in CELLS]
    )
    for logits, place in zip(found.mask_logits, CELLS, strict=True):
        np.testing.assert_array_equal((logits[0] > 0).numpy(), disc(*place))
    areas = [mask.sum() for mask in (left, disc(*CELLS[0]), right, disc(*CELLS[1]))]
    assert overlaps == pytest.approx([areas[1] / areas[0], areas[2] / areas[3]])


def test_masks_stay_where_the_configuration_says_so(model: Sam2, seen_cells: SeenCells) -> None:
    """The U-Net measures how well they fit their cells all the same."""
    model.config = replace(model.config, follow_seen_cells=False)
    given = decoded(disc(*CELLS[0], RADIUS + 1))
    found, overlaps = seen_cells.follow(0, [WHOLE], given, [prompted(disc(*CELLS[0]))])
    assert torch.equal(found.mask_logits, given.mask_logits)
    share = disc(*CELLS[0]).sum() / disc(*CELLS[0], RADIUS + 1).sum()
    assert overlaps == pytest.approx([share])
    assert len(model.cell_unet.seen) == 1  # the prompted frame is not looked at


def test_a_network_without_a_u_net_is_left_alone(model: Sam2, seen_cells: SeenCells) -> None:
    model.cell_unet = None
    given = decoded(disc(*CELLS[0], RADIUS + 1))
    found, overlaps = seen_cells.follow(0, [WHOLE], given, [prompted(disc(*CELLS[0]))])
    assert found is given
    assert overlaps == [None]


def test_a_prompted_frame_is_looked_at_once_until_pixels_change(
    model: Sam2, seen_cells: SeenCells
) -> None:
    given, prompt = decoded(disc(*CELLS[0], RADIUS + 1)), prompted(disc(*CELLS[0]))
    looks = []
    for _ in range(2):
        seen_cells.follow(0, [WHOLE], given, [prompt])
        looks.append(len(model.cell_unet.seen))
    seen_cells.forget()
    seen_cells.follow(0, [WHOLE], given, [prompt])
    assert [*looks, len(model.cell_unet.seen)] == [2, 3, 5]
    assert all(side < SIDE for _, side in model.cell_unet.seen)


def test_prompted_masks_of_a_frame_are_looked_at_together(
    model: Sam2, seen_cells: SeenCells
) -> None:
    masks = [disc(*place) for place in CELLS]
    seen_cells.follow(0, [WHOLE] * 2, decoded(*masks), [prompted(mask) for mask in masks])
    assert [count for count, _ in model.cell_unet.seen] == [2, 2]  # of the prompt, and tracked


@pytest.mark.parametrize(
    "mask",
    [disc(24, 24), disc(1, 62, 3), disc(32, 32, 40), disc(5, 40, 1)],
    ids=["middle", "corner", "all", "tiny"],
)
def test_a_square_lies_in_the_window_about_its_mask(mask: NDArray[np.bool_]) -> None:
    square = Square.about(mask, WHOLE)
    assert square.side % 32 == 0
    assert LEAST_SIDE <= square.side <= SIDE
    for low, places in zip((square.y, square.x), np.nonzero(mask), strict=True):
        assert low % 16 == 0
        assert 0 <= low <= SIDE - square.side
        assert low <= max(places.min() * 4 - MARGIN / 2, 0)
        assert low + square.side >= min(places.max() * 4 + 4 + MARGIN / 2, SIDE)


def test_many_squares_in_a_window_become_the_whole_of_it() -> None:
    other = Window(0, 100, SIDE, SIDE)
    squares = [Square(WHOLE, 16 * k, 0, 128) for k in range(5)]
    lone = Square(other, 0, 0, 96)
    assert shared([*squares, lone], SIDE) == [*[Square(WHOLE, 0, 0, SIDE)] * 5, lone]
    assert shared(squares[:4], SIDE) == squares[:4]
    assert shared(squares[:1] * 5, SIDE) == squares[:1] * 5


def spread(places: list[tuple[float, float]]) -> NDArray[np.uint16]:
    """(1, 160, 160) dim discs with a bright middle, over noise."""
    rows, columns = np.mgrid[:160, :160]
    picture = np.random.default_rng(0).normal(400, 15, (160, 160))
    for y, x in places:
        way = np.hypot(rows - y, columns - x)
        picture += 350 * (way < 16) + 500 * (way < 7)
    return picture.clip(0).astype(np.uint16)[None]


def test_the_embedded_model_tracks_with_its_u_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the U-Net sees reaches the masks, and corrections by a person are not touched."""
    frames = np.concatenate([spread([(60, 60 + 3 * t), (100, 110)]) for t in range(3)])
    calls = []

    def noting(run: Callable[..., Decoded]) -> Callable[..., Decoded]:
        def noted(cells: SeenCells, t: int, *rest: object) -> Decoded:
            calls.append(t)
            return run(cells, t, *rest)

        return noted

    monkeypatch.setattr(SeenCells, "follow", noting(SeenCells.follow))
    tracker = Tracker(load_model("cells", "cpu"), frames)
    tracker.add_points(0, 1, [(60, 60)], [1])
    for _ in tracker.propagate():
        pass
    assert calls == [1, 2]
    tracker.add_points(1, 1, [(60, 63)], [1])
    assert calls == [1, 2]
    y, x = np.mgrid[:160, :160]
    cell = np.hypot(y - 60, x - 66) < 16
    found = tracker.labels(2) == 1
    assert (found & cell).sum() / (found | cell).sum() > 0.8


# -- the mask of a single click ----------------------------------------------------------------


def clicked(
    cells: SeenCells, mask: NDArray[np.bool_], entry: tuple[int, int], logit: float = 1.0
) -> NDArray[np.bool_]:
    """What becomes of the mask of a click on an entry of the maps, in pixels of the maps.

    The network gives `logit` in the mask, and its negative elsewhere.
    """
    _, given = prompted(mask)
    record = given.with_logits(given.logits() * logit, exact=True)
    scale = WHOLE.height / MAP
    place = ((entry[0] + 0.5) * scale - 0.5, (entry[1] + 0.5) * scale - 0.5)
    return cells.draw_click(0, record, place).logits() > 0


def test_a_clicked_mask_that_lost_a_third_of_its_cell_gets_it_back(seen_cells: SeenCells) -> None:
    part = disc(*CELLS[0])
    part[:, 26:] = False
    np.testing.assert_array_equal(clicked(seen_cells, part, CELLS[0]), disc(*CELLS[0]))


def spilled() -> NDArray[np.bool_]:
    """A mask of the first cell that has a rim on background and a part of the second cell."""
    second = disc(*CELLS[1])
    second[:, 37:] = False
    mask: NDArray[np.bool_] = disc(*CELLS[0], RADIUS + 1) | second
    return mask


def test_a_clicked_mask_leaves_other_cells_sooner_than_background(seen_cells: SeenCells) -> None:
    """What the network is sure of stays on background: the U-Net often sees a middle only."""
    found = clicked(seen_cells, spilled(), CELLS[0], logit=BACKGROUND_PUSH + 0.1)
    np.testing.assert_array_equal(found, spilled() & ~disc(*CELLS[1]))


def test_a_tracked_mask_leaves_other_cells_sooner_than_background(seen_cells: SeenCells) -> None:
    sure = replace(decoded(spilled()), mask_logits=logits_of(spilled()) * (BACKGROUND_PUSH + 0.1))
    found, _ = seen_cells.follow(0, [WHOLE], sure, [prompted(disc(*CELLS[0]))])
    mask = (found.mask_logits[0, 0] > 0).numpy()
    np.testing.assert_array_equal(mask, spilled() & ~disc(*CELLS[1]))


def test_a_clicked_mask_that_spread_is_drawn_back(seen_cells: SeenCells) -> None:
    wide = disc(*CELLS[0], RADIUS + 2)
    np.testing.assert_array_equal(clicked(seen_cells, wide, CELLS[0]), disc(*CELLS[0]))


@pytest.mark.parametrize(
    ("mask", "entry"),
    [
        (disc(*CELLS[0]) | disc(*CELLS[1], RADIUS + 2), CELLS[0]),
        (disc(*CELLS[0], 3), CELLS[0]),
        (disc(50, 12), (50, 12)),
        (disc(*CELLS[0], RADIUS - 1), (MAP - 1, MAP - 1)),
        (np.zeros((MAP, MAP), bool), CELLS[0]),
    ],
    ids=["the cell and more", "a small part", "no cell", "a click far outside", "nothing"],
)
def test_a_clicked_mask_stays_where_no_cell_is_like_it(
    seen_cells: SeenCells, mask: NDArray[np.bool_], entry: tuple[int, int]
) -> None:
    np.testing.assert_array_equal(clicked(seen_cells, mask, entry), mask)


def test_a_clicked_mask_stays_where_the_configuration_says_so(
    model: Sam2, seen_cells: SeenCells
) -> None:
    model.config = replace(model.config, follow_seen_cells=False)
    wide = disc(*CELLS[0], RADIUS + 1)
    np.testing.assert_array_equal(clicked(seen_cells, wide, CELLS[0]), wide)

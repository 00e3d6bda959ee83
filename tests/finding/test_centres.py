"""What the built-in model finds without a click."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.measure import label

from napari_sam2.finding import CellSize, FindingStopped, find_objects, typical_size
from napari_sam2.finding.centres import chance_of_match
from napari_sam2.model import FrameFeatures, Sam2, load_model
from napari_sam2.model.cell_head import OFFSET_SCALE
from napari_sam2.model.cell_unet import CellUNet
from napari_sam2.model.mask_decoder import Candidates
from tests.tracking.tiny import build_tiny_model


@pytest.fixture(scope="module")
def cells() -> Sam2:
    return load_model("cells", "cpu")


def nuclei(side: int, places: list[tuple[int, int]], radius: int) -> np.ndarray:
    """(side, side) uint16, blurred bright discs over noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    image = rng.normal(300, 20, (side, side))
    for row, column in places:
        image += 1500 / (1 + np.exp((np.hypot(y - row, x - column) - radius) / 0.7))
    return image.clip(0).astype(np.uint16)


PLACES = [(24, 30), (28, 84), (70, 50), (100, 96), (104, 24)]


def test_each_nucleus_is_found_once(cells: Sam2) -> None:
    found = find_objects(cells, nuclei(128, PLACES, 9), cell_size=18)
    assert len(found) == len(PLACES)
    for y, x in PLACES:
        assert sum(proposal.mask[y, x] for proposal in found) == 1
    assert typical_size(found) == pytest.approx(18, abs=3)


def test_dim_nuclei_beside_bright_ones_are_found(cells: Sam2) -> None:
    bright = nuclei(128, PLACES[:1], 9).astype(float)
    dim = nuclei(128, PLACES[1:], 9).astype(float)
    image = (8 * (bright - 300) + (dim - 300) + 300).clip(0).astype(np.uint16)
    found = find_objects(cells, image, cell_size=18)
    assert all(any(proposal.mask[y, x] for proposal in found) for y, x in PLACES)


def test_nuclei_a_little_above_the_background_are_found(cells: Sam2) -> None:
    bright = nuclei(128, PLACES[:1], 9).astype(np.float32)
    dim = nuclei(128, PLACES[1:], 9).astype(np.float32)
    found = find_objects(cells, 20 * (bright - 400).clip(0) + dim / 2, cell_size=18)
    assert all(any(proposal.mask[y, x] for proposal in found) for y, x in PLACES)


def test_noise_beside_bright_nuclei_is_no_cell(cells: Sam2) -> None:
    found = find_objects(cells, 20 * nuclei(128, PLACES[:2], 9).astype(np.float32), cell_size=18)
    assert len(found) == 2


def test_masks_have_no_specks_and_no_small_holes(cells: Sam2) -> None:
    rng = np.random.default_rng(0)
    noisy = nuclei(128, PLACES, 9) + rng.normal(0, 500, (128, 128)).astype(np.float32)
    found = find_objects(cells, noisy, cell_size=18, min_score=0)
    assert found
    for proposal in found:
        sizes = np.bincount(label(proposal.mask.crop, connectivity=2).ravel())[1:]
        assert sizes.min() >= 0.1 * sizes.sum()


def test_next_frame_is_searched_at_the_scale_that_was_found(cells: Sam2) -> None:
    image = nuclei(128, PLACES, 9)
    first = find_objects(cells, image)
    size = CellSize.of(first)
    assert size is not None
    assert size.scale is not None
    again = find_objects(cells, image, cell_size=size)
    assert [one.centre for one in again] == [one.centre for one in first]
    other = find_objects(cells, image, cell_size=CellSize(size.diameter, 2 * size.scale))
    assert {one.scale for one in other} <= {2 * size.scale, None}


def test_colour_is_no_hindrance(cells: Sam2) -> None:
    grey = (nuclei(128, PLACES, 9) / 10).astype(np.uint8)
    found = find_objects(cells, np.stack([grey] * 3, axis=-1), cell_size=18)
    assert len(found) == len(PLACES)


def test_empty_field_has_no_cells(cells: Sam2) -> None:
    assert find_objects(cells, np.full((96, 96), 7, np.uint8)) == []


def test_one_cell_that_fills_the_field_is_one_proposal(cells: Sam2) -> None:
    found = find_objects(cells, nuclei(96, [(48, 48)], 38))
    assert len(found) == 1
    assert found[0].area == pytest.approx(np.pi * 38**2, rel=0.2)


def test_a_place_that_is_given_is_judged_too(cells: Sam2) -> None:
    image = nuclei(128, PLACES, 9)
    plain = find_objects(cells, image, cell_size=18, min_score=0)
    seeded = find_objects(cells, image, cell_size=18, min_score=0, seeds=[(60, 100)])
    assert len(seeded) >= len(plain)


def test_search_of_centres_reports_and_stops(cells: Sam2) -> None:
    told: list[tuple[int, int]] = []

    def should_stop() -> bool:
        return len(told) >= 3

    with pytest.raises(FindingStopped, match="nothing was changed"):
        find_objects(
            cells,
            nuclei(128, PLACES, 9),
            progress=lambda done, total: told.append((done, total)),
            should_stop=should_stop,
        )
    assert len(told) == 3
    assert all(done <= total for done, total in told)


class SeenDisc(CellUNet):
    """A U-Net that always sees one disc of radius 4 entries, in the middle of the window."""

    def forward(self, pixels: torch.Tensor, features: FrameFeatures) -> torch.Tensor:
        side = pixels.shape[-1] // 4
        rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        way = torch.stack([side // 2 - rows, side // 2 - columns]) * 4 / OFFSET_SCALE
        inside = way.norm(dim=0) * OFFSET_SCALE / 4 <= 4
        marks = torch.where(inside, 6.0, -6.0)
        return torch.cat([torch.stack([marks, -marks]), way])[None].repeat(len(pixels), 1, 1, 1)


@pytest.mark.parametrize(
    ("logit", "radius"), [(0.0, 4), (8.0, 7)], ids=["unsure guess", "sure guess"]
)
def test_outline_is_that_of_the_votes_unless_the_guess_is_sure(
    monkeypatch: pytest.MonkeyPatch, logit: float, radius: int
) -> None:
    """The guess is a disc of radius 7 entries, the votes one of radius 4."""
    model = build_tiny_model()
    model.cell_unet = SeenDisc(model.config.d_model)
    side = model.config.low_res_size
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    inside = (rows - side // 2) ** 2 + (columns - side // 2) ** 2 <= 7**2
    guess = torch.where(inside, logit, -logit)

    def candidates(embedding, features, prompts) -> Candidates:
        count = len(prompts.points)
        return Candidates(
            guess.repeat(count, 4, 1, 1),
            torch.full((count, 4), 0.9),
            torch.zeros(count, 4, model.config.d_model),
            torch.ones(count, 1),
        )

    monkeypatch.setattr(model, "candidates", candidates)
    image = np.random.default_rng(0).random((4 * side, 4 * side)).astype(np.float32)
    found = find_objects(model, image, cell_size=CellSize(32, 4), min_score=0)
    assert len(found) == 1
    assert found[0].diameter == pytest.approx(8 * radius, rel=0.2)


def test_score_is_a_chance_that_rises_with_each_sign() -> None:
    middle = chance_of_match(0.6, 0.6, 0.8)
    assert 0 < middle < 1
    assert chance_of_match(0, 0, 0.5) < 0.05
    assert chance_of_match(1, 1, 1) > 0.95
    assert middle < min(
        chance_of_match(0.7, 0.6, 0.8),
        chance_of_match(0.6, 0.7, 0.8),
        chance_of_match(0.6, 0.6, 0.9),
    )

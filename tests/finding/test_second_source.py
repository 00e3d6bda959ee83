"""Regions of a threshold beside the cells that the network finds."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.finding import Proposal
from napari_sam2.finding.scale import sampled
from napari_sam2.finding.second_source import (
    is_stained,
    pair,
    region_sources,
    with_regions,
    with_stained,
)
from napari_sam2.tracking.pixels import PixelMask, masks_of
from napari_sam2.tracking.windows import Window

PLACES = [(20, 20), (20, 60), (20, 100), (60, 20), (60, 60), (60, 100)]
SHAPE = (80, 120)


def discs(places: list[tuple[int, int]], radius: float) -> list[PixelMask]:
    """Masks of discs."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return [PixelMask.of(np.hypot(y - row, x - column) <= radius) for row, column in places]


def proposals(places: list[tuple[int, int]], radius: float, score: float = 0.9) -> list[Proposal]:
    """Discs as proposals of the network."""
    return [
        Proposal(mask, score, 1.0, place)
        for mask, place in zip(discs(places, radius), places, strict=True)
    ]


def field(radius: float, sign: int = 1) -> np.ndarray:
    """(Y, X, 1) float32 with discs on a ground that becomes brighter to the right."""
    image = np.full(SHAPE, 0.4) + np.linspace(0, 0.1, SHAPE[1])
    for mask in discs(PLACES, radius):
        image[np.asarray(mask)] += 0.3 * sign
    noise = np.random.default_rng(0).normal(0, 0.01, SHAPE)
    return (image + noise).astype(np.float32)[..., None]


@pytest.mark.parametrize("sign", [1, -1])
def test_regions_of_an_uneven_field_are_its_discs(sign: int) -> None:
    image = field(8, sign)
    sources = {source.sign: source for source in region_sources(image, sampled(image), 16)}
    regions = sources[sign].regions(Window(0, 0, *SHAPE))
    assert pair(discs(PLACES, 8), regions).agreement == 1.0


def test_regions_of_a_part_lie_where_they_are_in_the_image() -> None:
    image = field(8)
    source = region_sources(image, sampled(image), 16)[0]
    regions = source.regions(Window(40, 40, 60, 100))
    assert pair(discs(PLACES[4:], 8), regions).agreement == 1.0


def test_field_without_contrast_has_no_sources() -> None:
    image = np.full((*SHAPE, 1), 0.5, np.float32)
    assert region_sources(image, sampled(image), 16) == []


def test_region_of_two_cells_belongs_to_neither() -> None:
    both = masks_of(np.pad(np.ones((20, 60), np.uint8), ((10, 50), (10, 50))))
    pairing = pair(discs(PLACES[:2], 6), list(both.values()))
    assert pairing.region_of == {}
    assert pairing.agreement == 0.0


def test_overlooked_cell_is_added_where_regions_agree() -> None:
    found = with_regions(proposals(PLACES[:5], 8), discs(PLACES, 8))
    assert len(found) == len(PLACES)
    assert found[-1].mask[PLACES[-1]]
    assert found[-1].score == pytest.approx(10 / 11)


def test_region_that_is_no_typical_cell_is_not_added() -> None:
    speck = discs([PLACES[-1]], 2)
    assert len(with_regions(proposals(PLACES[:5], 8), discs(PLACES[:5], 8) + speck)) == 5


def test_regions_that_disagree_change_nothing() -> None:
    found = proposals(PLACES[:3], 8)
    rims = discs([(y + 14, x + 14) for y, x in PLACES], 4)
    assert with_regions(found, rims) == found


def test_bright_middles_get_the_outlines_of_their_regions() -> None:
    shadow = proposals([(40, 40)], 5)
    found = with_regions(proposals(PLACES, 5) + shadow, discs(PLACES, 8))
    assert [proposal.area for proposal in found] == [r.crop.sum() for r in discs(PLACES, 8)]


def test_parts_of_their_regions_can_keep_their_outlines() -> None:
    found = proposals(PLACES, 5)
    assert with_regions(found, discs(PLACES, 8), keep_outlines=True) == found


def test_outlines_that_agree_stay_those_of_the_network() -> None:
    found = proposals(PLACES, 7.5)
    assert with_regions(found, discs(PLACES, 8)) == found


def test_dark_regions_of_a_stained_image_are_added_without_agreement() -> None:
    found = with_stained(proposals(PLACES[:1], 8), discs(PLACES, 8))
    assert len(found) == len(PLACES)
    assert min(proposal.score for proposal in found) >= 0.5


def test_stain_is_colour_that_differs_and_not_a_tint() -> None:
    grey = field(8, -1)
    tinted = grey * np.array([1.0, 0.95, 0.9], np.float32)
    stained = np.concatenate([grey, grey * 0.3 + 0.5, grey * 0.1 + 0.6], axis=-1)
    assert [is_stained(image) for image in (grey, tinted, stained)] == [False, False, True]

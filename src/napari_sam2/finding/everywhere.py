"""The centres of a whole image: one scale, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import Pixels
from napari_sam2.finding.centres import find_in_part, without_duplicates
from napari_sam2.finding.dim_cells import in_focus, rest_of
from napari_sam2.finding.progress import Steps
from napari_sam2.finding.proposals import CellSize, Proposal
from napari_sam2.finding.scale import USUAL_ENTRIES, choose_scale, is_dark, sampled
from napari_sam2.finding.second_source import (
    SURE,
    RegionSource,
    agreeing,
    beside,
    pair_sure,
    region_sources,
    size_of,
    with_regions,
    with_stained,
)
from napari_sam2.model import Sam2
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.windows import Window

CORE = 6  # side of a tile, in windows; its features take about 60 MB with `cells`
MARGIN = 0.5  # windows that are seen round a tile
RIM = 2  # entries of the maps round a cell, in which it still glows


def find_by_centres(
    model: Sam2,
    image: Pixels,
    cell_size: CellSize | None,
    seeds: NDArray[np.float64],
    is_stained: bool,
    steps: Steps,
) -> list[Proposal]:
    """Proposals from the centres of cells, the best first.

    Where most of an image is dark, what is left beside the found cells is searched a second time
    with its own contrast: dim objects beside bright ones are found there. Regions of a threshold
    are taken as well where they agree with what was found.

    The memory is bounded by one tile and the masks, whatever the size of the image.

    Parameters
    ----------
    model : Sam2
        With a cell head.
    image : Pixels
        (Y, X, 1 or 3) float32 in 0..1.
    cell_size : CellSize or None
        None to choose the scale by what is found.
    seeds : ndarray
        (N, 2) more places (y, x) to click.
    is_stained : bool
        Whether the image is of a stained tissue, where dark regions are cells.
    steps : Steps
        One step is a window, or the clicks in a window.
    """
    pixel, sample = choose_scale(model, image, cell_size, steps), sampled(image)
    on_dark = is_dark(sample)
    found = without_duplicates(_found_at(model, image, pixel, seeds, steps, on_dark=on_dark))
    if on_dark:
        found += _dim_cells(model, image, found, sample, pixel, steps)
    diameter = size_of(found) or pixel * USUAL_ENTRIES
    sources = region_sources(image, sample, diameter)
    tiles = list(lay_tiles((image.shape[0], image.shape[1]), model.config.low_res_size * pixel))
    if is_stained:
        dark = [source for source in sources if source.sign == -1]
        choices = [_regions(source, tiles) for source in dark]
        return without_duplicates(with_stained(found, choices[0]) if choices else found)
    choices = [_regions(source, tiles) for source in sources]
    best = max(choices, key=lambda regions: pair_sure(found, regions).agreement, default=[])
    return without_duplicates(with_regions(found, best, keep_outlines=on_dark))


def _regions(source: RegionSource, tiles: list[tuple[Window, Window]]) -> list[PixelMask]:
    """Regions of a whole image, tile by tile."""
    return [
        region
        for core, part in tiles
        for region in source.regions(part)
        if _is_in(core, _middle(region))
    ]


def _middle(mask: PixelMask) -> tuple[float, float]:
    """Middle (y, x) of the box of a mask."""
    (y, x), (height, width) = mask.corner, mask.crop.shape
    return y + (height - 1) / 2, x + (width - 1) / 2


def _found_at(
    model: Sam2,
    image: Pixels,
    pixel: int,
    seeds: NDArray[np.float64],
    steps: Steps,
    *,
    on_dark: bool,
) -> list[Proposal]:
    """Proposals at one scale, tile by tile; those of neighbouring tiles may be of one cell."""
    found: list[Proposal] = []
    side = model.config.low_res_size * pixel
    for core, part in lay_tiles((image.shape[0], image.shape[1]), side):
        inside = np.array([_is_in(core, place) for place in seeds], bool)
        proposals = find_in_part(model, image, pixel, part, steps, seeds[inside], on_dark=on_dark)
        found += [proposal for proposal in proposals if _is_in(core, proposal.centre)]
    return found


def _dim_cells(
    model: Sam2,
    image: Pixels,
    found: list[Proposal],
    sample: NDArray[np.float32],
    pixel: int,
    steps: Steps,
) -> list[Proposal]:
    """Cells beside those that were found, seen with the contrast of what is left.

    Noise and light out of focus are stretched as well, and the network sees cells in them. A region
    of a threshold seldom has the same outline there, so that both must agree, and the outline must
    be that of a cell in focus.
    """
    sure = [proposal for proposal in found if proposal.score >= SURE]
    left = rest_of(image, sample, [proposal.mask for proposal in sure], RIM * pixel)
    if left is None:
        return []
    seen = beside(_found_at(model, left, pixel, np.zeros((0, 2)), steps, on_dark=True), sure)
    cell_size = size_of(found) or pixel * USUAL_ENTRIES
    tiles = list(lay_tiles((image.shape[0], image.shape[1]), model.config.low_res_size * pixel))
    sources = region_sources(left, sampled(left), cell_size)
    bright = [source for source in sources if source.sign == 1]
    regions = [region for source in bright for region in _regions(source, tiles)]
    dim = agreeing([proposal for proposal in seen if proposal.score >= SURE], regions)
    usual = float(np.median([proposal.area for proposal in sure])) if sure else None
    return [proposal for proposal in dim if in_focus(image, proposal.mask, usual)]


def lay_tiles(shape: tuple[int, int], side: int) -> Iterator[tuple[Window, Window]]:
    """Tiles that share out an image, each with the part that is seen for it.

    Parameters
    ----------
    shape : tuple of int
        (Y, X) of the image.
    side : int
        Side of a window in pixels.
    """
    margin = int(MARGIN * side)
    for y0, y1 in _cuts(shape[0], CORE * side):
        for x0, x1 in _cuts(shape[1], CORE * side):
            height, width = y1 - y0, x1 - x0
            around = Window(y0 - margin, x0 - margin, height + 2 * margin, width + 2 * margin)
            yield Window(y0, x0, height, width), around.within(shape)


def _cuts(length: int, tile: int) -> list[tuple[int, int]]:
    """Start and stop of equal parts that are not much longer than a tile."""
    count = max(round(length / tile), 1)
    edges = np.linspace(0, length, count + 1).round().astype(int).tolist()
    return list(pairwise(edges))


def _is_in(core: Window, place: tuple[float, float] | NDArray[np.float64]) -> bool:
    """Whether a place lies in a tile; each place of an image lies in exactly one."""
    y, x = round(float(place[0])), round(float(place[1]))
    return core.y0 <= y < core.y0 + core.height and core.x0 <= x < core.x0 + core.width

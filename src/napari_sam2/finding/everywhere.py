"""The centres of a whole image: one scale, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_sam2.finding.centres import find_in_part, without_duplicates
from napari_sam2.finding.progress import Steps
from napari_sam2.finding.proposals import Proposal
from napari_sam2.finding.scale import choose_scale
from napari_sam2.model import Sam2
from napari_sam2.tracking.windows import Window

CORE = 6  # side of a tile, in windows; its features take about 60 MB with `cells`
MARGIN = 0.5  # windows that are seen round a tile


def find_by_centres(
    model: Sam2,
    image: NDArray[np.float32],
    cell_size: float | None,
    seeds: NDArray[np.float64],
    steps: Steps,
) -> list[Proposal]:
    """Proposals from the centres of cells, the best first.

    The memory is bounded by the image and one tile, whatever the size of the image.

    Parameters
    ----------
    model : Sam2
        With a cell head.
    image : ndarray
        (Y, X, 1 or 3) float32 in 0..1.
    cell_size : float or None
        Diameter of a typical cell in pixels; None to choose the scale by what is found.
    seeds : ndarray
        (N, 2) more places (y, x) to click.
    steps : Steps
        One step is a window, or the clicks in a window.
    """
    pixel = choose_scale(model, image, cell_size, steps)
    side = model.config.low_res_size * pixel
    found: list[Proposal] = []
    for core, part in lay_tiles((image.shape[0], image.shape[1]), side):
        inside = np.array([_is_in(core, place) for place in seeds], bool)
        proposals = find_in_part(model, image, pixel, part, steps, seeds[inside])
        found += [proposal for proposal in proposals if _is_in(core, proposal.centre)]
    return without_duplicates(found)


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
            top, left = max(y0 - margin, 0), max(x0 - margin, 0)
            bottom, right = min(y1 + margin, shape[0]), min(x1 + margin, shape[1])
            core = Window(y0, x0, y1 - y0, x1 - x0)
            yield core, Window(top, left, bottom - top, right - left)


def _cuts(length: int, tile: int) -> list[tuple[int, int]]:
    """Start and stop of equal parts that are not much longer than a tile."""
    count = max(round(length / tile), 1)
    edges = np.linspace(0, length, count + 1).round().astype(int).tolist()
    return list(pairwise(edges))


def _is_in(core: Window, place: tuple[float, float] | NDArray[np.float64]) -> bool:
    """Whether a place lies in a tile; each place of an image lies in exactly one."""
    y, x = round(float(place[0])), round(float(place[1]))
    return core.y0 <= y < core.y0 + core.height and core.x0 <= x < core.x0 + core.width

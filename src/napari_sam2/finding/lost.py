"""Lost cells: a cell is looked for in a window around the place where it was last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam2.finding.centres import find_in_part
from napari_sam2.finding.dim_cells import LEVELS
from napari_sam2.finding.progress import Progress, ShouldStop, Steps
from napari_sam2.finding.proposals import CellSize, Proposal
from napari_sam2.finding.scale import choose_scale, is_dark, sampled
from napari_sam2.model import Sam2
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.image_parts import stretched
from napari_sam2.tracking.windows import Window

WINDOW = 4  # side of the searched window, in diameters of the cell
CONTRAST = 2  # side of the part whose levels are stretched, in the same unit
GENTLE = 0.4  # least score; of 30 empty places of hela_n2dl_01 and u373_02, one had more


def find_near(
    model: Sam2,
    frames: Frames,
    t: int,
    place: tuple[float, float],
    diameter: float,
    *,
    cell_size: CellSize | None = None,
    min_score: float = GENTLE,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Proposal | None:
    """Find the cell whose centre is the nearest to a place, closer than its diameter.

    Where most of the image is dark, it is seen with the contrast of that place, since the cell may
    be too dim for the contrast of the whole movie. The place is judged too, beside all centres that
    the head of the network sees around it.

    Parameters
    ----------
    model : Sam2
        In evaluation mode.
    frames : Frames
        The movie.
    t : int
        The frame.
    place : tuple of float
        (y, x) where the cell was last, in pixels.
    diameter : float
        Of the cell there, in pixels.
    cell_size : CellSize, optional
        How large the cells of the movie are. Default: as large as this one.
    min_score : float
        Proposals below this score are left out.
    progress, should_stop : callable, optional
        As for `find_objects`.

    Returns
    -------
    Proposal or None
        None if there is no cell, or the network has no head that sees the centres of cells.

    Raises
    ------
    ValueError
        If the diameter is not positive.
    FindingStopped
        If `should_stop` returned true.
    """
    if not diameter > 0:
        raise ValueError(f"diameter must be positive; got {diameter}")
    if not model.sees_cells:
        return None
    seen = frames if model.config.sees_colour else frames.without_colour()
    image, steps = seen.view(t), Steps(progress, should_stop)
    pixel = choose_scale(model, image, cell_size or CellSize(diameter), steps)
    on_dark = is_dark(sampled(image))
    if on_dark:  # elsewhere, cells would be seen in the stretched noise
        close = _square(place, CONTRAST * diameter, image.shape).crop(image)
        low, high = np.percentile(close, LEVELS)
        image = stretched(image, float(low), float(high))
    part = _square(place, WINDOW * diameter, image.shape)
    seeds = np.array([place], np.float32)
    found = find_in_part(model, image, pixel, part, steps, seeds, on_dark=on_dark)
    return nearest(place, [one for one in found if one.score >= min_score])


def _square(place: tuple[float, float], width: float, shape: Sequence[int]) -> Window:
    """The part around a place that lies in an image."""
    side = max(round(width), 1)
    return Window(round(place[0] - side / 2), round(place[1] - side / 2), side, side).within(shape)


def nearest(place: tuple[float, float], proposals: Sequence[Proposal]) -> Proposal | None:
    """The proposal nearest to a place, if its centre is closer than its own diameter."""

    def distance(one: Proposal) -> float:
        return float(np.hypot(*np.subtract(place, one.centre)))

    close = [one for one in proposals if distance(one) < one.diameter]
    return min(close, key=distance, default=None)

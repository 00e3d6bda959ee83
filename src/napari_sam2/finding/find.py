"""Find all objects of an image: one interface to the grid and to the centres."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.util import img_as_float32

from napari_sam2.arrays import ArrayLike as Stack
from napari_sam2.finding.everywhere import find_by_centres
from napari_sam2.finding.grid import GridSettings, find_by_grid, usual_grid
from napari_sam2.finding.progress import Progress, ShouldStop, Steps
from napari_sam2.finding.proposals import CellSize, Proposal
from napari_sam2.finding.scale import sampled
from napari_sam2.finding.second_source import is_stained
from napari_sam2.model import Sam2
from napari_sam2.tracking.frames import Frames

Method = Literal["auto", "grid", "centres"]
SMALLEST_SIDE = 8  # pixels of an image in which cells are looked for


def find_objects(
    model: Sam2,
    image: Stack | Frames,
    *,
    t: int = 0,
    method: Method = "auto",
    min_area: float = 12,
    max_area: float | None = None,
    min_score: float = 0.5,
    cell_size: float | CellSize | None = None,
    seeds: ArrayLike | None = None,
    grid: GridSettings | None = None,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> list[Proposal]:
    """Find all objects of an image, without a prompt.

    Parameters
    ----------
    model : Sam2
        In evaluation mode.
    image : array_like or Frames
        (Y, X) or (Y, X, 3 or 4), or a stack as `Frames` with its contrast limits.
    t : int
        The frame, where `image` is a stack.
    method : str
        `centres`: one click for each cell that the head of the network sees, which only a network
        with a head can do. `grid`: clicks on a grid, for any network. `auto`: centres where the
        network has a head, else the grid.
    min_area, max_area : float
        Limits of the area of an object in pixels. Default: no upper limit.
    min_score : float
        Proposals below this score are left out; 0 keeps all that were judged.
    cell_size : float or CellSize, optional
        Diameter of a typical cell in pixels, or what was found on another frame of the movie
        (`CellSize.of`). Default: chosen by what is found. The grid uses it only to know whether
        cells are tiny.
    seeds : (N, 2) array_like, optional
        More places (y, x) to judge, for example local maxima of the image. The grid ignores them.
    grid : GridSettings, optional
        Settings of the grid. Default: those that suit what the model sees of an image.
    progress : callable, optional
        Called with (done, total) steps; the total grows while the search learns what there is.
    should_stop : callable, optional
        Asked before each step whether to stop.

    Returns
    -------
    list of Proposal
        The best first, without duplicates; empty if nothing was found.

    Raises
    ------
    TypeError
        If `image` is no image.
    ValueError
        If the image is smaller than 8 pixels, has no finite values or is a stack without `t`; or an
        argument is out of range; or the network has no head for the centres.
    FindingStopped
        If `should_stop` returned true.
    """
    stack = _frames(image)
    frames = stack if model.config.sees_colour else stack.without_colour()
    if cell_size is not None and not isinstance(cell_size, CellSize):
        cell_size = CellSize(float(cell_size))
    _check(model, frames, method, min_area, max_area, min_score, cell_size)
    steps = Steps(progress, should_stop)
    places = as_seeds(seeds)
    if method == "grid" or not model.sees_cells:
        diameter = None if cell_size is None else cell_size.diameter
        settings = grid or usual_grid(model.config, frames.shape[1:], diameter)
        found = find_by_grid(model, frames.view(t), settings, steps)
    else:
        stained = stack.is_rgb and is_stained(img_as_float32(sampled(stack.pixels(t))[..., :3]))
        found = find_by_centres(model, frames.view(t), cell_size, places, stained, steps)
    upper = np.inf if max_area is None else max_area
    kept = [p for p in found if min_area <= p.area <= upper and p.score >= min_score]
    return sorted(kept, key=lambda proposal: -proposal.score)


def _frames(image: Stack | Frames) -> Frames:
    """The image as a stack, of one frame if it is no stack already."""
    if isinstance(image, Frames):
        return image
    if not hasattr(image, "shape"):
        raise TypeError(f"expected an image; got {type(image).__name__}")
    shape = tuple(image.shape)
    is_colour = len(shape) == 3 and shape[-1] in (3, 4)
    if len(shape) != 2 and not is_colour:
        raise ValueError(
            f"expected one image, (Y, X) or (Y, X, 3 or 4); got the shape {shape}: choose a frame, "
            "or give Frames and t"
        )
    return Frames(image, rgb=is_colour)


def _check(
    model: Sam2,
    frames: Frames,
    method: str,
    min_area: float,
    max_area: float | None,
    min_score: float,
    cell_size: CellSize | None,
) -> None:
    if method not in get_args(Method):
        raise ValueError(f"method must be auto, grid or centres; got {method!r}")
    if method == "centres" and not model.sees_cells:
        raise ValueError(
            f"the weights of {model.config.name} have no head that sees the centres of cells: "
            "use the method grid"
        )
    if min(frames.shape[1:]) < SMALLEST_SIDE:
        raise ValueError(
            f"the image has {frames.shape[1]} x {frames.shape[2]} pixels; at least "
            f"{SMALLEST_SIDE} x {SMALLEST_SIDE} are needed to find cells"
        )
    if min_area < 0 or (max_area is not None and max_area < min_area):
        raise ValueError(f"0 <= min_area <= max_area is needed; got {min_area} and {max_area}")
    if not 0 <= min_score <= 1:
        raise ValueError(f"min_score must be from 0 to 1; got {min_score}")
    if cell_size is not None and not cell_size.diameter > 0:
        given = cell_size.diameter
        raise ValueError(f"cell_size must be a positive diameter in pixels; got {given}")


def as_seeds(seeds: ArrayLike | None) -> NDArray[np.float64]:
    """(N, 2) places to judge."""
    places = np.zeros((0, 2)) if seeds is None else np.asarray(seeds, np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or not np.isfinite(places).all():
        raise ValueError(f"seeds must be (N, 2) finite places (y, x); got {places.shape}")
    return places

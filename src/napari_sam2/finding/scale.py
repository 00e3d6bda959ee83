"""Scale: how far the image is enlarged or reduced, so that cells have the size the head knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import Pixels
from napari_sam2.finding.centres import find_in_part
from napari_sam2.finding.fields import lay_windows
from napari_sam2.finding.progress import Steps
from napari_sam2.finding.proposals import CellSize, Proposal, typical_size
from napari_sam2.model import Sam2
from napari_sam2.tracking.windows import Window

PIXELS = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128, 181, 256)
"""Sides of an entry of the head's maps, in pixels of the image; 4 keeps the image as it is."""
USUAL_ENTRIES = 10.0  # diameter of a cell in the maps at the best scale, found by trial
DARK_ENTRIES = 12.0  # the same where the image is dark, since nuclei that touch come apart
FOUND_ENTRIES = 9.0  # diameter of what is found at the best scale where the image is not dark
SAMPLES = (1.0, 0.8, 0.6, 0.4)  # quantiles of the contrast of the windows that are looked at
MOST_WINDOWS = 400  # whose contrast is measured
LARGEST_WINDOW = 2.2  # sides of the image, so that a cell that fills the image is seen as one
# The next four were chosen on labelled images; docs/lab/training.md has the figures.
ODD_SIZE = 0.4  # penalty for each squared factor of two between the size of cells and the usual one
FINE_WEIGHT = 0.3  # exponent of the diameter
FEW = 3.0  # proposals; where not many more are found, their scores say little
DARK_FEW = 1.0  # the same where the image is dark: little is seen between the nuclei
DARK = 0.2  # median of an image of bright objects on a dark background
LOOKED_AT = 1024  # rows and columns of which levels are measured

FloatArray = NDArray[np.float32]


def choose_scale(model: Sam2, image: Pixels, cell_size: CellSize | None, steps: Steps) -> int:
    """Side of an entry of the maps in pixels of the image.

    Parameters
    ----------
    model : Sam2
        With a cell head.
    image : Pixels
        (Y, X, 1 or 3) float32 in 0..1.
    cell_size : CellSize or None
        Its scale is taken where it is known, else the one that suits the diameter; None to try all
        scales on a few windows and keep the one whose proposals are the best.
    steps : Steps
        Steps of the trials are counted.
    """
    pixels = possible_pixels(image.shape[:2], model.config.low_res_size)
    if cell_size is None:
        return _best_scale(model, image, pixels, steps)
    if cell_size.scale in pixels:
        return cell_size.scale
    entries = DARK_ENTRIES if is_dark(sampled(image)) else USUAL_ENTRIES
    wanted = np.log(cell_size.diameter / entries)
    return min(pixels, key=lambda pixel: abs(np.log(pixel) - wanted))


def is_dark(sample: FloatArray) -> bool:
    """Whether most of an image is dark, as in fluorescence, by evenly spaced rows and columns."""
    return float(np.median(sample)) < DARK


def _best_scale(model: Sam2, image: Pixels, pixels: Sequence[int], steps: Steps) -> int:
    """The scale with the best proposals in a few windows."""
    on_dark = is_dark(sampled(image))
    entries, few = (DARK_ENTRIES, DARK_FEW) if on_dark else (FOUND_ENTRIES, FEW)
    merits = {}
    for pixel in pixels:
        windows = sample_windows(model, image, pixel)
        found = [
            proposal
            for window in windows
            for proposal in find_in_part(model, image, pixel, window, steps, on_dark=on_dark)
        ]
        shows_all = pixel * model.config.low_res_size >= max(image.shape[:2])
        merits[pixel] = _merit(found, pixel * entries, few, shows_all)
    return max(merits, key=lambda pixel: merits[pixel])


def possible_pixels(shape: Sequence[int], entries: int) -> list[int]:
    """Scales at which a window is not much larger than the image; at least one."""
    largest = LARGEST_WINDOW * max(shape)
    return [PIXELS[0], *(pixel for pixel in PIXELS[1:] if pixel * entries <= largest)]


def sampled(image: Pixels) -> FloatArray:
    """At most `LOOKED_AT` evenly spaced rows and columns of an image."""
    down, right = (-(-length // LOOKED_AT) for length in image.shape[:2])
    sample: FloatArray = image[::down, ::right]
    return sample


def sample_windows(model: Sam2, image: Pixels, pixel: int) -> list[Window]:
    """A few windows of different contrast."""
    windows = list(lay_windows(model, pixel, Window(0, 0, *image.shape[:2])))
    windows = windows[:: -(-len(windows) // MOST_WINDOWS)]
    if len(windows) <= len(SAMPLES):
        return windows
    contrasts = np.array([float(window.crop(image).std()) for window in windows])
    order = np.argsort(contrasts, kind="stable")
    places = [round(share * (len(windows) - 1)) for share in SAMPLES]
    return [windows[order[place]] for place in dict.fromkeys(places)]


def _merit(found: Sequence[Proposal], usual: float, few: float, shows_all: bool) -> float:
    """Squared mean score, more for small proposals, less for cells of an unusual size.

    Large things look like cells at coarse scales: groups of cells, and whole cells where nuclei are
    wanted. Cells may be large where a window shows all of the image: there is no coarser scale.
    """
    size = typical_size(found)
    if size is None:
        return 0.0
    octaves = float(np.log2(size / usual))
    odd = min(octaves, 0.0) if shows_all else octaves
    mean_score = sum(one.score for one in found) / (len(found) + few)
    return float(mean_score**2 * size**-FINE_WEIGHT * np.exp(-ODD_SIZE * odd**2))

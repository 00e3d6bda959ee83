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
from napari_sam2.finding.second_source import pair_sure, region_sources
from napari_sam2.model import Sam2
from napari_sam2.tracking.windows import Window

PIXELS = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128, 181, 256)
"""Sides of an entry of the head's maps, in pixels of the image; 4 keeps the image as it is."""
USUAL_ENTRIES = 7.0  # diameter of a cell in the maps at the best scale, found by trial
DARK_ENTRIES = 8.5  # the same where the image is dark
MANY = 50  # proposals in the windows of a trial, from which on the next finer scale is tried
LESS_SURE = 0.015  # by which the mean score may be lower at a finer scale
SAMPLES = (1.0, 0.8, 0.6, 0.4)  # quantiles of the contrast of the windows that are looked at
MOST_WINDOWS = 400  # whose contrast is measured
LARGEST_WINDOW = 2.2  # sides of the image, so that a cell that fills the image is seen as one
ODD_SIZE = 0.5  # penalty for each factor of two between the size of cells and the usual one
SURE = 0.5  # score from which on a proposal counts in how much was found
FOUND_WEIGHT = 0.15  # exponent of how much was found; like all here, chosen on 42 labelled frames
CHANCE = 0.5  # agreement of cells with regions of a threshold that says nothing about the scale
FEW = 8  # proposals and regions; less than twice as many say little about the scale
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
        scales on a few windows and keep the one whose proposals are the best. Where regions of a
        threshold agree with them, it counts in favour of the scale, up to twice. The next finer
        scale is kept if it finds more.
    steps : Steps
        Steps of the trials are counted.
    """
    pixels = possible_pixels(image.shape[:2], model.config.low_res_size)
    if cell_size is None:
        return _finer_if_better(model, image, _best_scale(model, image, pixels, steps), steps)
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
    trials = {pixel: _tried(model, image, pixel, steps) for pixel in pixels}
    merits = {}
    for pixel, trial in trials.items():
        shows_all = pixel * model.config.low_res_size >= max(image.shape[:2])
        merits[pixel] = _merit([p for found in trial.values() for p in found], pixel, shows_all)
    limit = max(merits.values()) / 2  # agreement doubles a merit at most
    for pixel in [pixel for pixel, merit in merits.items() if merit > limit]:
        merits[pixel] *= 1 + max(_agreement(image, trials[pixel], pixel) / CHANCE - 1, 0)
    return max(pixels, key=lambda pixel: merits[pixel])


def _finer_if_better(model: Sam2, image: Pixels, pixel: int, steps: Steps) -> int:
    """The next finer scale if it finds more in the same few windows, else this one.

    In fluorescence it separates nuclei that touch. In other images it may take the texture inside
    of cells for cells, so that it must find as much area and be as sure, and `MANY` things must be
    seen: on large spread cells, of which the windows show few, it is nearly always worse.
    """
    if pixel == PIXELS[0]:
        return pixel
    finer = PIXELS[PIXELS.index(pixel) - 1]
    windows = [window.within(image.shape) for window in sample_windows(model, image, pixel)]

    def found_at(scale: int) -> list[Proposal]:
        return [p for part in windows for p in find_in_part(model, image, scale, part, steps)]

    here = found_at(pixel)
    if is_dark(sampled(image)):
        return finer if _found(found_at(finer)) > _found(here) else pixel
    if len(here) < MANY:
        return pixel
    there = found_at(finer)
    is_better = (
        _found(there) > _found(here)
        and _found_area(there) >= _found_area(here)
        and _mean_score(there) >= _mean_score(here) - LESS_SURE
    )
    return finer if is_better else pixel


def _found(proposals: Sequence[Proposal]) -> float:
    """Sum of the scores of the sure proposals."""
    return sum(one.score for one in proposals if one.score >= SURE)


def _found_area(proposals: Sequence[Proposal]) -> float:
    """Sum of the areas of the sure proposals in pixels, each times its score."""
    return sum(one.score * one.area for one in proposals if one.score >= SURE)


def _mean_score(proposals: Sequence[Proposal]) -> float:
    """Mean score; few proposals say little, so that it is lower for them."""
    return sum(one.score for one in proposals) / (len(proposals) + 0.5)


def possible_pixels(shape: Sequence[int], entries: int) -> list[int]:
    """Scales at which a window is not much larger than the image; at least one."""
    largest = LARGEST_WINDOW * max(shape)
    return [PIXELS[0], *(pixel for pixel in PIXELS[1:] if pixel * entries <= largest)]


def _tried(model: Sam2, image: Pixels, pixel: int, steps: Steps) -> dict[Window, list[Proposal]]:
    """Proposals in a few windows at one scale."""
    windows = sample_windows(model, image, pixel)
    return {window: find_in_part(model, image, pixel, window, steps) for window in windows}


def _agreement(image: Pixels, trial: dict[Window, list[Proposal]], pixel: int) -> float:
    """Share of the proposals and regions in the windows of a trial that correspond, 0 to 1.

    `FEW` more are counted that do not, since a single pair among few says little.
    """
    shares = []
    for source in region_sources(image, sampled(image), pixel * USUAL_ENTRIES):
        pairings = [pair_sure(found, source.regions(window)) for window, found in trial.items()]
        pairs = sum(len(pairing.region_of) for pairing in pairings)
        shares.append(2 * pairs / (FEW + sum(pairing.total for pairing in pairings)))
    return max(shares, default=0.0)


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


def _merit(found: Sequence[Proposal], pixel: int, shows_all: bool) -> float:
    """Squared mean score, more for many and large proposals, less for cells of an unusual size.

    How much was found is the sum of the diameters of sure proposals, each times its score. Cells
    may be large where a window shows all of the image: there is no coarser scale for them.
    """
    size = typical_size(found)
    if size is None:
        return 0.0
    octaves = float(np.log2(size / pixel / USUAL_ENTRIES))
    odd = min(octaves, 0.0) if shows_all else octaves
    sure = [proposal for proposal in found if proposal.score >= SURE]
    amount = 1 + sum(proposal.score * float(np.sqrt(proposal.area)) for proposal in sure)
    return float(_mean_score(found) ** 2 * amount**FOUND_WEIGHT * np.exp(-ODD_SIZE * odd**2))

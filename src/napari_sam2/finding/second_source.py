"""Second source: regions of a threshold beside the cells that the network finds.

Where regions and found cells correspond one to one, regions are cells too: they add cells that the
network overlooks, and outline all cells of images in which it outlines only a part of each. Where
they do not correspond, as in phase contrast with bright rims, regions are not used. Stained images
are an exception: there, dark regions are added whatever the network has found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu, threshold_triangle
from skimage.measure import regionprops

from napari_sam2.arrays import Pixels
from napari_sam2.finding.proposals import Proposal, centre_of, typical_size
from napari_sam2.finding.regions import Image, bright, regions_of
from napari_sam2.finding.suppression import Neighbours
from napari_sam2.tracking.masks import interpolation
from napari_sam2.tracking.pixels import PixelMask, masks_of, shared_pixels
from napari_sam2.tracking.windows import Window

SURE = 0.5  # score from which on a proposal counts as a found cell
AGREEMENT = 0.7  # share of regions and found cells that correspond; phase contrast has 0.65 at most
SAME_OUTLINE = 0.78  # median IoU of regions with their cells; below it, the cells are parts only
SAME_CELL = 0.5  # IoU of a region with a dim cell, from here on both show the same cell
INSIDE = 0.5  # share of a cell in regions, below it the cell is a shadow where cells are parts only
STAINED = 0.04  # standard deviation of the difference of two channels; a tint gives less
FREE = 0.2  # a region is a cell of its own if a smaller share of it lies on found cells
USUAL_AREAS = (0.35, 3.0)  # limits of the area of such a region, in median areas of regions
LEAST_SOLIDITY = 0.8  # of such a region, as a share of its convex hull
BACKGROUND = 5.0  # cell sizes, standard deviation of the blur that gives the background
COARSE = 256  # rows and columns from which the background is computed
LEAST_BLUR = 8.0  # rows of these

Sign = Literal[1, -1]
"""1 where cells are brighter than the background, -1 where they are darker."""


@dataclass(frozen=True, eq=False)
class RegionSource:
    """Makes regions of the parts of an image.

    Attributes
    ----------
    image : Pixels
        (Y, X, 1 or 3) float32 in 0..1.
    background : ndarray
        Coarse map of the background, in the grey levels of the image.
    threshold : float
        Difference from the background at which cells begin.
    cell_size : float
        Diameter of a typical cell in pixels.
    sign : int
        1 for bright cells, -1 for dark ones.
    """

    image: Pixels
    background: Image
    threshold: float
    cell_size: float
    sign: Sign

    def regions(self, part: Window) -> list[PixelMask]:
        """Masks of the regions in a part of the image, in the size of the image."""
        height, width = self.image.shape[:2]
        inside = part.within((height, width))
        rows = slice(inside.y0, inside.y0 + inside.height)
        columns = slice(inside.x0, inside.x0 + inside.width)
        grey = self.image[rows, columns].mean(axis=-1)
        down = interpolation(self.background.shape[0], height)[rows]
        right = interpolation(self.background.shape[1], width)[columns]
        signal = self.sign * (bright(grey) - down @ self.background @ right.T)
        distance = max(2, int(self.cell_size / 3))
        labels = regions_of(signal.astype(np.float32), lambda _: self.threshold, distance)
        return [
            PixelMask(
                (height, width),
                (rows.start + mask.corner[0], columns.start + mask.corner[1]),
                mask.crop,
            )
            for mask in masks_of(labels).values()
        ]


def region_sources(
    image: Pixels, sample: NDArray[np.float32], cell_size: float
) -> list[RegionSource]:
    """Sources of bright and of dark regions.

    Parameters
    ----------
    image : Pixels
        (Y, X, 1 or 3) float32 in 0..1.
    sample : ndarray
        Evenly spaced rows and columns of it, from which the threshold is computed: halfway between
        Otsu's, which cuts off dim rims, and the triangle's, which takes blur for cells.
    cell_size : float
        Diameter of a typical cell in pixels.
    """
    grey = sample.mean(axis=-1)
    if sample.shape == image.shape:
        grey = bright(grey)
    step = -(-max(grey.shape) // COARSE)
    coarse = grey[::step, ::step]
    spacing = image.shape[0] / coarse.shape[0]
    blur = max(BACKGROUND * cell_size / spacing, LEAST_BLUR)
    background = ndimage.gaussian_filter(coarse, blur, truncate=2)
    down, right = (interpolation(a, b) for a, b in zip(coarse.shape, grey.shape, strict=True))
    above = grey - down @ background @ right.T
    sources = []
    for sign in get_args(Sign):
        signal = sign * above
        if signal.max() > signal.min():
            threshold = (threshold_otsu(signal) + threshold_triangle(signal)) / 2
            sources.append(RegionSource(image, background, threshold, cell_size, sign))
    return sources


def is_stained(sample: NDArray[np.float32]) -> bool:
    """Whether the colours of an image differ from place to place, as those of a stain do.

    Parameters
    ----------
    sample : ndarray
        (Y, X, 1 or 3) float32 in 0..1.
    """
    if sample.shape[-1] < 3:
        return False
    red, green, blue = np.moveaxis(sample, -1, 0)
    return max(float((red - green).std()), float((green - blue).std())) >= STAINED


@dataclass(frozen=True)
class Pairing:
    """Which regions and found cells correspond one to one.

    Attributes
    ----------
    total : int
        Number of cells and regions.
    region_of : dict of int to int
        Index of the region of each cell that has one to itself.
    covered : tuple of int
        Pixels of each region on found cells.
    """

    total: int
    region_of: dict[int, int]
    covered: tuple[int, ...]

    @property
    def agreement(self) -> float:
        """Share of the cells and regions that correspond, 0 to 1."""
        return 2 * len(self.region_of) / self.total if self.total else 0.0


def pair(cells: Sequence[PixelMask], regions: Sequence[PixelMask]) -> Pairing:
    """Pair cells with regions: most of the cell lies in the region, and of no other cell.

    Parameters
    ----------
    cells, regions : sequence of PixelMask
        Of one image, not empty.
    """
    near = _neighbours(regions)
    covered = np.zeros(len(regions), int)
    home: dict[int, int] = {}
    for index, cell in enumerate(cells):
        shared = {
            other: shared_pixels((cell.window, cell.crop), (region.window, region.crop))
            for other in near.of(cell)
            if (region := regions[other])
        }
        for other, count in shared.items():
            covered[other] += count
        best = max(shared, key=lambda other: shared[other], default=None)
        if best is not None and 2 * shared[best] > cell.crop.sum():
            home[index] = best
    guests = np.bincount(list(home.values()), minlength=len(regions))
    region_of = {index: region for index, region in home.items() if guests[region] == 1}
    return Pairing(len(cells) + len(regions), region_of, tuple(covered.tolist()))


def pair_sure(found: Sequence[Proposal], regions: Sequence[PixelMask]) -> Pairing:
    """Pair the sure proposals with regions."""
    return pair([proposal.mask for proposal in found if proposal.score >= SURE], regions)


def with_regions(
    found: Sequence[Proposal], regions: Sequence[PixelMask], *, keep_outlines: bool = False
) -> list[Proposal]:
    """Proposals together with regions that agree with them.

    Parameters
    ----------
    found : sequence of Proposal
        Of the network.
    regions : sequence of PixelMask
        Regions of the same image.
    keep_outlines : bool
        Whether the network outlines whole cells in any case, as in fluorescence, where a threshold
        joins nuclei that touch.

    Returns
    -------
    list of Proposal
        Regions that no sure proposal covers are added; their score is the agreement. Where sure
        proposals are only parts of their regions, they have the outlines of the regions, and those
        that lie beside all regions are left out.
    """
    sure = [index for index, proposal in enumerate(found) if proposal.score >= SURE]
    pairing = pair_sure(found, regions)
    if pairing.agreement < AGREEMENT:
        return list(found)
    region_of = {sure[cell]: regions[region] for cell, region in pairing.region_of.items()}
    overlaps = [_iou(found[index].mask, region) for index, region in region_of.items()]
    kept = list(found)
    if not keep_outlines and float(np.median(overlaps)) < SAME_OUTLINE:
        kept = _outlined_anew(found, region_of, regions)
    return kept + _overlooked(regions, pairing, pairing.agreement)


def with_stained(found: Sequence[Proposal], regions: Sequence[PixelMask]) -> list[Proposal]:
    """Proposals of a stained image, and its dark regions that no sure proposal covers."""
    pairing = pair_sure(found, regions)
    return [*found, *_overlooked(regions, pairing, max(pairing.agreement, SURE))]


def _outlined_anew(
    found: Sequence[Proposal], region_of: dict[int, PixelMask], regions: Sequence[PixelMask]
) -> list[Proposal]:
    """Proposals with the outlines of their regions; those beside all regions are left out."""
    near = _neighbours(regions)
    kept = []
    for index, proposal in enumerate(found):
        if index in region_of:
            centre = centre_of(region_of[index], proposal.centre)
            kept.append(replace(proposal, mask=region_of[index], centre=centre))
            continue
        if _covered(proposal.mask, regions, near) >= INSIDE * proposal.area:
            kept.append(proposal)
    return kept


def beside(found: Sequence[Proposal], others: Sequence[Proposal]) -> list[Proposal]:
    """Proposals of which only a small share lies on others."""
    masks = [other.mask for other in others]
    near = _neighbours(masks)
    return [one for one in found if _covered(one.mask, masks, near) < FREE * one.area]


def agreeing(found: Sequence[Proposal], regions: Sequence[PixelMask]) -> list[Proposal]:
    """Proposals that have the outline of a region, with an IoU of at least 0.5."""
    near = _neighbours(regions)
    return [
        one
        for one in found
        if any(_iou(one.mask, regions[index]) >= SAME_CELL for index in near.of(one.mask))
    ]


def _neighbours(masks: Sequence[PixelMask]) -> Neighbours:
    """The masks by their place, under their indices."""
    near = Neighbours()
    for index, mask in enumerate(masks):
        near.add(index, mask)
    return near


def _covered(mask: PixelMask, others: Sequence[PixelMask], near: Neighbours) -> int:
    """Pixels of a mask that lie in others, counted once for each of them."""
    crops = [(others[index].window, others[index].crop) for index in near.of(mask)]
    return sum(shared_pixels((mask.window, mask.crop), crop) for crop in crops)


def _iou(one: PixelMask, other: PixelMask) -> float:
    shared = shared_pixels((one.window, one.crop), (other.window, other.crop))
    return shared / (int(one.crop.sum()) + int(other.crop.sum()) - shared)


def _overlooked(regions: Sequence[PixelMask], pairing: Pairing, score: float) -> list[Proposal]:
    """Proposals of the regions beside all cells, of a usual size and without dents."""
    if not regions:
        return []
    areas = [int(region.crop.sum()) for region in regions]
    smallest, largest = (limit * float(np.median(areas)) for limit in USUAL_AREAS)
    added = []
    for region, area, covered in zip(regions, areas, pairing.covered, strict=True):
        if covered >= FREE * area or not smallest <= area <= largest:
            continue
        shape = regionprops(region.crop.astype(np.uint8))[0]
        if shape.solidity < LEAST_SOLIDITY:
            continue
        middle = (region.corner[0] + shape.centroid[0], region.corner[1] + shape.centroid[1])
        added.append(Proposal(region, score, 1.0, centre_of(region, middle)))
    return added


def size_of(found: Sequence[Proposal]) -> float | None:
    """Typical diameter of the sure proposals in pixels; None if there are none."""
    return typical_size([proposal for proposal in found if proposal.score >= SURE])

"""Proposals: the objects that were found in an image, with their scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.windows import Extent

MEASURED = 2**22  # pixels of a mask whose depth is measured


@dataclass(frozen=True, eq=False)
class Proposal:
    """An object that was found in an image.

    Attributes
    ----------
    mask : PixelMask
        Its pixels, stored as a crop; `numpy.asarray(mask)` is the whole (Y, X) bool mask.
    score : float
        0 to 1. The grid gives the IoU that the network predicts; the centres give the chance that
        the IoU with a cell is at least 0.5.
    stability : float
        0 to 1: IoU of the mask with a stricter and a more generous threshold.
    centre : tuple of float
        (y, x) of the click that made the mask, or of the pixel farthest from its border where the
        click lies outside of the mask. A click there gives the object again.
    scale : int or None
        Side, in pixels of the image, of an entry of the head's maps that saw the object; None if
        the head did not find it.
    """

    mask: PixelMask
    score: float
    stability: float
    centre: tuple[float, float]
    scale: int | None = None

    @property
    def box(self) -> Extent:
        """(y0, x0, y1, x1) edges in pixels."""
        extent = self.mask.extent
        assert extent is not None, "a proposal has pixels"
        return extent

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.mask.crop.sum())

    @property
    def diameter(self) -> float:
        """Diameter of the disc of the same area, in pixels."""
        return float(2 * np.sqrt(self.area / np.pi))


@dataclass(frozen=True)
class CellSize:
    """How large the cells of a movie are, so that a search need not find it out again.

    Attributes
    ----------
    diameter : float
        Of a typical cell, in pixels.
    scale : int or None
        The scale at which a search found the cells, as of `Proposal`. Cells of the same diameter
        are seen best at different scales, so that the diameter alone may give another one. None if
        it is unknown.
    """

    diameter: float
    scale: int | None = None

    @classmethod
    def of(cls, proposals: Sequence[Proposal]) -> CellSize | None:
        """Median diameter and most frequent scale of proposals; None if there are none."""
        diameter = typical_size(proposals)
        if diameter is None:
            return None
        scales = Counter(one.scale for one in proposals if one.scale is not None)
        return cls(diameter, scales.most_common(1)[0][0] if scales else None)


def typical_size(proposals: Sequence[Proposal]) -> float | None:
    """Median diameter of the proposals in pixels.

    Returns
    -------
    float or None
        None if there are no proposals.
    """
    sizes = [proposal.diameter for proposal in proposals]
    return float(np.median(sizes)) if sizes else None


def draw_labels(proposals: Sequence[Proposal], shape: tuple[int, int]) -> NDArray[np.int32]:
    """Draw proposals as labels 1, 2, ... in their order.

    Parameters
    ----------
    proposals : sequence of Proposal
        Of one image.
    shape : tuple of int
        (Y, X) of the image.

    Returns
    -------
    ndarray
        (Y, X) int32, 0 is background. A pixel of several proposals belongs to the best of them.
    """
    labels = np.zeros(shape, np.int32)
    order = sorted(range(len(proposals)), key=lambda index: proposals[index].score)
    for index in order:
        labels[proposals[index].mask.window][proposals[index].mask.crop] = index + 1
    return labels


def centre_of(mask: PixelMask, click: tuple[float, float]) -> tuple[float, float]:
    """The click if it lies in the mask, else the pixel that is farthest from its border."""
    y, x = (round(value) - corner for value, corner in zip(click, mask.corner, strict=True))
    height, width = mask.crop.shape
    if 0 <= y < height and 0 <= x < width and mask.crop[y, x]:
        return float(click[0]), float(click[1])
    step = ceil(sqrt(mask.crop.size / MEASURED))  # a large mask is measured on a coarser grid
    coarse = mask.crop[::step, ::step]
    if not coarse.any():
        step, coarse = 1, mask.crop
    depth = ndimage.distance_transform_edt(np.pad(coarse, 1))[1:-1, 1:-1]
    y, x = (step * int(place) for place in np.unravel_index(depth.argmax(), depth.shape))
    return float(mask.corner[0] + y), float(mask.corner[1] + x)

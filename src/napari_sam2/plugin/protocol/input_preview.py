"""Ask for a preview of the network's input, and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.plugin.protocol.messages import ImageCommand, ImageReport
from napari_sam2.plugin.protocol.sources import ImageSource

if TYPE_CHECKING:
    from numpy.typing import NDArray


SIDE = 192  # pixels of the thumbnail, also on screens with two to a point


@dataclass(frozen=True, eq=False)
class ShowInput(ImageCommand):
    """Show what the network gets of a frame, for one object, if it is opened as `source` says."""

    t: int
    object_id: int
    source: ImageSource


@dataclass(frozen=True, eq=False)
class InputShown(ImageReport):
    """What the network gets.

    Parameters
    ----------
    t : int
        Frame.
    pixels : (SIDE, SIDE, 3) uint8
        Thumbnail of the square input.
    below, above : float
        Share of the pixels that are darker than black and brighter than white.
    """

    t: int
    pixels: NDArray[np.uint8]
    below: float
    above: float

"""Messages for the preview of the network's input: the request and the reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.plugin.protocol.messages import ImageCommand, ImageReport
from napari_sam2.plugin.protocol.sources import ImageSource

if TYPE_CHECKING:
    from numpy.typing import NDArray


SIDE = 192  # side of the thumbnail in image pixels, also on high-density screens


@dataclass(frozen=True, eq=False)
class ShowInput(ImageCommand):
    """Request a preview of the network's input on a frame for one object.

    `source` holds the contrast limits to preview, which may differ from those in use.
    """

    t: int
    object_id: int
    source: ImageSource


@dataclass(frozen=True, eq=False)
class InputShown(ImageReport):
    """The preview of the network's input.

    Parameters
    ----------
    t : int
        Frame.
    pixels : (SIDE, SIDE, 3) uint8
        Thumbnail of the square input image.
    below, above : float
        Fractions of the pixels below the lower and above the upper contrast limit.
    height, width : int
        Size of the part of the frame that the network sees, in pixels.
    side : int
        Side of the network's input in pixels, to which the part is scaled.
    is_whole : bool
        Whether the part is the whole frame.
    gain : int
        How many times brighter than it is the part is shown to the network.
    """

    t: int
    pixels: NDArray[np.uint8]
    below: float
    above: float
    height: int
    width: int
    side: int
    is_whole: bool
    gain: int = 1

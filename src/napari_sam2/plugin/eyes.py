"""What the network gets of a frame, for the user to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from napari_sam2.plugin.messages import ImageCommand, ImageReport
from napari_sam2.plugin.sources import ImageSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.tracking import Frames

SIDE = 192  # pixels of the thumbnail, also on screens with two to a point


class Eyes(Protocol):
    """What is used of a tracker."""

    @property
    def frames(self) -> Frames:
        """The stack."""

    def input_of(self, t: int, object_id: int, frames: Frames) -> NDArray[np.float32]:
        """(S, S, 3) in 0..1, as the network gets it to segment an object."""


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


def look(command: ShowInput, tracker: Eyes, source: ImageSource) -> InputShown:
    """Make the thumbnail, in the inference thread; `source` is how the document was opened."""
    from napari_sam2.tracking import Frames  # loads torch, which the window does not wait for

    frames = tracker.frames
    if command.source.contrast_limits != source.contrast_limits:
        limits, rgb = command.source.contrast_limits, command.source.rgb
        frames = Frames(command.source.data, contrast_limits=limits, rgb=rgb)
    seen = tracker.input_of(command.t, command.object_id, frames)
    picture = Image.fromarray((seen * 255).round().astype(np.uint8))
    small = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX))
    return InputShown(command.image, command.t, small, *frames.clipped(command.t))

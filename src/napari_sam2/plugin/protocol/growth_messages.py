"""Messages about a movie that gets more frames while it is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari_sam2.plugin.protocol.messages import ImageCommand, ImageReport
from napari_sam2.plugin.protocol.sources import ImageSource


@dataclass(frozen=True, eq=False)
class GrowImage(ImageCommand):
    """Add the new frames of a movie, and track the cells that were tracked to its end into them."""

    source: ImageSource


@dataclass(frozen=True, eq=False)
class GrowthOffered(ImageReport):
    """The image came from a folder of images or a zarr array, which may get more frames."""


@dataclass(frozen=True, eq=False)
class MovieGrew(ImageReport):
    """The movie on the disk has new frames.

    `data` are all of its frames, (T, Y, X) or (T, Y, X, 3 or 4), read when they are needed.
    """

    data: Any


@dataclass(frozen=True, eq=False)
class FollowingFailed(ImageReport):
    """The movie on the disk is no longer looked at; `error` is the reason, as a sentence."""

    error: str

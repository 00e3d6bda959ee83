"""Messages of the review: the search for doubtful frames, and timelines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import ImageCommand, ImageReport

if TYPE_CHECKING:
    from napari_sam2.annotation.quality import Timeline


@dataclass(frozen=True, eq=False)
class FindDoubtful(ImageCommand):
    """Find the next doubtful frame, counted from an object on a frame; None is the worst."""

    after: tuple[int, int] | None
    is_backward: bool = False


# Reports


@dataclass(frozen=True, eq=False)
class TimelineChanged(ImageReport):
    """What an object has on every frame."""

    object_id: int
    timeline: Timeline


@dataclass(frozen=True, eq=False)
class PlaceFound(ImageReport):
    """Where the user wants to look now: an object on a frame."""

    t: int
    object_id: int


@dataclass(frozen=True, eq=False)
class NothingDoubtful(ImageReport):
    """Every doubtful frame has been accepted, or there was none."""

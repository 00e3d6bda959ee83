"""Messages for the review: the search for doubtful frames, and timelines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.protocol.messages import ImageCommand, ImageReport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_sam2.annotation.division_proposals import DivisionProposal
    from napari_sam2.annotation.quality import Timeline
    from napari_sam2.annotation.swap_proposals import SwapProposal
    from napari_sam2.annotation.wrong_share import MaskSample
    from napari_sam2.io.project.effort import Effort


@dataclass(frozen=True, eq=False)
class FindDoubtful(ImageCommand):
    """Find the next doubtful frame after a frame and object.

    If `after` is None, the most doubtful frame is found.
    """

    after: tuple[int, int] | None
    is_backward: bool = False


@dataclass(frozen=True, eq=False)
class FindDivisions(ImageCommand):
    """Find frames on which objects may have divided.

    With `t`, only objects that begin on this frame beside their possible mother are found, and
    nothing is reported if there are none.
    """

    t: int | None = None


@dataclass(frozen=True, eq=False)
class CheckBackward(ImageCommand):
    """Track all objects back from their end, and note how far their masks agree."""


@dataclass(frozen=True, eq=False)
class DrawSample(ImageCommand):
    """Draw masks at random for a person to judge."""


@dataclass(frozen=True, eq=False)
class CountSample(ImageCommand):
    """Estimate the share of wrong masks: `wrong` of the `judged` masks of a sample were wrong."""

    wrong: int
    judged: int
    sample: MaskSample


@dataclass(frozen=True, eq=False)
class FindSwaps(ImageCommand):
    """Find objects that may have exchanged their identity."""


@dataclass(frozen=True, eq=False)
class FindTracks(ImageCommand):
    """Find the paths and families of all objects."""


@dataclass(frozen=True, eq=False)
class AskEffort(ImageCommand):
    """Count the time and the corrections that the annotation took."""


# Reports


@dataclass(frozen=True, eq=False)
class SampleDrawn(ImageReport):
    """The masks to judge."""

    sample: MaskSample


@dataclass(frozen=True, eq=False)
class SampleCounted(ImageReport):
    """The share of wrong masks that a sample tells, as text with its interval."""

    wrong: int
    judged: int
    share: str


@dataclass(frozen=True, eq=False)
class SwapsFound(ImageReport):
    """Objects that may have exchanged their identity, the surest first."""

    proposals: tuple[SwapProposal, ...]


@dataclass(frozen=True, eq=False)
class NothingToCheck(ImageReport):
    """All tracked masks were checked before."""


@dataclass(frozen=True, eq=False)
class TimelineChanged(ImageReport):
    """The timeline of an object changed."""

    object_id: int
    timeline: Timeline


@dataclass(frozen=True, eq=False)
class PlaceFound(ImageReport):
    """A frame and an object that the window should display.

    If `is_far`, the object may be outside of the view, which moves there.
    """

    t: int
    object_id: int
    is_far: bool = False


@dataclass(frozen=True, eq=False)
class NothingDoubtful(ImageReport):
    """No doubtful frame remains to be reviewed."""


@dataclass(frozen=True, eq=False)
class DaughterOffered(ImageReport):
    """A new object was clicked where another one, its possible mother, is or has just been."""

    t: int
    object_id: int
    mother: int


@dataclass(frozen=True, eq=False)
class DivisionsFound(ImageReport):
    """The possible divisions, the surest first."""

    proposals: tuple[DivisionProposal, ...]


@dataclass(frozen=True, eq=False)
class TracksFound(ImageReport):
    """The paths of all objects: (N, 4) rows of object, frame, y and x in pixels; and mothers."""

    rows: NDArray[Any]
    parents: Mapping[int, int]


@dataclass(frozen=True, eq=False)
class EffortCounted(ImageReport):
    """The time and the corrections that the annotation took."""

    effort: Effort

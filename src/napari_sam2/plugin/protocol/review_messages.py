"""What the review says to the inference thread, and hears from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import ImageCommand, ImageReport

if TYPE_CHECKING:
    from napari_sam2.annotation.quality import Timeline


@dataclass(frozen=True, eq=False)
class ReviewCommand(ImageCommand):
    """Something that the table, the lanes or a key of the review asks for."""


@dataclass(frozen=True, eq=False)
class RenameObject(ReviewCommand):
    """Give an object another name."""

    object_id: int
    name: str


@dataclass(frozen=True, eq=False)
class SetStatus(ReviewCommand):
    """Say how far the review of some objects has come: "draft", "reviewed" or "rejected"."""

    object_ids: tuple[int, ...]
    status: str


@dataclass(frozen=True, eq=False)
class LockFrames(ReviewCommand):
    """Lock frames of an object, or unlock them."""

    object_id: int
    frames: range
    is_locked: bool


@dataclass(frozen=True, eq=False)
class AcceptFrames(ReviewCommand):
    """Say that an object is right on some frames, or take that back."""

    object_id: int
    frames: range
    is_accepted: bool = True


@dataclass(frozen=True, eq=False)
class FindDoubtful(ReviewCommand):
    """Find the next doubtful frame, counted from an object on a frame; None is the worst."""

    after: tuple[int, int] | None
    is_backward: bool = False


@dataclass(frozen=True, eq=False)
class Restructure(ReviewCommand):
    """A change of masks and objects that a run cannot survive."""


@dataclass(frozen=True, eq=False)
class RemoveObjects(Restructure):
    """Delete objects with their prompts and masks."""

    object_ids: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ClearMasks(Restructure):
    """Delete masks and prompts of an object on some frames; locked ones stay."""

    object_id: int
    frames: range


@dataclass(frozen=True, eq=False)
class MergeObjects(Restructure):
    """Make several objects one, which keeps the number `kept`."""

    kept: int
    others: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class SplitObject(Restructure):
    """Cut an object: from frame `t` on it is a new one."""

    object_id: int
    t: int


@dataclass(frozen=True, eq=False)
class SwapObjects(Restructure):
    """Exchange two objects from frame `t` on."""

    one: int
    other: int
    t: int


@dataclass(frozen=True, eq=False)
class DivideObject(Restructure):
    """A cell divides: the object ends before frame `t`, and two daughters begin there."""

    object_id: int
    t: int


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

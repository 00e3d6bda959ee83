"""Journal entries: the events from which an annotation can be rebuilt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, SupportsIndex

from napari_sam2.annotation.objects import checked_integer, checked_object_id

if TYPE_CHECKING:
    from napari_sam2.annotation.actions import Group
    from napari_sam2.tracking import ObjectState


@dataclass(frozen=True)
class Request:
    """Arguments of a propagation.

    Attributes
    ----------
    start, stop : int or None
        Range of frames ``[start, stop)``; None is the end of the stack.
    direction : str
        ``"forward"``, ``"backward"`` or ``"both"``.
    object_ids : tuple of int or None
        Objects to carry; None is all.
    until_locked : bool
        Whether each object stops before the first locked frame that it meets.
    """

    start: int | None
    stop: int | None
    direction: str
    object_ids: tuple[int, ...] | None
    until_locked: bool = False

    @classmethod
    def checked(
        cls,
        start: SupportsIndex | None,
        stop: SupportsIndex | None,
        direction: str,
        object_ids: Iterable[SupportsIndex] | None,
        until_locked: bool = False,
    ) -> Request:
        """Request with plain integers; a TypeError for anything else."""
        return cls(
            None if start is None else checked_integer(start, "start"),
            None if stop is None else checked_integer(stop, "stop"),
            direction,
            None if object_ids is None else tuple(map(checked_object_id, object_ids)),
            bool(until_locked),
        )

    def frames_in(self, length: int) -> range | None:
        """Frames asked for in a stack of `length` frames; None if all of them."""
        frames = range(*slice(self.start, self.stop).indices(length))
        return None if len(frames) == length else frames


@dataclass(frozen=True, eq=False)
class Entry:
    """One event of a journal."""


@dataclass(frozen=True, eq=False)
class Recorded(Entry):
    """A group was done and is an undo step."""

    group: Group


@dataclass(frozen=True, eq=False)
class Undone(Entry):
    """The last group was undone; None if the reader of the journal has it already."""

    group: Group | None


@dataclass(frozen=True, eq=False)
class Redone(Entry):
    """The last undone group was redone; None if the reader of the journal has it already."""

    group: Group | None


@dataclass(frozen=True, eq=False)
class Forgotten(Entry):
    """Undone groups can no longer be redone."""


@dataclass(frozen=True, eq=False)
class Folded(Entry):
    """The last `count` groups are one group from now on."""

    count: int
    text: str


@dataclass(frozen=True, eq=False)
class Began(Entry):
    """A propagation began to write frames; its group is recorded when it ends."""

    request: Request


@dataclass(frozen=True, eq=False)
class Advanced(Entry):
    """A propagation wrote frame `t`: prompts, masks and locks of its objects there."""

    t: int
    states: Mapping[int, ObjectState | None]


@dataclass(frozen=True, eq=False)
class ModelChanged(Entry):
    """A document without objects took the objects of another one, which is no undo step."""

    group: Group
    largest_id: int


@dataclass(frozen=True, eq=False)
class Ended(Entry):
    """The last propagation ended; its group is the frames that it has written."""


@dataclass(frozen=True, eq=False)
class Called(Entry):
    """A call that a replay can repeat: names of the method and of its arguments."""

    name: str
    arguments: Mapping[str, Any]

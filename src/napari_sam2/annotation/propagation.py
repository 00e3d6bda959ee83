"""A propagation that is not finished yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsIndex

from napari_sam2.annotation.actions import Propagate, SetMasklet, SetReviewed
from napari_sam2.annotation.objects import checked_integer, checked_object_id

if TYPE_CHECKING:
    from napari_sam2.annotation.content import Content
    from napari_sam2.annotation.entries import Advanced
    from napari_sam2.tracking import FrameResult, ObjectState


@dataclass(frozen=True)
class Request:
    """What a propagation was asked for.

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


class OpenPropagation:
    """What a propagation found when it began, and what it has written since.

    Parameters
    ----------
    content : Content
        Document content before the first frame is written.
    request : Request
        What was asked for.
    """

    def __init__(self, content: Content, request: Request) -> None:
        self._content = content
        self._request = request
        self._scope = request.frames_in(len(content.labels))
        chosen = request.object_ids
        self._before = self._states(content.tracker.object_ids if chosen is None else chosen)
        self._frames: list[int] = []
        self._frames_of: dict[int, set[int]] = {}
        self._reviewed = dict(content.reviewed)

    @property
    def is_empty(self) -> bool:
        """Whether no frame has been written yet."""
        return not self._frames

    @property
    def text(self) -> str:
        """What was done, for a menu."""
        objects, frames = len(self._frames_of), len(set(self._frames))
        return f"track {_counted(objects, 'object')} over {_counted(frames, 'frame')}"

    def add(self, result: FrameResult | Advanced) -> None:
        """Remember that the tracker wrote the masks of `result`."""
        self._frames.append(result.t)
        for object_id in result.object_ids:
            self._frames_of.setdefault(object_id, set()).add(result.t)

    def group(self) -> Propagate | None:
        """All that was written so far as one undo step; None if nothing was."""
        if self.is_empty:
            return None
        return Propagate(
            text=self.text,
            actions=(*self._masklets(), *self._withdrawals()),
            start=self._request.start,
            stop=self._request.stop,
            direction=self._request.direction,
            frames=tuple(self._frames),
        )

    def _masklets(self) -> tuple[SetMasklet, ...]:
        after = self._states(self._frames_of)
        return tuple(
            SetMasklet(object_id, self._before[object_id], after[object_id], frozenset(frames))
            for object_id, frames in self._frames_of.items()
        )

    def _withdrawals(self) -> tuple[SetReviewed, ...]:
        """What was accepted before and has been written over."""
        now = self._content.reviewed
        return tuple(
            SetReviewed(object_id, before, now.get(object_id, frozenset()))
            for object_id, before in self._reviewed.items()
            if before != now.get(object_id)
        )

    def _states(self, object_ids: Iterable[int]) -> dict[int, ObjectState | None]:
        return {object_id: self._content.state(object_id, self._scope) for object_id in object_ids}


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

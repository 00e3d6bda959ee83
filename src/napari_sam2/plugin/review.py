"""What the user can do in a review: each is one command to the inference thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from napari_sam2.plugin.review_messages import (
    AcceptFrames,
    ClearMasks,
    DivideObject,
    FindDoubtful,
    LockFrames,
    MergeObjects,
    RemoveObjects,
    RenameObject,
    SetStatus,
    SplitObject,
    SwapObjects,
)

if TYPE_CHECKING:
    from napari_sam2.plugin.messages import Command
    from napari_sam2.plugin.session import ImageSession


class Review:
    """Turns wishes about the current object and the shown frame into commands.

    Parameters
    ----------
    place : callable
        Gives the session of the chosen image and the frame that is shown; no session if none.
    acting_place : callable
        The same for what changes the shown frame; no session where the image has no such frame.
    send : callable
        Gets the commands.
    """

    def __init__(
        self,
        place: Callable[[], tuple[ImageSession | None, int]],
        acting_place: Callable[[], tuple[ImageSession | None, int]],
        send: Callable[[Command], None],
    ) -> None:
        self._place = place
        self._acting_place = acting_place
        self._send = send

    # The shown frame

    def find_doubtful(self, is_backward: bool = False) -> None:
        """Go to the next frame that should be looked at, the worst one first."""
        session, t = self._place()
        if session is not None:
            object_id = session.current_object
            here = (t, object_id) if object_id in session.objects else None
            self._send(FindDoubtful(session.number, here, is_backward))

    def toggle_accepted(self) -> None:
        """The current object is right on the shown frame; or that is taken back."""
        session, t = self._acting_place()
        if session is not None and session.can_accept(t):
            is_accepted = session.is_accepted(t)
            self.accept(session.current_object, range(t, t + 1), not is_accepted)

    def toggle_lock(self) -> None:
        """Lock the current object on the shown frame, or unlock it."""
        session, t = self._acting_place()
        if session is not None and session.can_lock(t):
            self.lock(session.current_object, range(t, t + 1), not session.is_locked(t))

    def divide(self) -> None:
        """The current object ends before the shown frame, two daughters begin on it."""
        session, t = self._acting_place()
        if session is not None and session.current_object in session.objects:
            self._send(DivideObject(session.number, session.current_object, t))

    # Frames of an object

    def accept(self, object_id: int, frames: range, is_accepted: bool = True) -> None:
        """Say that an object is right on frames."""
        self._about(lambda number: AcceptFrames(number, object_id, frames, is_accepted))

    def lock(self, object_id: int, frames: range, is_locked: bool) -> None:
        """Lock or unlock frames."""
        self._about(lambda number: LockFrames(number, object_id, frames, is_locked))

    def clear(self, object_id: int, frames: range) -> None:
        """Delete masks and prompts on frames."""
        self._about(lambda number: ClearMasks(number, object_id, frames))

    # Objects

    def rename(self, object_id: int, name: str) -> None:
        """Give an object another name."""
        self._about(lambda number: RenameObject(number, object_id, name))

    def set_status(self, object_ids: Sequence[int], status: str) -> None:
        """Say how far the review of objects has come."""
        self._about(lambda number: SetStatus(number, tuple(object_ids), status))

    def remove(self, object_ids: Sequence[int]) -> None:
        """Delete objects."""
        self._about(lambda number: RemoveObjects(number, tuple(object_ids)))

    def merge(self, object_ids: Sequence[int]) -> None:
        """Make objects one; the first keeps its number."""
        kept, *others = object_ids
        self._about(lambda number: MergeObjects(number, kept, tuple(others)))

    def split(self, object_id: int) -> None:
        """A new object from the shown frame on."""
        session, t = self._acting_place()
        if session is not None:
            self._send(SplitObject(session.number, object_id, t))

    def swap(self, one: int, other: int) -> None:
        """Exchange two objects from the shown frame on."""
        session, t = self._acting_place()
        if session is not None:
            self._send(SwapObjects(session.number, one, other, t))

    def _about(self, command: Callable[[int], Command]) -> None:
        session, _ = self._place()
        if session is not None:
            self._send(command(session.number))

"""What the user can do in a review: each is one command to the inference thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.review_messages import (
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
    from napari_sam2.plugin.protocol.messages import Command
    from napari_sam2.plugin.window.image_state import ImageState


class ReviewActions:
    """Turns wishes about the current object and the shown frame into commands.

    Parameters
    ----------
    place : callable
        Gives the state of the chosen image and the frame that is shown; no state if none.
    acting_place : callable
        The same for what changes the shown frame; no state where the image has no such frame.
    send : callable
        Gets the commands.
    """

    def __init__(
        self,
        place: Callable[[], tuple[ImageState | None, int]],
        acting_place: Callable[[], tuple[ImageState | None, int]],
        send: Callable[[Command], None],
    ) -> None:
        self._place = place
        self._acting_place = acting_place
        self._send = send

    # The shown frame

    def find_doubtful(self, is_backward: bool = False) -> None:
        """Go to the next frame that should be looked at, the worst one first."""
        image_state, t = self._place()
        if image_state is not None:
            object_id = image_state.current_object
            here = (t, object_id) if object_id in image_state.objects else None
            self._send(FindDoubtful(image_state.number, here, is_backward))

    def toggle_accepted(self) -> None:
        """The current object is right on the shown frame; or that is taken back."""
        image_state, t = self._acting_place()
        if image_state is not None and image_state.can_accept(t):
            is_accepted = image_state.is_accepted(t)
            self.accept(image_state.current_object, range(t, t + 1), not is_accepted)

    def toggle_lock(self) -> None:
        """Lock the current object on the shown frame, or unlock it."""
        image_state, t = self._acting_place()
        if image_state is not None and image_state.can_lock(t):
            self.lock(image_state.current_object, range(t, t + 1), not image_state.is_locked(t))

    def divide(self) -> None:
        """The current object ends before the shown frame, two daughters begin on it."""
        image_state, t = self._acting_place()
        if image_state is not None and image_state.current_object in image_state.objects:
            self._send(DivideObject(image_state.number, image_state.current_object, t))

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
        image_state, t = self._acting_place()
        if image_state is not None:
            self._send(SplitObject(image_state.number, object_id, t))

    def swap(self, one: int, other: int) -> None:
        """Exchange two objects from the shown frame on."""
        image_state, t = self._acting_place()
        if image_state is not None:
            self._send(SwapObjects(image_state.number, one, other, t))

    def _about(self, command: Callable[[int], Command]) -> None:
        image_state, _ = self._place()
        if image_state is not None:
            self._send(command(image_state.number))

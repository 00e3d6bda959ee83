"""Edits that the user makes with buttons, keys and menus, as calls of the annotation's methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari_sam2.annotation.journal_entries import Called
from napari_sam2.annotation.objects import Status
from napari_sam2.io.project.reviewer import reviewer_name
from napari_sam2.plugin.protocol.messages import Edit
from napari_sam2.plugin.protocol.review_messages import FindDoubtful, NothingDoubtful
from napari_sam2.plugin.startup.error_notifications import show_info

if TYPE_CHECKING:
    from napari_sam2.plugin.protocol.messages import Command
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers


class ReviewActions:
    """Edits of the chosen image, the current object and the shown frame.

    Parameters
    ----------
    place : callable
        Gives the state of the chosen image and the frame that is shown; no state if none.
    acting_place : callable
        The same for edits of the shown frame; no state where the image has no such frame.
    send : callable
        Takes commands to the inference thread.
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
        self.handlers: Handlers = {
            NothingDoubtful: lambda report: show_info("No doubtful frames are left to review.")
        }

    def edit(self, name: str, /, **arguments: Any) -> None:
        """Call a method of the chosen image's annotation.

        Parameters
        ----------
        name : str
            A method that changes an annotation, such as ``"rename_object"``.
        **arguments
            Its arguments by name.
        """
        image_state, _ = self._place()
        if image_state is not None:
            self._send(Edit(image_state.number, (Called(name, arguments),)))

    def edit_here(self, name: str, /, **arguments: Any) -> None:
        """Call a method as `edit` does, with the shown frame as its argument `t`."""
        image_state, t = self._acting_place()
        if image_state is not None:
            self.edit(name, **arguments, t=t)

    def edit_together(self, text: str, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Call a method once with each row of arguments; all calls are one undo step `text`."""
        image_state, _ = self._place()
        if image_state is not None:
            calls = tuple(Called(name, arguments) for arguments in rows)
            self._send(Edit(image_state.number, calls, text))

    def undo(self) -> None:
        """Undo the last change."""
        self.edit("undo")

    def redo(self) -> None:
        """Redo the last change that was undone."""
        self.edit("redo")

    # The shown frame

    def find_doubtful(self, is_backward: bool = False) -> None:
        """Go to the next doubtful frame that is not reviewed, the worst one first."""
        image_state, t = self._place()
        if image_state is not None:
            object_id = image_state.current_object
            here = (t, object_id) if object_id in image_state.objects else None
            self._send(FindDoubtful(image_state.number, here, is_backward))

    def toggle_accepted(self) -> None:
        """Mark the current object as reviewed on the shown frame or volume, or remove the mark."""
        image_state, t = self._acting_place()
        if image_state is not None and image_state.can_accept(t):
            is_accepted = image_state.is_accepted(t)
            frames = image_state.frames_with(t)
            self.accept(image_state.current_object, frames, not is_accepted)

    def toggle_lock(self) -> None:
        """Lock the current object on the shown frame, in 3D in its volume, or unlock it."""
        image_state, t = self._acting_place()
        if image_state is not None and image_state.can_lock(t):
            frames, is_locked = image_state.frames_with(t), image_state.is_locked(t)
            self.lock(image_state.current_object, frames, not is_locked)

    def set_mother(self, object_id: int, mother: int) -> None:
        """Make an object the daughter of another one; 0 removes its mother."""
        if mother:
            self.edit("link_daughters", daughters=(object_id,), mother=mother)
        else:
            self.edit("set_parent", object_id=object_id, parent=None)

    def dissolve(self, mother: int, daughter: int) -> None:
        """Remove a division: the mother goes on in one of her daughters."""
        self.edit("merge_objects", keep=mother, other=daughter)

    def move_division(self, mother: int) -> None:
        """Let the daughters of an object begin on the shown frame."""
        image_state, t = self._acting_place()
        if image_state is not None:
            self.edit("move_division", mother=mother, t=t)

    def split(self, object_id: int) -> None:
        """Split an object: from the shown frame on its masks become a new object."""
        self.edit_here("split_object", object_id=object_id)

    def swap(self, object_id: int, other: int) -> None:
        """Swap two objects from the shown frame on."""
        self.edit_here("swap_objects", object_id=object_id, other=other)

    # Frames of an object

    def accept(self, object_id: int, frames: range, is_accepted: bool = True) -> None:
        """Mark an object as reviewed on some frames, or remove the mark."""
        self.edit("accept" if is_accepted else "unaccept", object_id=object_id, frames=frames)

    def mark_wrong(self, object_id: int, frames: range) -> None:
        """Mark masks of an object as wrong on some frames."""
        self.edit("mark_wrong", object_id=object_id, frames=frames)

    def lock(self, object_id: int, frames: range, is_locked: bool) -> None:
        """Lock or unlock an object on some frames."""
        self.edit("lock" if is_locked else "unlock", object_id=object_id, frames=frames)

    def clear(self, object_id: int, frames: range) -> None:
        """Delete masks and prompts of an object on some frames."""
        self.edit("clear_masks", object_id=object_id, frames=frames)

    # Objects

    def rename(self, object_id: int, name: str) -> None:
        """Rename an object."""
        self.edit("rename_object", object_id=object_id, name=name)

    def judge(self, object_ids: Sequence[int], status: str) -> None:
        """Set the review status of some objects, and record who did it and when."""
        verdict = {"status": Status(status), "by": reviewer_name(), "at": time.time()}
        rows = [{"object_id": key, **verdict} for key in object_ids]
        self.edit_together(f"mark {_cells(object_ids)} as {status}", "judge", rows)

    def remove(self, object_ids: Sequence[int]) -> None:
        """Delete some objects."""
        rows = [{"object_id": key} for key in object_ids]
        self.edit_together(f"remove {_cells(object_ids)}", "remove_object", rows)

    def merge(self, object_ids: Sequence[int]) -> None:
        """Merge several objects; the first one keeps its number."""
        keep, *others = object_ids
        rows = [{"keep": keep, "other": other} for other in others]
        self.edit_together(f"merge {_cells(object_ids)}", "merge_objects", rows)


def _cells(object_ids: Sequence[int]) -> str:
    """Numbers of objects for an undo text: "cell 3", "cells 1, 2"."""
    noun = "cell" if len(object_ids) == 1 else "cells"
    return f"{noun} {', '.join(map(str, object_ids))}"

"""Review: locks, reviewed frames, and the clearing of masks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, SupportsIndex

from napari_sam2.annotation.actions import (
    Action,
    Group,
    MaskVerdict,
    Operation,
    SetLocks,
    SetMarkedWrong,
    SetMasklet,
    SetObject,
    SetReviewed,
)
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.objects import Status, Verdict
from napari_sam2.annotation.undo_texts import frames_text
from napari_sam2.errors import ObjectError

if TYPE_CHECKING:
    from napari_sam2.annotation.document import Document


class Review:
    """Locks frames, marks them as reviewed, and clears wrong masks.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._state = document.state

    # Locks

    @journaled
    def lock(self, object_id: int, frames: Iterable[SupportsIndex] | None = None) -> None:
        """Lock the mask of an object, as it is in the labels, on some frames.

        The model does not write locked frames, no other object takes a pixel of a locked mask, and
        the model uses locked masks like prompts when it tracks other frames.

        Parameters
        ----------
        object_id : int
            The object.
        frames : iterable of int, optional
            Frames, with or without a mask; by default all frames with a mask.

        Raises
        ------
        ValueError
            If there is no such object or frame.
        """
        self._state.known(object_id)
        if frames is None:
            chosen = self._state.visible_frames(object_id)
        else:
            chosen = self._state.checked_frames(frames)
        self._set_locks(object_id, chosen - self.locked_frames(object_id), is_locking=True)

    @journaled
    def unlock(self, object_id: int, frames: Iterable[SupportsIndex] | None = None) -> None:
        """Allow the model and other objects to change an object on some frames again.

        Parameters
        ----------
        object_id : int
            The object.
        frames : iterable of int, optional
            Frames; by default all locked frames.

        Raises
        ------
        ValueError
            If there is no such object or frame.
        """
        self._state.known(object_id)
        chosen = self.locked_frames(object_id)
        if frames is not None:
            chosen &= self._state.checked_frames(frames)
        self._set_locks(object_id, chosen, is_locking=False)

    def locked_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which an object is locked."""
        self._state.known(object_id)
        return self._state.locked_frames(object_id)

    def _set_locks(self, object_id: int, frames: frozenset[int], *, is_locking: bool) -> None:
        if not frames:
            return
        state, tracker = self._state, self._state.tracker
        before = state.object_state(object_id, frames)
        running = self._document.running_group()
        if before is None:
            raise ObjectError("{0} has no mask yet: click it before locking it", object_id)
        if is_locking:
            tracker.lock(object_id, frames, lambda t: state.labels[t])
        else:
            tracker.unlock(object_id, frames)
        state.stale.add(object_id)
        after = state.object_state(object_id, frames)
        assert after is not None
        change = SetLocks(object_id, before, after, frames, is_locking, not is_locking)
        verb = "lock" if is_locking else "unlock"
        group = Group(f"{verb} {frames_text(frames)} of cell {object_id}", (change,))
        self._document.settle(group, running, state.labels)

    # Reviewed frames

    @journaled
    def accept(self, object_id: int, frames: Iterable[SupportsIndex]) -> None:
        """Mark an object as reviewed on some frames: a person has seen that its mask is right.

        A mask that changes later is no longer reviewed. A reviewed mask is not marked as wrong.

        Parameters
        ----------
        object_id : int
            The object.
        frames : iterable of int
            The frames.

        Raises
        ------
        ValueError
            If there is no such object or frame.
        """
        before, wrong = self.reviewed_frames(object_id), self.wrong_frames(object_id)
        chosen = self._state.checked_frames(frames)
        self._set_verdicts("reviewed", object_id, before | chosen, wrong - chosen)

    @journaled
    def unaccept(self, object_id: int, frames: Iterable[SupportsIndex]) -> None:
        """Mark an object as not reviewed on some frames; the arguments are those of `accept`."""
        before, wrong = self.reviewed_frames(object_id), self.wrong_frames(object_id)
        chosen = self._state.checked_frames(frames)
        self._set_verdicts("not reviewed", object_id, before - chosen, wrong)

    @journaled
    def mark_wrong(self, object_id: int, frames: Iterable[SupportsIndex]) -> None:
        """Mark masks of an object as wrong: a person has seen it and has not corrected them yet.

        Such a mask is doubtful, and the chances of an error of the whole movie take it into
        account. The mark is gone when the mask changes or is accepted.

        Parameters
        ----------
        object_id : int
            The object.
        frames : iterable of int
            The frames.

        Raises
        ------
        ValueError
            If there is no such object or frame, or if the frames are planes of volumes.
        """
        self._state.check_movie("mark for wrong masks")
        before, wrong = self.reviewed_frames(object_id), self.wrong_frames(object_id)
        chosen = self._state.checked_frames(frames)
        self._set_verdicts("wrong", object_id, before - chosen, wrong | chosen)

    def wrong_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which a person marked the mask of an object as wrong."""
        self._state.known(object_id)
        return self._state.marked_wrong.get(object_id, frozenset())

    def reviewed_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which an object is reviewed."""
        self._state.known(object_id)
        return self._state.reviewed.get(object_id, frozenset())

    def _set_verdicts(
        self, mark: str, object_id: int, reviewed: frozenset[int], wrong: frozenset[int]
    ) -> None:
        actions = self._verdict_changes(object_id, reviewed, wrong)
        if actions:
            frames = frozenset().union(*(change.before ^ change.after for change in actions))
            text = f"mark {frames_text(frames)} of cell {object_id} as {mark}"
            self._document.perform(Group(text, tuple(actions)))

    def _verdict_changes(
        self, object_id: int, reviewed: frozenset[int], wrong: frozenset[int]
    ) -> list[MaskVerdict]:
        """Actions that set the frames that are reviewed and those that are marked as wrong."""
        changes = (
            SetReviewed(object_id, self.reviewed_frames(object_id), reviewed),
            SetMarkedWrong(object_id, self.wrong_frames(object_id), wrong),
        )
        return [change for change in changes if change.before != change.after]

    # Verdicts on whole objects

    @journaled
    def judge(self, object_id: int, status: Status, by: str, at: float) -> None:
        """Give an object its status after looking through all its frames.

        The status "reviewed" marks every frame as reviewed and none as wrong; where a mask changes
        later, the frame is no longer reviewed, and `is_satisfactory` is False until the object is
        judged again. Another status after "reviewed" takes the marks of all frames back.

        Parameters
        ----------
        object_id : int
            The object.
        status : Status
            The verdict, or its text such as ``"to refine"``.
        by : str
            Name of the person who judged.
        at : float
            When, in seconds since 1970.

        Raises
        ------
        ValueError
            If there is no such object or status.
        """
        before, status = self._state.known(object_id), Status(status)
        object_id = before.object_id
        after = replace(before, status=status, verdict=Verdict(str(by), float(at)))
        actions: list[Action] = [SetObject(object_id, before, after)]
        frames, wrong = self.reviewed_frames(object_id), self.wrong_frames(object_id)
        if status is Status.REVIEWED:
            frames, wrong = frozenset(range(self._state.shape[0])), frozenset()
        elif before.status is Status.REVIEWED:
            frames = frozenset()
        actions += self._verdict_changes(object_id, frames, wrong)
        self._document.perform(Group(f"mark cell {object_id} as {status}", tuple(actions)))

    def is_satisfactory(self, object_id: int) -> bool:
        """Whether a person found all masks of an object right, and none has changed since.

        The status of an object that was set without a verdict, as older versions did, counts as it
        is.

        Raises
        ------
        ValueError
            If there is no such object.
        """
        known = self._state.known(object_id)
        is_unchanged = len(self.reviewed_frames(object_id)) == self._state.shape[0]
        return known.status is Status.REVIEWED and (known.verdict is None or is_unchanged)

    # Clearing

    @journaled
    def clear_masks(self, object_id: int, frames: Iterable[SupportsIndex]) -> None:
        """Remove masks and prompts of an object from some frames, except from locked ones.

        Parameters
        ----------
        object_id : int
            The object.
        frames : iterable of int
            The frames.

        Raises
        ------
        ValueError
            If there is no such object or frame.
        """
        self._state.known(object_id)
        chosen = self._state.checked_frames(frames) - self.locked_frames(object_id)
        state = self._state.object_state(object_id, chosen)
        if state is None or not state.records:
            return
        there, prompted = frozenset(state.records), frozenset(state.prompted)
        change: Action = SetMasklet(object_id, state, state.cleared(), there, prompted)
        text = f"clear {frames_text(there)} of cell {object_id}"
        data = {"action": "clear masks", "object": object_id, "frames": sorted(there)}
        self._document.perform(Operation(text, (change,), data))

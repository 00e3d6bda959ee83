"""Review of a document: what is locked, what is accepted, and what should be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import SupportsIndex

import numpy as np

from napari_sam2.annotation.actions import (
    Action,
    Group,
    Operation,
    SetLocks,
    SetMasklet,
    SetReviewed,
)
from napari_sam2.annotation.changes import Document
from napari_sam2.annotation.journal import UNDO_BYTES, journaled
from napari_sam2.annotation.objects import checked_integer
from napari_sam2.annotation.quality import Timeline, find_doubts, grade
from napari_sam2.annotation.state import DocumentState
from napari_sam2.tracking import Tracker


class Review(Document):
    """What a person has looked at and what is left to see."""

    def __init__(self, tracker: Tracker, *, undo_bytes: int = UNDO_BYTES) -> None:
        super().__init__(tracker, undo_bytes=undo_bytes)
        self._timelines: dict[int, Timeline] = {}

    # Locks

    @journaled
    def lock(self, object_id: int, frames: Iterable[SupportsIndex] | None = None) -> None:
        """Fix an object as it is seen on some frames.

        The model does not write them any more, no other object takes a pixel from it there, and
        its masks there condition those of other frames as prompted ones do.

        Parameters
        ----------
        object_id : int
            The object.
        frames : iterable of int, optional
            Frames, also without a mask; by default all those on which it has one.

        Raises
        ------
        ValueError
            If there is no such object or frame.
        """
        self._known(object_id)
        if frames is None:
            chosen = frozenset(np.flatnonzero(self.timeline(object_id).has_mask).tolist())
        else:
            chosen = self._checked_frames(frames)
        self._set_locks(object_id, chosen - self.locked_frames(object_id), is_locking=True)

    @journaled
    def unlock(self, object_id: int, frames: Iterable[SupportsIndex] | None = None) -> None:
        """Let the model and other objects have their way again.

        Parameters
        ----------
        object_id : int
            The object.
        frames : iterable of int, optional
            Frames; by default all that are locked.

        Raises
        ------
        ValueError
            If there is no such object or frame.
        """
        self._known(object_id)
        chosen = self.locked_frames(object_id)
        if frames is not None:
            chosen &= self._checked_frames(frames)
        self._set_locks(object_id, chosen, is_locking=False)

    def locked_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which an object is locked."""
        self._known(object_id)
        return self._state.locked_frames(object_id)

    def _set_locks(self, object_id: int, frames: frozenset[int], *, is_locking: bool) -> None:
        if not frames:
            return
        document_state, tracker = self._state, self._state.tracker
        before = document_state.state(object_id, frames)
        running = self._running()
        if before is None:
            raise ValueError(f"object {object_id} has no mask yet: click it before locking it")
        if is_locking:
            tracker.lock(object_id, frames, lambda t: document_state.labels[t])
        else:
            tracker.unlock(object_id, frames)
        document_state.stale.add(object_id)
        after = document_state.state(object_id, frames)
        assert after is not None
        change = SetLocks(object_id, before, after, frames, is_locking, not is_locking)
        verb = "lock" if is_locking else "unlock"
        group = Group(f"{verb} object {object_id} on {_counted(frames)}", (change,))
        self._settle(group, running, document_state.labels)

    # Accepting

    @journaled
    def accept(self, object_id: int, frames: Iterable[SupportsIndex]) -> None:
        """Say that a person has seen an object on some frames and found it right.

        Once its mask changes there it is no longer accepted.

        Raises
        ------
        ValueError
            If there is no such object or frame.
        """
        before = self.reviewed_frames(object_id)
        self._set_reviewed("accept", object_id, before, before | self._checked_frames(frames))

    @journaled
    def unaccept(self, object_id: int, frames: Iterable[SupportsIndex]) -> None:
        """Take `accept` back on some frames; otherwise as there."""
        before = self.reviewed_frames(object_id)
        self._set_reviewed("withdraw", object_id, before, before - self._checked_frames(frames))

    def reviewed_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which a person has accepted an object."""
        self._known(object_id)
        return self._state.reviewed.get(object_id, frozenset())

    def _set_reviewed(
        self, verb: str, object_id: int, before: frozenset[int], after: frozenset[int]
    ) -> None:
        if before != after:
            change = SetReviewed(object_id, before, after)
            text = f"{verb} object {object_id} on {_counted(before ^ after)}"
            self._perform(Group(text, (change,)))

    # Clearing

    @journaled
    def clear_masks(self, object_id: int, frames: Iterable[SupportsIndex]) -> None:
        """Take masks and prompts of an object from some frames; locked ones stay.

        Raises
        ------
        ValueError
            If there is no such object or frame.
        """
        self._known(object_id)
        chosen = self._checked_frames(frames) - self.locked_frames(object_id)
        state = self._state.state(object_id, chosen)
        if state is None or not state.records:
            return
        there, prompted = frozenset(state.records), frozenset(state.prompted)
        change: Action = SetMasklet(object_id, state, state.cleared(), there, prompted)
        text = f"clear object {object_id} on {_counted(there)}"
        data = {"action": "clear masks", "object": object_id, "frames": sorted(there)}
        self._perform(Operation(text, (change,), data))

    # Looking

    def timeline(self, object_id: int) -> Timeline:
        """What there is of an object on each frame, and how good it is.

        Only what changed since the last call is computed anew; do not change the arrays.

        Raises
        ------
        ValueError
            If there is no such object.
        """
        self._known(object_id)
        document_state = self._state
        stale = document_state.stale | document_state.measures.update(document_state.labels)
        document_state.stale.clear()
        for changed in stale:
            self._timelines.pop(changed, None)
        found = self._timelines.get(object_id)
        if found is None:
            found = self._timelines[object_id] = make_timeline(document_state, object_id)
        return found

    def next_doubtful(
        self, after: tuple[int, int] | None = None, backward: bool = False
    ) -> tuple[int, int] | None:
        """The next mask that a person should look at: doubtful, not accepted, the worst first.

        Parameters
        ----------
        after : (t, object_id), optional
            Go on from this mask, which may be accepted by now. Without it, or if nothing about it
            is doubtful any more, begin with the worst one.
        backward : bool
            Go from the less to the more doubtful ones, and begin with the least doubtful one.

        Returns
        -------
        (t, object_id) or None
            None if no more is left in this direction.

        Raises
        ------
        ValueError
            If frame `t` is not in the stack.
        """
        if after is not None:
            self._state.check_frame(after[0])
        order: list[tuple[float, int, int]] = []
        here: tuple[float, int, int] | None = None
        for object_id in sorted(self._state.objects):
            timeline = self.timeline(object_id)
            severity = timeline.severity
            if after is not None and object_id == after[1]:
                here = (-float(severity[after[0]]), *after)
            for t in np.flatnonzero((severity > 0) & ~timeline.is_reviewed).tolist():
                order.append((-float(severity[t]), t, object_id))
        order.sort(reverse=backward)
        if here is None or here[0] == 0:
            return order[0][1:] if order else None
        for place in order:
            if place > here if not backward else place < here:
                return place[1:]
        return None

    def _checked_frames(self, frames: Iterable[SupportsIndex]) -> frozenset[int]:
        chosen = frozenset(checked_integer(t, "frame") for t in frames)
        for t in chosen:
            self._state.check_frame(t)
        return chosen


def make_timeline(document_state: DocumentState, object_id: int) -> Timeline:
    """Put together what is known of an object on each frame."""
    length = len(document_state.labels)
    trace = document_state.measures.trace(object_id)
    is_prompted, is_locked, is_reviewed, has_record = np.zeros((4, length), bool)
    predicted_iou, occlusion_score = np.full((2, length), np.nan, np.float32)
    state = document_state.state(object_id)
    if state is not None:
        is_prompted[list(state.prompted)] = True
        is_locked[list(document_state.locked_frames(object_id))] = True
        for t in state.records:
            scores = document_state.tracker.scores(t, object_id)
            assert scores is not None
            has_record[t] = True
            predicted_iou[t], occlusion_score[t] = scores
    is_reviewed[list(document_state.reviewed.get(object_id, ()))] = True
    has_mask = trace.area > 0
    is_fixed = is_prompted | is_locked
    is_lost = has_record & ~has_mask & ~is_fixed
    doubts = find_doubts(trace, predicted_iou, occlusion_score, is_fixed, is_lost)
    quality = grade(trace, predicted_iou, is_fixed, doubts)
    return Timeline(has_mask, is_prompted, is_locked, is_reviewed, is_lost, quality, doubts)


def _counted(frames: frozenset[int]) -> str:
    return f"frame {min(frames)}" if len(frames) == 1 else f"{len(frames)} frames"

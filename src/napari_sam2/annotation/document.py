"""The state that all parts of an annotation share, and how a change of it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_sam2.annotation.actions import Group, Touched
from napari_sam2.annotation.events import AnnotationEvents
from napari_sam2.annotation.journal import UNDO_BYTES, Journal
from napari_sam2.annotation.open_propagation import OpenPropagation
from napari_sam2.annotation.state import DocumentState

if TYPE_CHECKING:
    from napari_sam2.annotation.packed_labels import LabelArray
    from napari_sam2.arrays import ArrayLike
    from napari_sam2.tracking.protocol import AnnotationTracker


class Document:
    """Owner of objects, labels, journal and events; every part of an annotation gets it.

    Parameters
    ----------
    tracker : AnnotationTracker
        Tracker of the stack.
    undo_bytes : int
        Memory that undo and redo may take.

    Attributes
    ----------
    events : AnnotationEvents
        Signals that announce changes.
    state : DocumentState
        Objects, tracker and labels.
    journal : Journal
        Undo steps, and the listener that records them.
    propagation : OpenPropagation or None
        The undo step that the running propagation is filling.
    rewinds : int
        How many undos and redos there were; a running propagation ends when it changes.
    """

    def __init__(self, tracker: AnnotationTracker, *, undo_bytes: int = UNDO_BYTES) -> None:
        self.events = AnnotationEvents()
        self.state = DocumentState(tracker)
        self.journal = Journal(undo_bytes)
        self.propagation: OpenPropagation | None = None
        self.rewinds = 0

    def perform(self, group: Group, largest_id: int = 0) -> None:
        """Make a change that needs no model.

        Parameters
        ----------
        group : Group
            The change.
        largest_id : int
            Largest object id that the change adds.
        """
        running = self.running_group()
        labels = self.state.labels_for(largest_id)
        group.apply(self.state)
        self.settle(group, running, labels)

    def settle(self, group: Group, running: Group | None, labels: LabelArray) -> None:
        """Compose labels, record and announce a change that objects and tracker already have.

        Parameters
        ----------
        group : Group
            The change.
        running : Group or None
            `running_group` from before the change.
        labels : ndarray or PackedLabels
            Labels from `DocumentState.labels_for`, large enough for all ids of the change.
        """
        is_replaced = labels is not self.state.labels
        self.state.labels = labels
        outdated = self.state.compose(group.touched.frames, group.touched.masks)
        withdrawals = self.state.withdrawals(outdated)
        for withdrawal in withdrawals:
            withdrawal.apply(self.state)
        if withdrawals:
            group = replace(group, actions=(*group.actions, *withdrawals))
        self.propagation = None
        if running is not None:
            self.journal.record(running)
        self.journal.record(group)
        if is_replaced:
            self.events.labels_replaced.emit()
        self.announce(group.touched)

    def rewind(self, group: Group, move: Callable[[], None]) -> None:
        """Apply a group for an undo or a redo.

        Parameters
        ----------
        group : Group
            The change, or its inverse.
        move : callable
            Moves the group in the journal.
        """
        self.rewinds += 1
        group.apply(self.state)
        self.state.compose(group.touched.frames, group.touched.masks)
        move()
        self.announce(group.touched)

    def announce(self, touched: Touched) -> None:
        """Emit the signals of a change."""
        if touched.objects:
            self.events.objects_changed.emit()
        for t, object_id in sorted(touched.prompts):
            self.events.prompts_changed.emit(t, object_id)
        for object_id in sorted(touched.review):
            self.events.review_changed.emit(object_id)
        for t in sorted(touched.frames):
            self.events.frame_changed.emit(t)
        self.events.history_changed.emit()

    def grow(self, data: ArrayLike) -> None:
        """Add the new frames of a longer stack; see `Annotation.grow`."""
        if int(data.shape[0]) == self.state.shape[0]:
            return
        self.state.grow(data)
        self.seal()
        self.rewinds += 1  # a running propagation ends, since it planned the frames that there were
        self.events.labels_replaced.emit()

    def running_group(self) -> Group | None:
        """Everything that the running propagation has written since the last other change."""
        return None if self.propagation is None else self.propagation.group()

    def seal(self) -> None:
        """Record the running propagation as an undo step; its later frames are another step."""
        group = self.running_group()
        self.propagation = None
        if group is not None:
            self.journal.record(group)
            self.events.history_changed.emit()

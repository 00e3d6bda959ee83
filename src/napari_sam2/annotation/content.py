"""The truth of a document: its objects, what the tracker holds of them, and the labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.annotation.actions import SetMasklet
from napari_sam2.annotation.objects import AnnotatedObject

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.tracking import FrameResult, ObjectState, Prompt, Tracker

MAX_UINT16 = 65535


class Content:
    """Objects, tracker and labels of a document, changed by actions only.

    Between two changes ``labels[t]`` equals ``tracker.labels(t)`` on every frame, and every object
    of the tracker has its properties in `objects`.

    Attributes
    ----------
    tracker : Tracker
        Holds prompts, masks and scores.
    objects : dict of int to AnnotatedObject
        Properties by object id.
    labels : (T, Y, X) uint16 or uint32
        Object ids, 0 for background.
    largest_id : int
        Largest object id that there ever was.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.objects: dict[int, AnnotatedObject] = {
            object_id: AnnotatedObject(object_id) for object_id in tracker.object_ids
        }
        self.largest_id = max(self.objects, default=0)
        self.labels: NDArray[Any] = np.zeros(tracker.shape, np.uint16)
        self.labels = self.labels_for(self.largest_id)
        if self.objects:
            self.compose(range(len(self.labels)))

    def labels_for(self, object_id: int) -> NDArray[Any]:
        """The labels, or a copy with a larger dtype if `object_id` needs one."""
        if object_id > MAX_UINT16 and self.labels.dtype == np.uint16:
            return self.labels.astype(np.uint32)
        return self.labels

    def set_object(self, object_id: int, properties: AnnotatedObject | None) -> None:
        """Replace the properties of an object; None removes it."""
        if properties is None:
            del self.objects[object_id]
        else:
            self.objects[object_id] = properties
            self.largest_id = max(self.largest_id, object_id)

    def restore(self, object_id: int, state: ObjectState | None) -> None:
        """Give an object back its prompts and masks; None removes them."""
        if state is not None or object_id in self.tracker.object_ids:
            self.tracker.restore(object_id, state)

    def state(self, object_id: int, frames: Iterable[int] | None = None) -> ObjectState | None:
        """What the tracker has of an object, on all frames or some; None if unknown to it."""
        if object_id not in self.tracker.object_ids:
            return None
        return self.tracker.snapshot(object_id, frames)

    def prompt(self, t: int, object_id: int) -> Prompt | None:
        """Prompt of an object on frame `t`, if there is one."""
        if object_id not in self.tracker.object_ids:
            return None
        return self.tracker.prompt(t, object_id)

    def result(self, t: int, object_id: int) -> FrameResult | None:
        """Mask and scores of an object on frame `t`, if the tracker has any."""
        if object_id not in self.tracker.object_ids:
            return None
        return self.tracker.result(t, object_id)

    def check_frame(self, t: int) -> None:
        """Raise a ValueError if frame `t` is not in the stack."""
        if not 0 <= t < len(self.labels):
            raise ValueError(f"frame must be between 0 and {len(self.labels) - 1}; got {t}")

    def removal(self, object_id: int) -> SetMasklet:
        """The action that takes an object with all its prompts and masks from the tracker."""
        state = self.tracker.snapshot(object_id)
        frames, prompted = frozenset(state.records), frozenset(state.prompted)
        return SetMasklet(object_id, state, None, frames, prompted)

    def compose(self, frames: Iterable[int]) -> None:
        """Bring the labels of `frames` up to date, writing only the pixels that change."""
        for t in frames:
            composed = self.tracker.labels(t)
            changed = composed != self.labels[t]
            if changed.any():
                self.labels[t][changed] = composed[changed]

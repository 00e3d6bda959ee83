"""The work of another document of the same image, when model, contrast or pixels have changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.annotation.actions import Group, SetMasklet, SetObject, SetReviewed, Touched
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.journal_entries import ModelChanged
from napari_sam2.annotation.object_list import ObjectList
from napari_sam2.annotation.objects import AnnotatedObject

if TYPE_CHECKING:
    from napari_sam2.tracking import ObjectState


@dataclass(frozen=True, eq=False)
class Work:
    """All that there is in a document.

    Attributes
    ----------
    objects : tuple of AnnotatedObject
        The objects.
    states : mapping of int to ObjectState
        Prompts, masks and locks of those that have any.
    reviewed : mapping of int to frozenset of int
        Frames that a person has accepted, by object id.
    largest_id : int
        Largest object id that there ever was.
    """

    objects: tuple[AnnotatedObject, ...]
    states: Mapping[int, ObjectState]
    reviewed: Mapping[int, frozenset[int]]
    largest_id: int


class ModelChange(ObjectList):
    """Hands its work over to another document, and takes over that of another."""

    def work(self) -> Work:
        """All that there is, with accepted masks as they are seen."""
        document_state = self._state
        known = {key: document_state.state(key) for key in document_state.objects}
        states = {key: state for key, state in known.items() if state is not None}
        for object_id, frames in document_state.reviewed.items():
            is_whole = self._is_whole(object_id)
            covered = [
                t
                for t in sorted(frames - document_state.locked_frames(object_id))
                if not is_whole(t)
            ]
            if covered:
                seen = {t: document_state.labels[t] == object_id for t in covered}
                states[object_id] = states[object_id].seen_as(seen)
        objects = tuple(known for _, known in sorted(document_state.objects.items()))
        return Work(objects, states, dict(document_state.reviewed), document_state.largest_id)

    @journaled
    def carry_over(self, work: Work) -> None:
        """Go on with the work of another document, which is no step of the history.

        Names, families, statuses and prompts are as they were. Masks stay until they are tracked
        again; those that are locked, accepted or painted stay to the pixel. Other frames with
        clicks or boxes are computed anew. An accepted mask that loses pixels to those is no longer
        accepted.

        Parameters
        ----------
        work : Work
            Of a document of the same image, with another model or contrast.

        Raises
        ------
        ValueError
            If there are objects already, or the image has another size; nothing is changed then.
        """
        document_state, tracker = self._state, self._state.tracker
        if document_state.objects:
            raise ValueError("only a document without objects can take over the work of another")
        try:
            for object_id, state in work.states.items():
                tracker.carry_over(object_id, state, work.reviewed.get(object_id, frozenset()))
        except BaseException:
            for object_id in tracker.object_ids:
                tracker.remove_object(object_id)
            raise
        masklets = [_taken(key, tracker.snapshot(key)) for key in tracker.object_ids]
        properties = [SetObject(known.object_id, None, known) for known in work.objects]
        for known in properties:
            known.apply(document_state)
        document_state.largest_id = max(document_state.largest_id, work.largest_id)
        labels = document_state.labels_for(document_state.largest_id)
        is_replaced, document_state.labels = labels is not document_state.labels, labels
        document_state.compose(Touched.union(change.touched for change in masklets).frames)
        accepted = [
            SetReviewed(object_id, frozenset(), frozenset(filter(self._is_whole(object_id), there)))
            for object_id, there in work.reviewed.items()
        ]
        for change in accepted:
            change.apply(document_state)
        document_state.stale.update(document_state.objects)
        group = Group("take over", (*masklets, *properties, *accepted))
        self._journal.tell(ModelChanged(group, document_state.largest_id))
        if is_replaced:
            self.events.labels_replaced.emit()
        self._announce(group.touched)

    def _is_whole(self, object_id: int) -> Callable[[int], bool]:
        """Whether an object is seen on a frame as its mask is, nothing of it covered by others."""
        document_state = self._state

        def is_whole(t: int) -> bool:
            result = document_state.result(t, object_id)
            seen = document_state.labels[t] == object_id
            return not seen.any() if result is None else np.array_equal(result.masks[0], seen)

        return is_whole


def _taken(object_id: int, state: ObjectState) -> SetMasklet:
    frames = frozenset(state.records) | frozenset(state.locked)
    return SetMasklet(object_id, None, state, frames, frozenset(state.prompted))

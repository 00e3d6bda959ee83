"""The work of another document of the same image, when model, contrast or pixels have changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.annotation.actions import Group, SetMasklet, SetObject, SetReviewed, Touched
from napari_sam2.annotation.entries import TookOver
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.objects import AnnotatedObject
from napari_sam2.annotation.roster import Roster

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


class Takeover(Roster):
    """Hands its work over to another document, and takes over that of another."""

    def work(self) -> Work:
        """All that there is, with accepted masks as they are seen."""
        content = self._content
        known = {key: content.state(key) for key in content.objects}
        states = {key: state for key, state in known.items() if state is not None}
        for object_id, frames in content.reviewed.items():
            is_whole = self._is_whole(object_id)
            covered = [
                t for t in sorted(frames - content.locked_frames(object_id)) if not is_whole(t)
            ]
            if covered:
                seen = {t: content.labels[t] == object_id for t in covered}
                states[object_id] = states[object_id].seen_as(seen)
        objects = tuple(known for _, known in sorted(content.objects.items()))
        return Work(objects, states, dict(content.reviewed), content.largest_id)

    @journaled
    def take_over(self, work: Work) -> None:
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
        content, tracker = self._content, self._content.tracker
        if content.objects:
            raise ValueError("only a document without objects can take over the work of another")
        try:
            for object_id, state in work.states.items():
                tracker.take_over(object_id, state, work.reviewed.get(object_id, frozenset()))
        except BaseException:
            for object_id in tracker.object_ids:
                tracker.remove_object(object_id)
            raise
        masklets = [_taken(key, tracker.snapshot(key)) for key in tracker.object_ids]
        properties = [SetObject(known.object_id, None, known) for known in work.objects]
        for known in properties:
            known.apply(content)
        content.largest_id = max(content.largest_id, work.largest_id)
        labels = content.labels_for(content.largest_id)
        is_replaced, content.labels = labels is not content.labels, labels
        content.compose(Touched.union(change.touched for change in masklets).frames)
        accepted = [
            SetReviewed(object_id, frozenset(), frozenset(filter(self._is_whole(object_id), there)))
            for object_id, there in work.reviewed.items()
        ]
        for change in accepted:
            change.apply(content)
        content.stale.update(content.objects)
        group = Group("take over", (*masklets, *properties, *accepted))
        self._journal.tell(TookOver(group, content.largest_id))
        if is_replaced:
            self.events.labels_replaced.emit()
        self._announce(group.touched)

    def _is_whole(self, object_id: int) -> Callable[[int], bool]:
        """Whether an object is seen on a frame as its mask is, nothing of it covered by others."""
        content = self._content

        def is_whole(t: int) -> bool:
            result = content.result(t, object_id)
            seen = content.labels[t] == object_id
            return not seen.any() if result is None else np.array_equal(result.masks[0], seen)

        return is_whole


def _taken(object_id: int, state: ObjectState) -> SetMasklet:
    frames = frozenset(state.records) | frozenset(state.locked)
    return SetMasklet(object_id, None, state, frames, frozenset(state.prompted))

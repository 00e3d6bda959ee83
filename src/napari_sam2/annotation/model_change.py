"""Model change: moves objects, prompts and masks to a document with another model or contrast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.annotation.actions import (
    Action,
    Group,
    SetMarkedWrong,
    SetMasklet,
    SetObject,
    SetReviewed,
    Touched,
)
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.journal_entries import ModelChanged
from napari_sam2.annotation.objects import AnnotatedObject

if TYPE_CHECKING:
    from napari_sam2.annotation.document import Document
    from napari_sam2.tracking import ObjectState


@dataclass(frozen=True, eq=False)
class Work:
    """Everything of a document that another document of the same image can carry on.

    Attributes
    ----------
    objects : tuple of AnnotatedObject
        The objects.
    states : mapping of int to ObjectState
        Prompts, masks and locks, by id of the objects that have any.
    reviewed : mapping of int to frozenset of int
        Reviewed frames, by object id.
    largest_id : int
        Largest object id that there ever was.
    made_by : str
        Name of the model that made the masks; empty if it is not to be recorded.
    step : str
        Text of the undo step that the change of the model is; empty if it is none.
    marked_wrong : mapping of int to frozenset of int
        Frames on which a person marked the mask as wrong, by object id.
    """

    objects: tuple[AnnotatedObject, ...]
    states: Mapping[int, ObjectState]
    reviewed: Mapping[int, frozenset[int]]
    largest_id: int
    made_by: str = ""
    step: str = ""
    marked_wrong: Mapping[int, frozenset[int]] = field(default_factory=dict)


class ModelChange:
    """Gives all objects to another document, or takes them from another document.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._state = document.state

    def work(self) -> Work:
        """All objects with prompts, masks and reviews; reviewed masks are those in the labels."""
        state = self._state
        found = {key: state.object_state(key) for key in state.objects}
        states = {key: known for key, known in found.items() if known is not None}
        for object_id, frames in state.reviewed.items():
            is_whole = self._is_whole(object_id)
            covered = [
                t for t in sorted(frames - state.locked_frames(object_id)) if not is_whole(t)
            ]
            if covered:
                seen = {t: state.labels[t] == object_id for t in covered}
                states[object_id] = states[object_id].seen_as(seen)
        objects = tuple(known for _, known in sorted(state.objects.items()))
        return Work(
            objects,
            states,
            dict(state.reviewed),
            state.largest_id,
            marked_wrong=dict(state.marked_wrong),
        )

    @journaled
    def carry_over(self, work: Work) -> None:
        """Take all objects of another document; this is no undo step.

        Names, lineage, statuses and prompts are kept. Masks stay until they are tracked again;
        locked, reviewed and painted masks keep every pixel. The model computes other frames with
        clicks or boxes again. A reviewed mask that loses pixels to them is no longer reviewed.

        Parameters
        ----------
        work : Work
            Objects of a document of the same image, with another model or contrast.

        Raises
        ------
        ValueError
            If there are objects already, or the image has another size; nothing is changed then.
        """
        state, tracker = self._state, self._state.tracker
        if state.objects:
            raise ValueError("only a document without objects can take over the work of another")
        try:
            for object_id, state_before in work.states.items():
                carried = state_before.made_by(work.made_by) if work.made_by else state_before
                tracker.carry_over(object_id, carried, work.reviewed.get(object_id, frozenset()))
        except BaseException:
            for object_id in tracker.object_ids:
                tracker.remove_object(object_id)
            raise
        masklets = [_taken(key, tracker.snapshot(key)) for key in tracker.object_ids]
        properties = [SetObject(known.object_id, None, known) for known in work.objects]
        for known in properties:
            known.apply(state)
        state.largest_id = max(state.largest_id, work.largest_id)
        labels = state.labels_for(state.largest_id)
        is_replaced, state.labels = labels is not state.labels, labels
        state.compose(Touched.union(change.touched for change in masklets).frames)
        accepted = [
            SetReviewed(object_id, frozenset(), frozenset(filter(self._is_whole(object_id), there)))
            for object_id, there in work.reviewed.items()
        ]
        wrong = [SetMarkedWrong(k, frozenset(), there) for k, there in work.marked_wrong.items()]
        verdicts: tuple[Action, ...] = (*accepted, *wrong)
        for change in verdicts:
            change.apply(state)
        state.stale.update(state.objects)
        group = Group("take over", (*masklets, *properties, *verdicts))
        self._document.journal.tell(ModelChanged(group, state.largest_id))
        if is_replaced:
            self._document.events.labels_replaced.emit()
        self._document.announce(group.touched)

    def models_of(self, object_id: int) -> dict[int, str]:
        """Models that made the masks of an object, by frame.

        Returns
        -------
        dict of int to str
            Names of models that were in use before the present one, which made all other masks
            except painted ones.
        """
        state = self._state.object_state(object_id)
        records = {} if state is None else state.records
        return {t: record.made_by for t, record in sorted(records.items()) if record.made_by}

    def _is_whole(self, object_id: int) -> Callable[[int], bool]:
        """Function that says whether the whole mask of an object is visible on a frame."""
        state = self._state

        def is_whole(t: int) -> bool:
            result = state.result(t, object_id)
            seen = state.labels[t] == object_id
            return not seen.any() if result is None else np.array_equal(result.masks[0], seen)

        return is_whole


def _taken(object_id: int, state: ObjectState) -> SetMasklet:
    """Action that adds prompts and masks of an object."""
    frames = frozenset(state.records) | frozenset(state.locked)
    return SetMasklet(object_id, None, state, frames, frozenset(state.prompted))

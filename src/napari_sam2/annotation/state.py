"""State of a document: its objects, their prompts and masks in the tracker, and the labels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from napari_sam2.annotation.actions import MaskVerdict, SetMarkedWrong, SetMasklet, SetReviewed
from napari_sam2.annotation.label_marks import LabelMarks
from napari_sam2.annotation.measures import Measures
from napari_sam2.annotation.objects import AnnotatedObject, checked_integer
from napari_sam2.annotation.packed_labels import LabelArray, longer, new_labels
from napari_sam2.errors import ObjectError
from napari_sam2.tracking.volume_planes import planes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.arrays import ArrayLike
    from napari_sam2.tracking import FrameResult, ObjectState, Prompt
    from napari_sam2.tracking.protocol import AnnotationTracker

MAX_UINT16 = 65535
WHOLE = (slice(None), slice(None))  # rows and columns of a frame
FEW_OBJECTS = 8  # up to here only the neighbourhood of changed objects is composed


class DocumentState:
    """Objects, tracker and labels of a document, changed by actions only.

    Between two changes ``labels[t]`` equals ``tracker.labels(t)`` on every frame, and every object
    of the tracker has its properties in `objects`.

    Attributes
    ----------
    tracker : AnnotationTracker
        Holds prompts, masks and scores.
    objects : dict of int to AnnotatedObject
        Properties by object id.
    marks : LabelMarks
        Tell which frames of the labels other code has written.
    largest_id : int
        Largest object id that there ever was.
    reviewed : dict of int to frozenset of int
        Reviewed frames (those that a person has accepted), by object id.
    marked_wrong : dict of int to frozenset of int
        Frames on which a person marked the mask as wrong, by object id.
    measures : Measures
        Areas, places and overlaps of the objects in the labels.
    stale : set of int
        Objects that changed since their timelines were computed; `Timelines` empties the set.
    """

    def __init__(self, tracker: AnnotationTracker) -> None:
        self.tracker = tracker
        self.objects: dict[int, AnnotatedObject] = {
            object_id: AnnotatedObject(object_id) for object_id in tracker.object_ids
        }
        self.largest_id = max(self.objects, default=0)
        self.marks = LabelMarks()
        self._labels: LabelArray = new_labels(tracker.shape, np.uint16)
        self.labels = self.labels_for(self.largest_id)
        self.reviewed: dict[int, frozenset[int]] = {}
        self.marked_wrong: dict[int, frozenset[int]] = {}
        self.measures = Measures(len(self.labels), self.planes)
        self.stale: set[int] = set()
        if self.objects:
            self.compose(range(len(self.labels)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X) of the stack."""
        return self.tracker.shape

    @property
    def planes(self) -> int:
        """Planes of each volume, where the frames are planes of volumes; 1 for a movie."""
        return planes_of(self.tracker)

    def check_movie(self, what: str) -> None:
        """Raise a ValueError if the frames are planes of volumes, for which there is no `what`."""
        if self.planes > 1:
            raise ValueError(
                f"there is no {what} in 3D: choose a plane or a projection to work in the movie"
            )

    @property
    def labels(self) -> LabelArray:
        """(T, Y, X) uint16 or uint32 object ids, 0 for background."""
        return self._labels

    @labels.setter
    def labels(self, labels: LabelArray) -> None:
        if labels is not self._labels:
            self.marks.carry_over(self._labels, labels)
            self._labels = labels

    def grow(self, data: ArrayLike) -> None:
        """Add the new frames of a longer stack; see `Annotation.grow`."""
        self.tracker.grow(data)
        length = self.tracker.shape[0]
        self.labels = longer(self.labels, length)
        self.measures.grow(length)
        self.stale.update(self.objects)
        for object_id, known in self.objects.items():
            self.tracker.set_span(object_id, known.span(length))

    def labels_for(self, object_id: int) -> LabelArray:
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
        span = None if properties is None else properties.span(len(self.labels))
        self.tracker.set_span(object_id, span)

    def restore(self, object_id: int, state: ObjectState | None) -> None:
        """Give an object back its prompts and masks; None removes them."""
        if state is not None or object_id in self.tracker.object_ids:
            self.tracker.restore(object_id, state)
            self.stale.add(object_id)

    @property
    def verdicts(self) -> tuple[tuple[type[MaskVerdict], dict[int, frozenset[int]]], ...]:
        """The frames with each kind of verdict, by object, and the action that changes them."""
        return (SetReviewed, self.reviewed), (SetMarkedWrong, self.marked_wrong)

    def set_reviewed(self, object_id: int, frames: frozenset[int]) -> None:
        """Replace the reviewed frames of an object."""
        self._set_frames(self.reviewed, object_id, frames)

    def set_marked_wrong(self, object_id: int, frames: frozenset[int]) -> None:
        """Replace the frames on which a person marked the mask of an object as wrong."""
        self._set_frames(self.marked_wrong, object_id, frames)

    def _set_frames(
        self, frames_of: dict[int, frozenset[int]], object_id: int, frames: frozenset[int]
    ) -> None:
        self.stale.add(object_id)
        if frames:
            frames_of[object_id] = frames
        else:
            frames_of.pop(object_id, None)

    def note_backward_iou(self, object_id: int, values: Mapping[int, float | None]) -> None:
        """Note the result of a backward check with the masks of an object."""
        if object_id in self.tracker.object_ids:
            self.tracker.note_backward_iou(object_id, values)
            self.stale.add(object_id)

    def object_state(
        self, object_id: int, frames: Iterable[int] | None = None
    ) -> ObjectState | None:
        """Prompts, masks and locks of an object on all or some frames; None without a prompt."""
        if object_id not in self.tracker.object_ids:
            return None
        state: ObjectState = self.tracker.snapshot(object_id, frames)
        return state

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

    def locked_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which an object is locked."""
        if object_id not in self.tracker.object_ids:
            return frozenset()
        return self.tracker.locked_frames(object_id)

    def known(self, object_id: int) -> AnnotatedObject:
        """Properties of an object; a ValueError if there is no such object."""
        try:
            return self.objects[object_id]
        except KeyError:
            known = ", ".join(map(str, sorted(self.objects))) or "none"
            raise ObjectError("unknown {0}; there are: {known}", object_id, known=known) from None

    def new_object_id(self) -> int:
        """An id that no object has or ever had."""
        return self.largest_id + 1

    def daughters(self, object_id: int) -> list[int]:
        """Ids of the daughters of an object."""
        return [key for key, other in self.objects.items() if other.parent == object_id]

    def visible_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which an object has pixels in the labels."""
        self.stale |= self.measures.update(self.labels)
        return frozenset(np.flatnonzero(self.measures.trace(object_id).area).tolist())

    def check_frame(self, t: int) -> None:
        """Raise a ValueError if frame `t` is not in the stack."""
        if not 0 <= t < len(self.labels):
            raise ValueError(f"frame must be between 0 and {len(self.labels) - 1}; got {t}")

    def checked_frame(self, t: SupportsIndex) -> int:
        """Frame `t` as an int; a TypeError or ValueError if it is no frame of the stack."""
        frame = checked_integer(t, "frame")
        self.check_frame(frame)
        return frame

    def first_plane(self, t: SupportsIndex) -> int:
        """Frame `t` as an int; in 3D, the first plane of its volume."""
        frame = self.checked_frame(t)
        return frame - frame % self.planes

    def checked_frames(self, frames: Iterable[SupportsIndex]) -> frozenset[int]:
        """Frames as a set of ints; a TypeError or ValueError for anything else."""
        return frozenset(map(self.checked_frame, frames))

    def removal(self, object_id: int) -> SetMasklet:
        """Action that removes an object with all its prompts and masks from the tracker."""
        state = self.tracker.snapshot(object_id)
        frames = frozenset(state.records) | frozenset(state.locked)
        prompted = frozenset(state.prompted)
        return SetMasklet(object_id, state, None, frames, prompted)

    def compose(
        self, frames: Iterable[int], object_ids: Collection[int] | None = None
    ) -> frozenset[tuple[int, int]]:
        """Bring the labels of `frames` up to date, writing only the pixels that change.

        Parameters
        ----------
        frames : iterable of int
            The frames.
        object_ids : collection of int, optional
            The objects whose masks differ; any by default.

        Returns
        -------
        frozenset of (int, int)
            ``(t, object_id)`` of masks that have changed and were reviewed or marked as wrong.
        """
        outdated: set[tuple[int, int]] = set()
        for t in frames:
            is_own = self.marks.fits(self.labels, t)
            part, composed = self._composed(t, object_ids)
            before = self.labels[t][part]
            changed = composed != before
            if changed.any():
                judged = [
                    key
                    for marks in (self.reviewed, self.marked_wrong)
                    for key, frames in marks.items()
                    if t in frames
                ]
                if judged:
                    ids = np.unique([before[changed], composed[changed]])
                    outdated.update((t, key) for key in judged if key in ids)
                rows, columns = np.nonzero(changed)
                corner = part[0].start or 0, part[1].start or 0
                self.labels[t, rows + corner[0], columns + corner[1]] = composed[changed]
                self.measures.mark((t,))
            if is_own or part == WHOLE:
                if changed.any() or not is_own:
                    self.marks.note(self.labels, t)
            else:
                self.marks.doubt(t)
        return frozenset(outdated)

    def foreign_pixels(self, t: int) -> NDArray[np.bool_] | None:
        """(Y, X) pixels of a frame that other code has written; None if there are none."""
        if self.marks.fits(self.labels, t):
            return None
        differs: NDArray[np.bool_] = self.tracker.labels(t) != self.labels[t]
        if differs.any():
            return differs
        self.marks.note(self.labels, t)
        return None

    def _composed(
        self, t: int, object_ids: Collection[int] | None
    ) -> tuple[tuple[slice, slice], NDArray[Any]]:
        """Part of frame `t` that may have changed, and its new labels."""
        if object_ids is not None and len(object_ids) <= FEW_OBJECTS:
            return self.tracker.relabel(t, self.labels[t], object_ids)
        return WHOLE, self.tracker.labels(t)

    def withdrawals(self, outdated: Iterable[tuple[int, int]]) -> tuple[MaskVerdict, ...]:
        """Actions that take the verdicts on the masks at ``(t, object_id)`` back."""
        frames_of: dict[int, set[int]] = {}
        for t, object_id in outdated:
            frames_of.setdefault(object_id, set()).add(t)
        return tuple(
            action
            for object_id, frames in sorted(frames_of.items())
            for action in self.without_verdicts(object_id, frozenset(frames))
        )

    def without_verdicts(
        self, object_id: int, frames: frozenset[int] | None = None
    ) -> list[MaskVerdict]:
        """Actions that take the verdicts on all or some masks of an object back."""
        actions: list[MaskVerdict] = []
        for change, frames_of in self.verdicts:
            before = frames_of.get(object_id, frozenset())
            after = frozenset[int]() if frames is None else before - frames
            if before != after:
                actions.append(change(object_id, before, after))
        return actions

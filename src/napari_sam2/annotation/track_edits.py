"""Track edits: split, swap, divide and merge objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_sam2.annotation.actions import (
    Action,
    Operation,
    SetMasklet,
    SetObject,
)
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.objects import AnnotatedObject
from napari_sam2.errors import ObjectError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation.document import Document
    from napari_sam2.annotation.packed_labels import LabelArray
    from napari_sam2.tracking import ObjectState

LEAST_DAUGHTER = 0.2  # of the mother's pixels, in one piece


class TrackEdits:
    """Moves masks of many frames from one object to another, without the model.

    The first of the moved masks becomes a painted prompt, so that the model starts from it when the
    frames are tracked again, and does not restore the old identities.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._state = document.state

    @journaled
    def split_object(self, object_id: int, t: int) -> int:
        """Make a new object of the masks of an object from frame `t` on.

        Daughters of the object become daughters of the new object.

        Parameters
        ----------
        object_id : int
            The object.
        t : int
            First frame of the new object; in 3D, any plane of its first volume.

        Returns
        -------
        int
            Id of the new object.

        Raises
        ------
        ValueError
            If there is no such object or frame, or no mask before `t`, or none from `t` on.
        """
        before = self._state.known(object_id)
        t = self._state.first_plane(t)
        late = self._state_from(object_id, t)
        early = self._state.object_state(object_id, range(t))
        if early is None or not has_mask(early) or not has_mask(late):
            raise ObjectError(
                "{0} can be split where it has masks before and after; frame {t} is no such place",
                object_id,
                t=t,
            )
        new_id = self._state.new_object_id()
        moved = anchored(self._state.labels, object_id, late.renamed(new_id), new_id, first=True)
        kept = early
        if not early.prompted and not early.locked:
            kept = anchored(self._state.labels, object_id, early, object_id, first=False)
        objects = {
            object_id: replace(before, end=None),
            new_id: AnnotatedObject(new_id, before.name, end=before.end),
        }
        objects |= self._with_new_mother(object_id, new_id)
        masklets = [
            masklet_change(object_id, early, kept),
            masklet_change(object_id, late, late.cleared()),
            masklet_change(new_id, None, moved),
        ]
        data = {"action": "split object", "object": object_id, "frame": t, "new object": new_id}
        self._operate(f"split cell {object_id} at frame {t}", data, objects, masklets)
        return new_id

    @journaled
    def swap_objects(self, object_id: int, other: int, t: int) -> None:
        """Exchange masks, prompts, locks and daughters of two objects from frame `t` on.

        Parameters
        ----------
        object_id, other : int
            The objects.
        t : int
            First frame on which they are exchanged; in 3D, any plane of the first volume.

        Raises
        ------
        ValueError
            If there is no such object or frame, both are the same object or mother and daughter,
            one of them is born later or divided before, or neither has a mask from `t` on.
        """
        one, two = self._state.known(object_id), self._state.known(other)
        t = self._state.first_plane(t)
        if object_id == other:
            raise ObjectError("{0} cannot be swapped with itself", object_id)
        for known, mother in ((one, other), (two, object_id)):
            if known.parent == mother:
                raise ObjectError("{0} cannot be swapped with its mother", known.object_id)
        for known in (one, two):
            if known.birth is not None and known.birth > t:
                raise ObjectError("{0} is not born yet on frame {t}", known.object_id, t=t)
            if known.end is not None and known.end < t - 1:
                raise ObjectError("{0} is divided before frame {t}", known.object_id, t=t)
        late_one, late_two = self._state_from(object_id, t), self._state_from(other, t)
        if not has_mask(late_one) and not has_mask(late_two):
            raise ObjectError(
                "neither {0} nor {1} has a mask from frame {t} on", object_id, other, t=t
            )
        to_one = anchored(
            self._state.labels, other, late_two.renamed(object_id), object_id, first=True
        )
        to_two = anchored(self._state.labels, object_id, late_one.renamed(other), other, first=True)
        objects = {
            object_id: replace(one, end=two.end),
            other: replace(two, end=one.end),
        }
        objects = (
            self._with_new_mother(object_id, other)
            | self._with_new_mother(other, object_id)
            | objects
        )
        masklets = [
            masklet_change(object_id, late_one, to_one),
            masklet_change(other, late_two, to_two),
        ]
        data = {"action": "swap objects", "object": object_id, "other": other, "frame": t}
        text = f"swap cells {object_id} and {other} from frame {t}"
        self._operate(text, data, objects, masklets)

    @journaled
    def divide_object(self, object_id: int, t: int) -> tuple[int, int]:
        """End an object before frame `t`, where two daughters begin.

        If its mask on frame `t` has two large pieces, each daughter gets one of them. Otherwise the
        first daughter gets the masks from frame `t` on, and the second needs a click.

        Parameters
        ----------
        object_id : int
            The mother.
        t : int
            First frame of the daughters.

        Returns
        -------
        (int, int)
            Ids of the daughters.

        Raises
        ------
        ValueError
            If there is no such object or frame, or the object has no mask before `t`, is locked
            from `t` on, or is divided already.
        """
        self._state.check_movie("division")
        mother = self._state.known(object_id)
        t = self._state.checked_frame(t)
        early, late = self._state.object_state(object_id, range(t)), self._state_from(object_id, t)
        if early is None or not has_mask(early):
            raise ObjectError("{0} has no mask before frame {t} to divide", object_id, t=t)
        if daughters := self._state.daughters(object_id):
            raise ObjectError(
                "{0} has daughters already: {daughters}", object_id, daughters=sorted(daughters)
            )
        if late.locked:
            raise ObjectError.locked(object_id, min(late.locked))
        kept = early
        if not early.prompted and not early.locked:
            kept = anchored(self._state.labels, object_id, early, object_id, first=False)
        first, second = self._state.new_object_id(), self._state.new_object_id() + 1
        masklets = [
            masklet_change(object_id, early, kept),
            masklet_change(object_id, late, late.cleared()),
        ]
        masklets += self._daughters_from(object_id, late, t, (first, second))
        objects = {object_id: replace(mother, end=t - 1)}
        objects |= {k: AnnotatedObject(k, parent=object_id, birth=t) for k in (first, second)}
        data = {"action": "divide object", "object": object_id, "frame": t}
        data["daughters"] = [first, second]
        self._operate(f"divide cell {object_id} at frame {t}", data, objects, masklets)
        return first, second

    def _daughters_from(
        self, object_id: int, late: ObjectState, t: int, daughters: tuple[int, int]
    ) -> list[SetMasklet]:
        """Actions that give two daughters the masks of their mother."""
        pieces = two_pieces(self._state.labels[t] == object_id)
        if pieces is None:
            first = daughters[0]
            moved = anchored(self._state.labels, object_id, late.renamed(first), first, first=True)
            return [masklet_change(first, None, moved)] if moved.records else []
        at_birth = self._state.object_state(object_id, (t,))
        assert at_birth is not None
        return [
            masklet_change(key, None, at_birth.anchored(t, key, piece))
            for key, piece in zip(daughters, pieces, strict=True)
        ]

    @journaled
    def merge_objects(self, keep: int, other: int) -> None:
        """Make one object of two; on frames with both it gets the pixels of both.

        A daughter can be merged into her mother, which removes the division. Otherwise the object
        that begins earlier must not be divided before the other one begins.

        Parameters
        ----------
        keep : int
            The object that gets all masks.
        other : int
            The object that is removed.

        Raises
        ------
        ValueError
            If there is no such object, both are the same object, a frame on which both have a mask
            is locked, or a birth or division forbids masks on some of the frames.
        """
        kept, gone = self._state.known(keep), self._state.known(other)
        if keep == other:
            raise ObjectError("{0} cannot be merged with itself", keep)
        state, everything = self._state, range(self._state.shape[0])
        mine, theirs = state.object_state(keep, everything), state.object_state(other, everything)
        shared = sorted(self._state.visible_frames(keep) & self._state.visible_frames(other))
        for key in (keep, other):
            if locked := state.locked_frames(key).intersection(shared):
                raise ObjectError("{0} is locked on frame {t}: unlock it first", key, t=min(locked))
        objects = self._joined_lives(kept, gone)
        masklets = []
        if theirs is not None:
            masks = {t: np.isin(state.labels[t], (keep, other)) for t in shared}
            after = theirs.renamed(keep) if mine is None else mine.united(theirs, keep, masks)
            masklets = [state.removal(other), masklet_change(keep, mine, after)]
        data = {"action": "merge objects", "object": keep, "other": other}
        self._operate(f"merge cell {other} into cell {keep}", data, objects, masklets)

    def _joined_lives(
        self, kept: AnnotatedObject, gone: AnnotatedObject
    ) -> dict[int, AnnotatedObject | None]:
        """New properties of all objects that change when two objects become one."""
        keep, other = kept.object_id, gone.object_id
        objects: dict[int, AnnotatedObject | None] = {}
        early, late = sorted((kept, gone), key=lambda known: self._begins(known.object_id))
        if late.parent == early.object_id:
            for sibling in self._state.daughters(early.object_id):
                objects[sibling] = replace(self._state.known(sibling), parent=None, birth=None)
            early, late = replace(early, end=None), replace(late, parent=None, birth=None)
        elif late.parent is not None:
            raise ObjectError(
                "{0} is a daughter of {1} and begins after {2}: give it no parent first",
                late.object_id,
                late.parent,
                early.object_id,
            )
        if early.end is not None:
            raise ObjectError(
                "{0} ends by division after frame {end}, before {1} does",
                early.object_id,
                late.object_id,
                end=early.end,
            )
        for child in self._state.daughters(other):
            if child not in objects:
                objects[child] = replace(self._state.known(child), parent=keep)
        joined = replace(kept, parent=early.parent, birth=early.birth, end=late.end)
        span = joined.span(self._state.shape[0])
        for t in sorted(self._state.visible_frames(keep) | self._state.visible_frames(other)):
            if span is not None and t not in span:
                raise ValueError(
                    f"objects {keep} and {other} do not fit together: one of them has a mask on "
                    f"frame {t}, beyond the life of the other"
                )
        objects[keep] = joined
        objects[other] = None
        return objects

    def _begins(self, object_id: int) -> int:
        """Frame on which an object begins; the end of the stack if it has no mask."""
        frames = self._state.visible_frames(object_id)
        return min(frames) if frames else self._state.shape[0]

    def _with_new_mother(self, object_id: int, by: int) -> dict[int, AnnotatedObject]:
        """Properties of the daughters of an object with another mother."""
        return {
            k: replace(self._state.known(k), parent=by) for k in self._state.daughters(object_id)
        }

    def _state_from(self, object_id: int, t: int) -> ObjectState:
        """Prompts, masks and locks of an object from frame `t` on."""
        state = self._state.object_state(object_id, range(t, self._state.shape[0]))
        if state is None:
            raise ObjectError("{0} has no mask yet: click it first", object_id)
        return state

    def _operate(
        self,
        text: str,
        data: Mapping[str, Any],
        objects: Mapping[int, AnnotatedObject | None],
        masklets: Iterable[SetMasklet],
    ) -> None:
        """Change properties and masks of some objects as one undo step."""
        known = self._state.objects
        properties = [
            SetObject(key, known.get(key), after)
            for key, after in objects.items()
            if known.get(key) != after
        ]
        withdrawals = [
            action
            for key, after in objects.items()
            if after is None
            for action in self._state.without_verdicts(key)
        ]
        actions: tuple[Action, ...] = (*withdrawals, *properties, *masklets)
        self._document.perform(Operation(text, actions, data), max(objects, default=0))


def two_pieces(
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """The two largest pieces of a (Y, X) mask; None unless both are large enough for daughters."""
    pieces, count = ndimage.label(mask)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    if count < 2:
        return None
    largest = np.argsort(-areas, kind="stable")[:2]
    if areas[largest[1]] < LEAST_DAUGHTER * areas.sum():
        return None
    one, two = sorted(int(index) + 1 for index in largest)
    return pieces == one, pieces == two


def has_mask(state: ObjectState) -> bool:
    """Whether an object is visible on any frame of a state."""
    return any(record.is_visible for record in state.records.values())


def anchored(
    labels: LabelArray, source: int, state: ObjectState, object_id: int, *, first: bool
) -> ObjectState:
    """Masks of `source`, of which the first or last one becomes a painted prompt of `object_id`."""
    for t in sorted(state.records, reverse=not first):
        if t in state.prompted or t in state.locked:
            return state
        mask = labels[t] == source
        if mask.any():
            return state.anchored(t, object_id, mask)
    return state


def masklet_change(object_id: int, before: ObjectState | None, after: ObjectState) -> SetMasklet:
    """Action that replaces prompts and masks of an object on the same frames."""
    if before is None:
        return SetMasklet(object_id, None, after, frozenset(after.records), _prompted(after))
    frames = frozenset(
        t
        for t in before.records.keys() | after.records.keys()
        if before.records.get(t) is not after.records.get(t)
    )
    return SetMasklet(object_id, before, after, frames, _prompted(before) | _prompted(after))


def _prompted(state: ObjectState) -> frozenset[int]:
    return frozenset(state.prompted)

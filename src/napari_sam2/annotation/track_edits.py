"""Masklets of a document cut, joined and exchanged."""

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
    SetReviewed,
)
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.lineage import Lineage
from napari_sam2.annotation.objects import AnnotatedObject, checked_integer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.tracking import ObjectState

LEAST_DAUGHTER = 0.2  # of the mother's pixels, in one piece


class TrackEdits(Lineage):
    """Whole stretches of masks that change hands; the model is not asked.

    The first mask of a stretch that changes hands becomes a painted prompt, so that tracking again
    sets out from it and does not bring the old identities back.
    """

    @journaled
    def split_object(self, object_id: int, t: int) -> int:
        """Make another object of what an object is from frame `t` on.

        Daughters of the object become those of the new one.

        Returns
        -------
        int
            Id of the new object.

        Raises
        ------
        ValueError
            If there is no such object or frame, or it has masks on one side of the cut only.
        """
        before = self._known(object_id)
        t = self._checked_cut(t)
        late = self._state_from(object_id, t)
        early = self._state.state(object_id, range(t))
        if early is None or not self._has_mask(early) or not self._has_mask(late):
            raise ValueError(
                f"object {object_id} can be split where it has masks before and after; "
                f"frame {t} is no such place"
            )
        new_id = self.new_object_id()
        moved = self._anchored(object_id, late.renamed(new_id), new_id, first=True)
        kept = early
        if not early.prompted and not early.locked:
            kept = self._anchored(object_id, early, object_id, first=False)
        objects = {
            object_id: replace(before, end=None),
            new_id: AnnotatedObject(new_id, before.name, end=before.end),
        }
        objects |= self._with_new_mother(object_id, new_id)
        masklets = [
            _change(object_id, early, kept),
            _change(object_id, late, late.cleared()),
            _change(new_id, None, moved),
        ]
        data = {"action": "split object", "object": object_id, "frame": t, "new object": new_id}
        self._operate(f"split object {object_id} at frame {t}", data, objects, masklets)
        return new_id

    @journaled
    def swap_objects(self, object_id: int, other: int, t: int) -> None:
        """Exchange two objects from frame `t` on: masks, prompts, locks and daughters.

        Raises
        ------
        ValueError
            If there is no such object or frame, both are one, one is born later or divided before,
            or neither has a mask from there on.
        """
        one, two = self._known(object_id), self._known(other)
        t = self._checked_cut(t)
        if object_id == other:
            raise ValueError(f"object {object_id} cannot be swapped with itself")
        for known in (one, two):
            if known.birth is not None and known.birth > t:
                raise ValueError(f"object {known.object_id} is not born yet on frame {t}")
            if known.end is not None and known.end < t - 1:
                raise ValueError(f"object {known.object_id} is divided before frame {t}")
        late_one, late_two = self._state_from(object_id, t), self._state_from(other, t)
        if not self._has_mask(late_one) and not self._has_mask(late_two):
            raise ValueError(f"neither object {object_id} nor {other} has a mask from frame {t} on")
        to_one = self._anchored(other, late_two.renamed(object_id), object_id, first=True)
        to_two = self._anchored(object_id, late_one.renamed(other), other, first=True)
        objects = {
            object_id: replace(one, end=two.end),
            other: replace(two, end=one.end),
        }
        objects = (
            self._with_new_mother(object_id, other)
            | self._with_new_mother(other, object_id)
            | objects
        )
        masklets = [_change(object_id, late_one, to_one), _change(other, late_two, to_two)]
        data = {"action": "swap objects", "object": object_id, "other": other, "frame": t}
        text = f"swap objects {object_id} and {other} from frame {t}"
        self._operate(text, data, objects, masklets)

    @journaled
    def divide_object(self, object_id: int, t: int) -> tuple[int, int]:
        """End an object before frame `t`, where two daughters begin.

        If its mask on `t` has two pieces of some size, each daughter gets one of them. Otherwise
        the first daughter gets the masks from there on, and the second waits for a click.

        Returns
        -------
        (int, int)
            Ids of the daughters.

        Raises
        ------
        ValueError
            If there is no such object or frame, it has no mask before, is locked from there on, or
            is divided already.
        """
        mother = self._known(object_id)
        t = self._checked_cut(t)
        early, late = self._state.state(object_id, range(t)), self._state_from(object_id, t)
        if early is None or not self._has_mask(early):
            raise ValueError(f"object {object_id} has no mask before frame {t} to divide")
        if daughters := self._daughters(object_id):
            raise ValueError(f"object {object_id} has daughters already: {sorted(daughters)}")
        if late.locked:
            raise ValueError(
                f"object {object_id} is locked on frame {min(late.locked)}: unlock it there first"
            )
        kept = early
        if not early.prompted and not early.locked:
            kept = self._anchored(object_id, early, object_id, first=False)
        first, second = self.new_object_id(), self.new_object_id() + 1
        masklets = [_change(object_id, early, kept), _change(object_id, late, late.cleared())]
        masklets += self._daughters_from(object_id, late, t, (first, second))
        objects = {object_id: replace(mother, end=t - 1)}
        objects |= {k: AnnotatedObject(k, parent=object_id, birth=t) for k in (first, second)}
        data = {"action": "divide object", "object": object_id, "frame": t}
        data["daughters"] = [first, second]
        self._operate(f"divide object {object_id} at frame {t}", data, objects, masklets)
        return first, second

    def _daughters_from(
        self, object_id: int, late: ObjectState, t: int, daughters: tuple[int, int]
    ) -> list[SetMasklet]:
        """What two daughters get of the masks of their mother."""
        pieces = two_pieces(self._state.labels[t] == object_id)
        if pieces is None:
            first = daughters[0]
            moved = self._anchored(object_id, late.renamed(first), first, first=True)
            return [_change(first, None, moved)] if moved.records else []
        at_birth = self._state.state(object_id, (t,))
        assert at_birth is not None
        return [
            _change(key, None, at_birth.anchored(t, key, piece))
            for key, piece in zip(daughters, pieces, strict=True)
        ]

    @journaled
    def merge_objects(self, keep: int, other: int) -> None:
        """Make one object of two, on frames of both the pixels of either.

        A daughter can be merged into her mother; the division is then taken back. Otherwise the
        one that begins earlier must not end by division before the other.

        Parameters
        ----------
        keep : int
            The object that stays.
        other : int
            The object that goes.

        Raises
        ------
        ValueError
            If there is no such object, both are one, a frame on which both have a mask is locked,
            or their lives do not fit.
        """
        kept, gone = self._known(keep), self._known(other)
        if keep == other:
            raise ValueError(f"object {keep} cannot be merged with itself")
        document_state, everything = self._state, range(self.shape[0])
        mine, theirs = (
            document_state.state(keep, everything),
            document_state.state(other, everything),
        )
        shared = sorted(self._visible_frames(keep) & self._visible_frames(other))
        for key in (keep, other):
            if locked := document_state.locked_frames(key).intersection(shared):
                raise ValueError(f"object {key} is locked on frame {min(locked)}: unlock it first")
        objects = self._joined_lives(kept, gone)
        masklets = []
        if theirs is not None:
            masks = {t: np.isin(document_state.labels[t], (keep, other)) for t in shared}
            after = theirs.renamed(keep) if mine is None else mine.united(theirs, keep, masks)
            masklets = [document_state.removal(other), _change(keep, mine, after)]
        data = {"action": "merge objects", "object": keep, "other": other}
        self._operate(f"merge object {other} into {keep}", data, objects, masklets)

    def _joined_lives(
        self, kept: AnnotatedObject, gone: AnnotatedObject
    ) -> dict[int, AnnotatedObject | None]:
        """Properties of all that are concerned when two objects become one."""
        keep, other = kept.object_id, gone.object_id
        objects: dict[int, AnnotatedObject | None] = {}
        early, late = sorted((kept, gone), key=lambda known: self._begins(known.object_id))
        if late.parent == early.object_id:
            for sibling in self._daughters(early.object_id):
                objects[sibling] = replace(self._known(sibling), parent=None, birth=None)
            early, late = replace(early, end=None), replace(late, parent=None, birth=None)
        elif late.parent is not None:
            raise ValueError(
                f"object {late.object_id} is a daughter of object {late.parent} and begins after "
                f"object {early.object_id}: give it no parent first"
            )
        if early.end is not None:
            raise ValueError(
                f"object {early.object_id} ends by division after frame {early.end}, before "
                f"object {late.object_id} does"
            )
        for child in self._daughters(other):
            if child not in objects:
                objects[child] = replace(self._known(child), parent=keep)
        joined = replace(kept, parent=early.parent, birth=early.birth, end=late.end)
        span = joined.span(self.shape[0])
        for t in sorted(self._visible_frames(keep) | self._visible_frames(other)):
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
        frames = self._visible_frames(object_id)
        return min(frames) if frames else self.shape[0]

    def _with_new_mother(self, object_id: int, by: int) -> dict[int, AnnotatedObject]:
        """Daughters of one object as those of another."""
        return {k: replace(self._known(k), parent=by) for k in self._daughters(object_id)}

    def _checked_cut(self, t: int) -> int:
        t = checked_integer(t, "frame")
        self._state.check_frame(t)
        return t

    def _state_from(self, object_id: int, t: int) -> ObjectState:
        """All that the tracker has of an object from frame `t` on."""
        state = self._state.state(object_id, range(t, self.shape[0]))
        if state is None:
            raise ValueError(f"object {object_id} has no mask yet: click it first")
        return state

    def _has_mask(self, state: ObjectState) -> bool:
        return any(record.is_visible for record in state.records.values())

    def _anchored(
        self, source: int, state: ObjectState, object_id: int, *, first: bool
    ) -> ObjectState:
        """A stretch of masks of `source`, with its first or last one as if it were painted."""
        labels = self._state.labels
        for t in sorted(state.records, reverse=not first):
            if t in state.prompted or t in state.locked:
                return state
            mask = labels[t] == source
            if mask.any():
                return state.anchored(t, object_id, mask)
        return state

    def _operate(
        self,
        text: str,
        data: Mapping[str, Any],
        objects: Mapping[int, AnnotatedObject | None],
        masklets: Iterable[SetMasklet],
    ) -> None:
        """Set the properties of some objects and change masklets, as one step."""
        known = self._state.objects
        properties = [
            SetObject(key, known.get(key), after)
            for key, after in objects.items()
            if known.get(key) != after
        ]
        reviewed = self._state.reviewed
        withdrawals = [
            SetReviewed(key, reviewed[key], frozenset())
            for key, after in objects.items()
            if after is None and key in reviewed
        ]
        actions: tuple[Action, ...] = (*withdrawals, *properties, *masklets)
        self._perform(Operation(text, actions, data), max(objects, default=0))


def two_pieces(
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """The two largest pieces of a (Y, X) mask; None unless both are daughters by their size."""
    pieces, count = ndimage.label(mask)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    if count < 2:
        return None
    largest = np.argsort(-areas, kind="stable")[:2]
    if areas[largest[1]] < LEAST_DAUGHTER * areas.sum():
        return None
    one, two = sorted(int(index) + 1 for index in largest)
    return pieces == one, pieces == two


def _change(object_id: int, before: ObjectState | None, after: ObjectState) -> SetMasklet:
    """Bring an object from one state to another of the same frames."""
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

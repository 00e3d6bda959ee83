"""Divisions: a mother ends, and her daughters begin on the next frame."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.annotation.actions import (
    Action,
    Group,
    Operation,
    SetMasklet,
    SetObject,
    SetPrompt,
)
from napari_sam2.annotation.history import History
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.lineage import ancestors, without_parent
from napari_sam2.annotation.mothers import Mothers, seen_from
from napari_sam2.annotation.objects import AnnotatedObject, checked_object_id
from napari_sam2.annotation.track_edits import (
    LEAST_DAUGHTER,
    anchored,
    has_mask,
    masklet_change,
)
from napari_sam2.errors import ObjectError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_sam2.annotation.document import Document
    from napari_sam2.tracking import FrameResult, ObjectState


class Divisions:
    """Makes, moves and withdraws divisions.

    The mother has no mask from the first frame of her daughters on, and the daughters have none
    before it. So the tracks are always valid for the Cell Tracking Challenge.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._state = document.state
        self._mothers = Mothers(document)

    # Making a division

    @journaled
    def add_daughter(
        self,
        t: int,
        object_id: int,
        points: ArrayLike,
        labels: ArrayLike,
        mother: int | None = None,
        *,
        sister: int | None = None,
        likely: int | None = None,
    ) -> FrameResult:
        """Click a daughter on her first frame, and end her mother on the frame before.

        The masks that the mother had from frame `t` on are removed. Where the mask of a sister
        covers the click, the sister gets it as an exclude click, and the other way round.

        Parameters
        ----------
        t : int
            First frame of the daughter.
        object_id : int
            The daughter: a new object, or one that begins on this frame as her daughter.
        points : (P, 2) array-like
            Clicks as (y, x) in pixels.
        labels : (P,) array-like
            1 includes, 0 excludes.
        mother : int, optional
            The mother; by default that of the sister, or the object that `find_mother` finds at
            the first click.
        sister : int, optional
            Another daughter of the mother.
        likely : int, optional
            An object that `find_mother` prefers.

        Returns
        -------
        FrameResult
            The mask of the daughter.

        Raises
        ------
        ValueError
            If no mother is near, she has no mask before `t`, is locked from `t` on or divides on
            another frame, the daughter exists already, or a click does not fit the image.
        """
        self._state.check_movie("division")
        t, object_id = self._state.checked_frame(t), checked_object_id(object_id)
        places = np.asarray(points, float).reshape(-1, 2)
        actions: list[Action] = []
        if mother is None and sister in self._state.objects:
            mother = self._state.known(sister).parent
        if mother is None:
            y, x = places[0]
            mother = self._mothers.find_mother(t, (float(y), float(x)), likely)
        if mother is None:
            raise ValueError(f"no mother is near this place on frame {t - 1}: click nearer to her")
        known = self._state.objects.get(object_id)
        if known is None:
            born = AnnotatedObject(object_id, parent=mother, birth=t)
            actions = [*self._ending(mother, t), SetObject(object_id, None, born)]
        elif (known.parent, known.birth) != (mother, t):
            raise ObjectError("{0} exists already and is no daughter of {1}", object_id, mother)
        running = self._document.running_group()
        larger = self._state.labels_for(object_id)
        with self._taken_back_on_error(actions) as done:
            result = self._click(t, object_id, places, np.atleast_1d(labels), done)
            for sister in self._state.daughters(mother):
                if sister != object_id and self._state.prompt(t, sister) is not None:
                    self._keep_apart(t, sister, object_id, done)
                    self._keep_apart(t, object_id, sister, done)
        group = Group(f"divide cell {mother} at frame {t}", tuple(done))
        self._document.settle(group, running, larger)
        return self._state.result(t, object_id) or result

    @contextmanager
    def _taken_back_on_error(self, actions: Sequence[Action]) -> Iterator[list[Action]]:
        """Apply actions; if the block raises, take back these and all that it has added."""
        done = list(actions)
        for action in actions:
            action.apply(self._state)
        try:
            yield done
        except BaseException:
            for action in reversed(done):
                action.inverse().apply(self._state)
            raise

    def _click(
        self, t: int, object_id: int, points: ArrayLike, labels: ArrayLike, done: list[Action]
    ) -> FrameResult:
        """Add clicks in the tracker, and the change to the actions that are done."""
        state = self._state
        before, state_before = state.prompt(t, object_id), state.object_state(object_id, (t,))
        result = state.tracker.add_points(t, object_id, points, labels)
        state.stale.add(object_id)
        after, state_after = state.prompt(t, object_id), state.object_state(object_id, (t,))
        done.append(SetPrompt(t, object_id, before, after, state_before, state_after))
        return result

    def _keep_apart(self, t: int, object_id: int, sister: int, done: list[Action]) -> None:
        """Exclude from an object the clicks on its sister that its mask covers."""
        prompt, result = self._state.prompt(t, sister), self._state.result(t, object_id)
        if prompt is None or result is None:
            return
        covered = [
            point
            for point, label in zip(prompt.points, prompt.labels, strict=True)
            if label == 1 and _is_inside(result.masks[0], point)
        ]
        if covered:
            self._click(t, object_id, np.array(covered), np.zeros(len(covered), int), done)

    def _ending(self, mother: int, t: int) -> list[Action]:
        """Actions after which an object has no mask from frame `t` on."""
        known = self._state.known(mother)
        early, late = self._state_before(mother, t), self._state_from(mother, t)
        self._check_division(mother, t)
        if late.locked:
            raise ObjectError.locked(mother, min(late.locked))
        actions: list[Action] = [
            *self._anchored_at_end(mother, early),
            *([masklet_change(mother, late, late.cleared())] if late.records else []),
        ]
        if known.end != t - 1:
            actions.append(SetObject(mother, known, replace(known, end=t - 1)))
        return actions

    def _anchored_at_end(self, mother: int, early: ObjectState) -> list[SetMasklet]:
        """The action that anchors a mother at her last mask, if no prompt or lock does."""
        if early.prompted or early.locked:
            return []
        kept = anchored(self._state.labels, mother, early, mother, first=False)
        return [] if kept is early else [masklet_change(mother, early, kept)]

    def _check_division(self, mother: int, t: int) -> None:
        """Raise a ValueError if an object divides on another frame than `t`."""
        births = {self._state.known(key).birth for key in self._state.daughters(mother)}
        if births - {t, None}:
            first = min(birth for birth in births if birth is not None)
            raise ObjectError(
                "{0} divides at frame {t} already: move its division or unlink its daughters first",
                mother,
                t=first,
            )
        end = self._state.known(mother).end
        if end is not None and end < t - 1:
            raise ObjectError(
                "{0} ends after frame {end}, before frame {t}", mother, end=end, t=t - 1
            )

    @journaled
    def link_daughters(
        self, daughters: Sequence[int], mother: int | None = None, t: int | None = None
    ) -> int:
        """Make existing objects the daughters of one mother.

        The mother loses her masks from frame `t` on, and the daughters theirs before it. If the
        mother is one of the daughters, because the track of a dividing cell went on in one of
        them, its masks from frame `t` on become a new object, which is the daughter in its place.

        Parameters
        ----------
        daughters : sequence of int
            The daughters.
        mother : int, optional
            The mother; by default the one that `propose_mother` finds.
        t : int, optional
            First frame of the daughters; by default the first one on which all of them are seen,
            but not after the first prompt of any of them.

        Returns
        -------
        int
            The mother.

        Raises
        ------
        ValueError
            If there is no such object, no mother is near, a daughter has a prompt or a lock before
            frame `t`, or the mother is locked from there on, divides on another frame, or would
            descend from herself.
        """
        self._state.check_movie("division")
        children = sorted(set(daughters))
        if mother is None:
            mother = self._mothers.propose_mother(children, t)
        others = [key for key in children if key != mother]
        t = self._first_frame(others) if t is None else self._state.checked_frame(t)
        if mother is None:
            raise ObjectError(
                f"no mother of {_placeholders(children)} is near on frame {{t}}", *children, t=t - 1
            )
        self._state.known(mother)
        actions: list[Action] = []
        for child in others:
            if child in ancestors(self._state, mother):
                raise ObjectError("{0} descends from {1} itself", mother, child)
            actions += self._beginning(child, mother, t)
        new_id = 0
        if mother in children or not self._is_alone_fine(mother, others):
            new_id = self._state.new_object_id()
            actions += self._going_on(mother, new_id, t)
        actions += self._ending(mother, t)
        data = {"action": "link daughters", "object": mother, "frame": t, "daughters": children}
        text = f"divide cell {mother} at frame {t}"
        self._document.perform(Operation(text, tuple(actions), data), new_id)
        return mother

    def _first_frame(self, daughters: Sequence[int]) -> int:
        """First frame of daughters: all are seen, or one of them is prompted."""
        states = filter(None, map(self._state.object_state, daughters))
        prompted = [min(state.prompted) for state in states if state.prompted]
        return min([seen_from(self._state, daughters), *prompted])

    def _is_alone_fine(self, mother: int, daughters: Sequence[int]) -> bool:
        """Whether the daughters need no sister: there are two, or they join existing ones."""
        return len(set(daughters) | set(self._state.daughters(mother))) > 1

    def _going_on(self, mother: int, new_id: int, t: int) -> list[Action]:
        """Actions that give the masks of a mother from frame `t` on to a new daughter.

        There are none if too little of the mother is seen on frame `t`.
        """
        seen = self._state.labels[t] == mother
        before = self._state.labels[t - 1] == mother
        if seen.sum() < LEAST_DAUGHTER * before.sum() or not seen.any():
            return []
        late = self._state_from(mother, t)
        moved = late.renamed(new_id)
        if t in moved.records and t not in moved.prompted:
            moved = moved.anchored(t, new_id, seen)
        born = AnnotatedObject(new_id, parent=mother, birth=t)
        return [SetObject(new_id, None, born), masklet_change(new_id, None, moved)]

    def _beginning(self, child: int, mother: int, t: int) -> list[Action]:
        """Actions after which an object begins at frame `t` as a daughter."""
        known = self._state.known(child)
        early = self._state.object_state(child, range(t))
        for what, frames in (
            ("has a prompt", early.prompted if early else ()),
            ("is locked", early.locked if early else ()),
        ):
            if frames:
                raise ObjectError(
                    f"{{0}} {what} on frame {min(frames)}, before the division at frame {t}: "
                    "remove it there first, or divide at an earlier frame",
                    child,
                )
        actions: list[Action] = []
        if known.parent not in (None, mother):
            actions = [
                SetObject(key, self._state.known(key), after)
                for key, after in without_parent(self._state, known)
                if key != child
            ]
        if early is not None and early.records:
            actions.append(masklet_change(child, early, early.cleared()))
        if (known.parent, known.birth) != (mother, t):
            actions.append(SetObject(child, known, replace(known, parent=mother, birth=t)))
        return actions

    # Changing a division

    @journaled
    def withdraw_division(self, daughters: Sequence[int]) -> None:
        """Undo the last steps, as long as any of some new daughters exists.

        Only steps that change nothing but these daughters and their mother are undone.

        Parameters
        ----------
        daughters : sequence of int
            Daughters that the last steps have made.
        """
        history = History(self._document)
        known = [self._state.objects[key] for key in daughters if key in self._state.objects]
        family = {*daughters, *(one.parent for one in known if one.parent is not None)}
        self._document.seal()
        while any(key in self._state.objects for key in daughters):
            step = self._document.journal.next_undo
            if step is None or not _objects_of(step) <= family:
                return
            history.undo()

    @journaled
    def decline_division(self, mother: int, t: int) -> None:
        """Say that an object does not divide on a frame, so that it is not proposed there again.

        Parameters
        ----------
        mother : int
            The object.
        t : int
            The frame.

        Raises
        ------
        ValueError
            If there is no such object or frame.
        """
        known, t = self._state.known(mother), self._state.checked_frame(t)
        if t not in known.undivided:
            after = replace(known, undivided=tuple(sorted({*known.undivided, t})))
            change = SetObject(mother, known, after)
            self._document.perform(Group(f"no division of cell {mother} at frame {t}", (change,)))

    @journaled
    def move_division(self, mother: int, t: int) -> None:
        """Move the division of a mother to another frame.

        If it moves to a later frame, the mother gets the pixels of all daughters on the frames
        between. If it moves to an earlier frame, the mother loses her masks there, and the
        daughters are found there when they are tracked.

        Parameters
        ----------
        mother : int
            The mother.
        t : int
            First frame of the daughters.

        Raises
        ------
        ValueError
            If there is no such object or frame, the object has no daughters, it or a daughter is
            locked or prompted on the frames between, or one of them has no mask left.
        """
        known, t = self._state.known(mother), self._state.checked_frame(t)
        daughters = sorted(self._state.daughters(mother))
        births = [b for key in daughters if (b := self._state.known(key).birth) is not None]
        if not births:
            raise ObjectError("{0} has no daughters that begin on a frame", mother)
        now = min(births)
        if t == now:
            return
        between = range(min(t, now), max(t, now))
        masklets = (
            self._moved_later(mother, daughters, between)
            if t > now
            else self._moved_earlier(mother, between)
        )
        objects: list[Action] = [SetObject(mother, known, replace(known, end=t - 1))]
        for key in daughters:
            daughter = self._state.known(key)
            objects.append(SetObject(key, daughter, replace(daughter, birth=t)))
        data = {"action": "move division", "object": mother, "frame": t}
        text = f"move the division of cell {mother} to frame {t}"
        self._document.perform(Operation(text, (*objects, *masklets), data))

    def _moved_earlier(self, mother: int, between: range) -> list[SetMasklet]:
        """Actions that remove the masks of a mother from the frames that daughters get."""
        early = self._state_before(mother, between.start)
        lost = self._unfixed_state(mother, between)
        cleared = masklet_change(mother, lost, lost.cleared())
        return [*self._anchored_at_end(mother, early), cleared]

    def _moved_later(
        self, mother: int, daughters: Sequence[int], between: range
    ) -> list[SetMasklet]:
        """Actions that give a mother the masks that her daughters lose."""
        labels, masklets = self._state.labels, []
        gained: ObjectState | None = None
        for key in daughters:
            lost = self._state.object_state(key, between)
            late = self._state.object_state(key, range(between.stop, len(labels)))
            if lost is None or late is None:
                continue
            _check_unlocked(key, lost)
            if not has_mask(late):
                raise ObjectError("{0} has no mask from frame {t} on", key, t=between.stop)
            kept = anchored(labels, key, late, key, first=True)
            masklets += [
                masklet_change(key, one, other)
                for one, other in ((lost, lost.cleared()), (late, kept))
                if one is not other
            ]
            masks = {t: np.isin(labels[t], daughters) for t in between}
            gained = lost.renamed(mother) if gained is None else gained.united(lost, mother, masks)
        before = self._state.object_state(mother, between)
        if gained is not None:
            masklets.append(masklet_change(mother, before, gained))
        return masklets

    # States

    def _state_before(self, object_id: int, t: int) -> ObjectState:
        """State of an object before frame `t`; a ValueError if it has no mask there."""
        state = self._state.object_state(object_id, range(t))
        if state is None or not has_mask(state):
            raise ObjectError("{0} has no mask before frame {t} to divide", object_id, t=t)
        return state

    def _state_from(self, object_id: int, t: int) -> ObjectState:
        state = self._state.object_state(object_id, range(t, self._state.shape[0]))
        assert state is not None  # it has a mask before
        return state

    def _unfixed_state(self, object_id: int, frames: range) -> ObjectState:
        """State of an object on some frames; a ValueError if it is locked on any of them."""
        state = self._state.object_state(object_id, frames)
        assert state is not None
        _check_unlocked(object_id, state)
        return state


def _check_unlocked(object_id: int, state: ObjectState) -> None:
    """Raise a ValueError if an object is locked on any frame of a state."""
    if state.locked:
        raise ObjectError("{0} is locked on frame {t}: unlock it", object_id, t=min(state.locked))


def _is_inside(mask: NDArray[np.bool_], point: Any) -> bool:
    y, x = (round(float(value)) for value in point)
    return bool(0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x])


def _objects_of(action: Any) -> set[int]:
    """Objects that an action changes."""
    if isinstance(action, Group):
        return set().union(*map(_objects_of, action.actions))
    return {action.object_id}


def _placeholders(object_ids: Sequence[int]) -> str:
    """Places for the names of some objects in a message."""
    return " and ".join(f"{{{number}}}" for number in range(len(object_ids)))

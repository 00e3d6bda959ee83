"""Actions: changes of a document, each with its inverse.

An action holds the state before and after the change. So undo and redo apply one of the two states,
and neither runs the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation.objects import AnnotatedObject
    from napari_sam2.tracking import ObjectState, Prompt


ENTRY_BYTES = 100  # of a table entry, and of an action without masks


class Target(Protocol):
    """The state that an action changes."""

    def set_object(self, object_id: int, properties: AnnotatedObject | None) -> None:
        """Replace the properties of an object; None removes it."""

    def restore(self, object_id: int, state: ObjectState | None) -> None:
        """Replace prompts and masks of an object; None removes them."""

    def set_reviewed(self, object_id: int, frames: frozenset[int]) -> None:
        """Replace the reviewed frames of an object."""

    def set_marked_wrong(self, object_id: int, frames: frozenset[int]) -> None:
        """Replace the frames on which a person marked the mask of an object as wrong."""

    def note_backward_iou(self, object_id: int, values: Mapping[int, float | None]) -> None:
        """Note the result of a backward check with the masks of an object."""


@dataclass(frozen=True)
class Touched:
    """Frames, prompts and objects that a change touches: what to compose and to announce.

    Attributes
    ----------
    frames : frozenset of int
        Frames on which labels or scores may differ.
    prompts : frozenset of (int, int)
        ``(t, object_id)`` of prompts that differ.
    objects : bool
        Whether the properties of any object differ.
    review : frozenset of int
        Objects whose frames that are locked, reviewed or marked as wrong differ.
    masks : frozenset of int
        Objects whose masks may differ on the frames.
    """

    frames: frozenset[int] = frozenset()
    prompts: frozenset[tuple[int, int]] = frozenset()
    objects: bool = False
    review: frozenset[int] = frozenset()
    masks: frozenset[int] = frozenset()

    @classmethod
    def union(cls, parts: Iterable[Touched]) -> Touched:
        """Everything that any of `parts` touches."""
        parts = tuple(parts)
        return cls(
            frames=frozenset().union(*(part.frames for part in parts)),
            prompts=frozenset().union(*(part.prompts for part in parts)),
            objects=any(part.objects for part in parts),
            review=frozenset().union(*(part.review for part in parts)),
            masks=frozenset().union(*(part.masks for part in parts)),
        )


class Action(Protocol):
    """A change of a document, with the states before and after it."""

    @property
    def touched(self) -> Touched:
        """Everything that the change touches."""

    def apply(self, target: Target) -> None:
        """Make the change."""

    def inverse(self) -> Action:
        """The change that undoes this one."""

    def describe(self) -> dict[str, Any]:
        """The change as plain data, for a file and for a replay."""


@dataclass(frozen=True)
class SetObject:
    """An object is added (no `before`), removed (no `after`) or gets other properties."""

    object_id: int
    before: AnnotatedObject | None
    after: AnnotatedObject | None

    @property
    def touched(self) -> Touched:
        """Properties only."""
        return Touched(objects=True)

    def apply(self, target: Target) -> None:
        """Set `after`."""
        target.set_object(self.object_id, self.after)

    def inverse(self) -> SetObject:
        """From `after` to `before`."""
        return replace(self, before=self.after, after=self.before)

    def describe(self) -> dict[str, Any]:
        """Id and properties; the id alone if the object is removed."""
        if self.after is None:
            return {"action": "remove object", "object": self.object_id}
        return {
            "action": "add object" if self.before is None else "change object",
            "object": self.object_id,
            "name": self.after.name,
            "status": str(self.after.status),
            "parent": self.after.parent,
            "birth": self.after.birth,
            "end": self.after.end,
        }


@dataclass(frozen=True, eq=False)
class SetPrompt:
    """The prompt of one object on one frame changes, and its mask there with it.

    Attributes
    ----------
    t, object_id : int
        Where, and of which object.
    before, after : Prompt or None
        The prompt; None is a frame without one.
    state_before, state_after : ObjectState or None
        Prompts, masks and locks of the object on the frame; None if the tracker has no such object.
    """

    t: int
    object_id: int
    before: Prompt | None
    after: Prompt | None
    state_before: ObjectState | None
    state_after: ObjectState | None

    @property
    def touched(self) -> Touched:
        """The prompt and its frame."""
        prompts = frozenset({(self.t, self.object_id)})
        return Touched(frozenset({self.t}), prompts, masks=frozenset({self.object_id}))

    def apply(self, target: Target) -> None:
        """Bring the frame to `state_after`."""
        target.restore(self.object_id, self.state_after)

    def inverse(self) -> SetPrompt:
        """From `after` to `before`."""
        return replace(
            self,
            before=self.after,
            after=self.before,
            state_before=self.state_after,
            state_after=self.state_before,
        )

    def describe(self) -> dict[str, Any]:
        """The new prompt; only frame and object if it is cleared."""
        if self.after is None:
            return {"action": "clear prompts", "frame": self.t, "object": self.object_id}
        return {"action": "prompt", **describe_prompt(self.after)}


@dataclass(frozen=True, eq=False)
class SetMasklet:
    """Prompts and masks of one object change on some frames.

    Attributes
    ----------
    object_id : int
        The object.
    before, after : ObjectState or None
        Prompts, masks and locks of the object; None if the tracker has no such object.
    frames : frozenset of int
        Frames on which the masks may differ.
    prompted : frozenset of int
        Frames on which the prompt differs.
    """

    object_id: int
    before: ObjectState | None
    after: ObjectState | None
    frames: frozenset[int]
    prompted: frozenset[int] = frozenset()

    @property
    def touched(self) -> Touched:
        """The frames and prompts that differ."""
        prompts = frozenset((t, self.object_id) for t in self.prompted)
        return Touched(self.frames, prompts, masks=frozenset({self.object_id}))

    def apply(self, target: Target) -> None:
        """Bring the object to `after`."""
        target.restore(self.object_id, self.after)

    def inverse(self) -> SetMasklet:
        """From `after` to `before`."""
        return replace(self, before=self.after, after=self.before)

    def describe(self) -> dict[str, Any]:
        """Object and frames, not the masks themselves."""
        name = "remove masklet" if self.after is None else "set masklet"
        return {"action": name, "object": self.object_id, "frames": sorted(self.frames)}


@dataclass(frozen=True, eq=False)
class SetLocks:
    """Some frames of an object are locked or unlocked.

    Attributes
    ----------
    object_id : int
        The object.
    before, after : ObjectState
        Prompts, masks and locks of the object on these frames.
    frames : frozenset of int
        The frames.
    is_locking : bool
        Whether they are locked afterwards.
    changes_labels : bool
        Whether the labels may differ: only an unlocked mask can lose pixels.
    """

    object_id: int
    before: ObjectState
    after: ObjectState
    frames: frozenset[int]
    is_locking: bool
    changes_labels: bool

    @property
    def touched(self) -> Touched:
        """The review of the object, and the frames if labels may differ."""
        frames = self.frames if self.changes_labels else frozenset()
        objects = frozenset({self.object_id})
        return Touched(frames, review=objects, masks=objects)

    def apply(self, target: Target) -> None:
        """Bring the frames to `after`."""
        target.restore(self.object_id, self.after)

    def inverse(self) -> SetLocks:
        """From `after` to `before`."""
        return replace(self, before=self.after, after=self.before, is_locking=not self.is_locking)

    def describe(self) -> dict[str, Any]:
        """Object and frames."""
        name = "lock" if self.is_locking else "unlock"
        return {"action": name, "object": self.object_id, "frames": sorted(self.frames)}


@dataclass(frozen=True)
class _SetVerdict:
    """Other masks of an object have a verdict of a person.

    Attributes
    ----------
    object_id : int
        The object.
    before, after : frozenset of int
        Frames on which its mask has the verdict.
    """

    object_id: int
    before: frozenset[int]
    after: frozenset[int]

    @property
    def touched(self) -> Touched:
        """The review of the object."""
        return Touched(review=frozenset({self.object_id}))

    def inverse(self) -> Self:
        """From `after` to `before`."""
        return replace(self, before=self.after, after=self.before)

    def _described(self, action: str, given: str) -> dict[str, Any]:
        return {
            "action": action,
            "object": self.object_id,
            given: sorted(self.after - self.before),
            "withdrawn": sorted(self.before - self.after),
        }


class SetReviewed(_SetVerdict):
    """Other frames of an object are reviewed: marked by a person, or because their masks changed.

    The attributes are object, and its reviewed frames before and after.
    """

    def apply(self, target: Target) -> None:
        """Set `after`."""
        target.set_reviewed(self.object_id, self.after)

    def describe(self) -> dict[str, Any]:
        """Object, and the frames that became reviewed or unreviewed."""
        return self._described("review", "accepted")


class SetMarkedWrong(_SetVerdict):
    """Other masks of an object are marked as wrong: by a person, or because the masks changed.

    The attributes are object, and the frames on which its mask is marked, before and after.
    """

    def apply(self, target: Target) -> None:
        """Set `after`."""
        target.set_marked_wrong(self.object_id, self.after)

    def describe(self) -> dict[str, Any]:
        """Object, and the frames that were marked as wrong or lost the mark."""
        return self._described("mark wrong", "marked")


MaskVerdict = SetReviewed | SetMarkedWrong
"""An action that changes which masks of an object have a verdict of a person."""


@dataclass(frozen=True, eq=False)
class SetBackwardIou:
    """Masks of one object get the result of a backward check.

    Attributes
    ----------
    object_id : int
        The object.
    before, after : mapping of int to float or None
        IoU with the mask of the check, by frame; None where there was no check. Both have the same
        frames.
    """

    object_id: int
    before: Mapping[int, float | None]
    after: Mapping[int, float | None]

    @property
    def touched(self) -> Touched:
        """The review of the object; no mask changes."""
        return Touched(review=frozenset({self.object_id}))

    def apply(self, target: Target) -> None:
        """Set `after`."""
        target.note_backward_iou(self.object_id, self.after)

    def inverse(self) -> SetBackwardIou:
        """From `after` to `before`."""
        return replace(self, before=self.after, after=self.before)

    def describe(self) -> dict[str, Any]:
        """Object and frames."""
        return {
            "action": "backward check",
            "object": self.object_id,
            "frames": sorted(self.after),
        }


@dataclass(frozen=True, eq=False)
class Group:
    """Actions that are one undo step.

    Attributes
    ----------
    text : str
        Text of the step in a menu: "remove cell 3".
    actions : tuple of Action
        In the order in which they were done.
    """

    text: str
    actions: tuple[Action, ...]

    def __repr__(self) -> str:
        """Text and number of actions, but not the actions, which hold many masks."""
        return f"{type(self).__name__}({self.text!r}, {len(self.actions)} actions)"

    @property
    def touched(self) -> Touched:
        """Everything that any of the actions touches."""
        return Touched.union(action.touched for action in self.actions)

    def apply(self, target: Target) -> None:
        """Make the changes in their order."""
        for action in self.actions:
            action.apply(target)

    def inverse(self) -> Self:
        """The inverses in the opposite order."""
        inverses = tuple(action.inverse() for action in reversed(self.actions))
        return replace(self, actions=inverses)

    def describe(self) -> dict[str, Any]:
        """Text and the actions."""
        actions = [action.describe() for action in self.actions]
        return {"action": "group", "text": self.text, "actions": actions}


@dataclass(frozen=True, eq=False, repr=False)
class Propagate(Group):
    """The model carried masks to other frames: a `SetMasklet` for each object.

    Attributes
    ----------
    start, stop : int or None
        Range of frames asked for, ``[start, stop)``; None is the end of the stack.
    direction : str
        ``"forward"``, ``"backward"`` or ``"both"``.
    frames : tuple of int
        Frames in their order; not all of the range if the propagation ended early.
    is_inverse : bool
        Whether this undoes a propagation.
    """

    start: int | None
    stop: int | None
    direction: str
    frames: tuple[int, ...]
    is_inverse: bool = False

    def inverse(self) -> Self:
        """The same frames with their masks from before."""
        return replace(super().inverse(), is_inverse=not self.is_inverse)

    def describe(self) -> dict[str, Any]:
        """Arguments of the propagation, and the objects and frames that it wrote."""
        return {
            "action": "take back propagation" if self.is_inverse else "propagate",
            "start": self.start,
            "stop": self.stop,
            "direction": self.direction,
            "objects": [
                action.object_id for action in self.actions if isinstance(action, SetMasklet)
            ],
            "frames": list(self.frames),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Operation(Group):
    """Masks of whole tracks are split, merged, exchanged, imported or cleared.

    Attributes
    ----------
    data : mapping
        Name of the operation under the key ``"action"``, and its arguments.
    is_inverse : bool
        Whether this undoes the operation.
    """

    data: Mapping[str, Any]
    is_inverse: bool = False

    def inverse(self) -> Self:
        """The operation that undoes this one."""
        return replace(super().inverse(), is_inverse=not self.is_inverse)

    def describe(self) -> dict[str, Any]:
        """Name and arguments of the operation."""
        if self.is_inverse:
            return {**self.data, "action": f"take back {self.data['action']}"}
        return dict(self.data)


def held_bytes(action: Action) -> int:
    """Memory that an action needs for undo and redo: masks in only one of its two states."""
    if isinstance(action, Group):
        return sum(map(held_bytes, action.actions))
    if isinstance(action, SetPrompt):
        return _bytes_of_change(action.state_before, action.state_after)
    if isinstance(action, SetMasklet | SetLocks):
        return _bytes_of_change(action.before, action.after)
    return ENTRY_BYTES


def _bytes_of_change(before: ObjectState | None, after: ObjectState | None) -> int:
    one = {} if before is None else before.records
    other = {} if after is None else after.records
    held = ENTRY_BYTES * (1 + len(one) + len(other))
    for mine, theirs in ((one, other), (other, one)):
        held += sum(r.nbytes for t, r in mine.items() if theirs.get(t) is not r)
    return held


def describe_prompt(prompt: Prompt) -> dict[str, Any]:
    """Prompt as plain data, with the keys of a prompt file; a mask as its run lengths."""
    data: dict[str, Any] = {"frame": prompt.t, "object": prompt.object_id}
    if len(prompt.points):
        data["points"] = prompt.points.tolist()
        data["labels"] = prompt.labels.tolist()
        data["rounds"] = prompt.rounds.tolist()
    if prompt.box is not None:
        data["box"] = [float(edge) for edge in prompt.box]
    if prompt.mask is not None:
        data["mask"] = {"size": list(prompt.mask.shape), "counts": run_lengths(prompt.mask.full())}
    return data


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of equal pixels down the columns of a mask, background first."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat, prepend=False))
    return [int(length) for length in np.diff([0, *changes, flat.size])]

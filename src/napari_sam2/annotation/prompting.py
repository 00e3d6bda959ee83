"""Prompts: clicks, boxes and painted masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from napari_sam2.annotation.actions import Action, Group, SetMasklet, SetObject, SetPrompt
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.objects import (
    AnnotatedObject,
    checked_integer,
    checked_object_id,
)
from napari_sam2.errors import ObjectError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from napari_sam2.annotation.document import Document
    from napari_sam2.tracking import FrameResult, Prompt
    from napari_sam2.tracking.pixels import PixelMask

Result = TypeVar("Result")


class Prompting:
    """Changes prompts, and the masks of their frames with them.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._state = document.state

    def prompts(self) -> tuple[Prompt, ...]:
        """All prompts, in the order of the object ids and then of the frames."""
        return tuple(sorted(self._state.tracker.prompts(), key=lambda p: (p.object_id, p.t)))

    def prompt(self, t: int, object_id: int) -> Prompt | None:
        """Prompt of an object on frame `t`, if there is one."""
        return self._state.prompt(t, object_id)

    @journaled
    def add_points(
        self, t: int, object_id: int, points: ArrayLike, labels: ArrayLike
    ) -> FrameResult:
        """Add clicks to the prompt of an object; an unknown object is created.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            Object.
        points : (P, 2) array-like
            Clicks as (y, x) in pixels.
        labels : (P,) array-like
            1 includes, 0 excludes.

        Returns
        -------
        FrameResult
            The new mask of this object on this frame.

        Raises
        ------
        ValueError
            If the frame is outside the stack, a point is outside the image, points and labels have
            different lengths, or the object is locked on the frame.
        """
        tracker = self._state.tracker
        return self._change_prompt(
            "click on", t, object_id, lambda: tracker.add_points(t, object_id, points, labels)
        )

    @journaled
    def add_box(
        self, t: int, object_id: int, box: tuple[float, float, float, float]
    ) -> FrameResult:
        """Put a box around an object; an unknown object is created.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            Object.
        box : (y0, x0, y1, x1)
            Edges in pixels.

        Returns
        -------
        FrameResult
            The new mask of this object on this frame.

        Raises
        ------
        ValueError
            If the frame is outside the stack, the box is empty or not finite, or the object is
            locked on the frame.
        """
        tracker = self._state.tracker
        return self._change_prompt(
            "box around", t, object_id, lambda: tracker.add_box(t, object_id, box)
        )

    @journaled
    def remove_box(self, t: int, object_id: int) -> FrameResult | None:
        """Remove the box of an object; its clicks and its painted mask stay.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            Object.

        Returns
        -------
        FrameResult or None
            The new mask of this object on this frame, None if it has none any more.

        Raises
        ------
        ValueError
            If there is no such object or the frame has no prompt of it.
        """
        self._state.known(object_id)
        prompt = self.prompt(t, object_id)
        if prompt is None:
            raise ObjectError("{0} has no prompt on frame {t}", object_id, t=t)
        return self.set_prompt(replace(prompt, box=None))

    @journaled
    def add_mask(
        self,
        t: int,
        object_id: int,
        mask: ArrayLike,
        click: tuple[float, float] | None = None,
    ) -> FrameResult:
        """Set the mask of an object on a frame; an unknown object is created.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            Object.
        mask : (Y, X) bool array-like
            Its pixels.
        click : tuple of float, optional
            A click (y, x) that is known to give the mask. The prompt holds it beside the mask, and
            further clicks correct the mask.

        Returns
        -------
        FrameResult
            The new mask of this object on this frame.

        Raises
        ------
        ValueError
            If the frame is outside the stack, the mask has another shape, or the object is locked
            on the frame; or the mask is empty where there is a click.
        """
        tracker = self._state.tracker

        def change() -> FrameResult:
            if click is None:
                return tracker.add_mask(t, object_id, mask)
            tracker.import_masks(t, {object_id: mask}, {object_id: click})
            result = tracker.result(t, object_id)
            assert result is not None, "the mask was imported on this frame"
            return result

        return self._change_prompt("paint", t, object_id, change)

    @journaled
    def mark_unseen(self, *, painted: bool = True) -> None:
        """Note that nobody has looked at the masks of the prompts, as after work of a program.

        Such a mask is not vouched for; see `napari_sam2.annotation.vouched`. A new click, box or
        painted mask takes the note away; a locked or reviewed mask is vouched for all the same.

        Parameters
        ----------
        painted : bool
            Whether nobody has looked at masks that were painted or imported, either.
        """
        state, actions = self._state, []
        for object_id in state.tracker.object_ids:
            before = state.object_state(object_id)
            if before is not None and before.prompted:
                after = before.unseen(state.shape[1:], painted=painted)
                prompted = frozenset(before.prompted)
                actions.append(SetMasklet(object_id, before, after, frozenset(), prompted))
        if actions:
            self._document.perform(Group("mark masks as not looked at", tuple(actions)))

    def seen_masks(self, object_id: int) -> dict[int, PixelMask]:
        """Masks that a person saw at prompts whose masks were computed again since then, by frame.

        An empty mask says that nobody has looked at any mask of the prompt.

        Raises
        ------
        ValueError
            If there is no such object.
        """
        self._state.known(object_id)
        state = self._state.object_state(object_id)
        prompted = {} if state is None else state.prompted
        return {t: one.seen for t, one in sorted(prompted.items()) if one.seen is not None}

    def repair_labels(self, frames: Iterable[int]) -> None:
        """Restore the labels of some frames from the masks, after other code wrote into `labels`.

        Parameters
        ----------
        frames : iterable of int
            The frames.
        """
        self._state.compose(frames)

    def foreign_pixels(self, t: int) -> NDArray[np.bool_] | None:
        """Pixels of a frame whose labels other code has written into `labels`.

        Parameters
        ----------
        t : int
            Frame.

        Returns
        -------
        ndarray or None
            (Y, X) bool; None if there are none, which costs next to nothing to find out.

        Raises
        ------
        ValueError
            If the frame is outside the stack.
        """
        return self._state.foreign_pixels(self._state.checked_frame(t))

    @journaled
    def set_prompt(self, prompt: Prompt) -> FrameResult | None:
        """Replace the prompt of an object on a frame; an unknown object is created.

        Parameters
        ----------
        prompt : Prompt
            The new prompt; an empty one clears the prompt of the frame.

        Returns
        -------
        FrameResult or None
            The new mask of this object on this frame; None if it has none.

        Raises
        ------
        ValueError
            If the prompt does not fit the stack, or the object is locked on the frame.
        """
        if prompt.is_empty:
            return self.clear_prompts(prompt.t, prompt.object_id)
        tracker = self._state.tracker
        return self._change_prompt(
            "change prompt of", prompt.t, prompt.object_id, lambda: tracker.set_prompt(prompt)
        )

    @journaled
    def next_guess(self, t: int, object_id: int) -> FrameResult | None:
        """Use the next of the three masks that the model has for a single click.

        The third is followed by the first again. The guess is part of the prompt: further clicks
        correct it, and tracking starts from it.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            Object, whose prompt on the frame is a single click.

        Returns
        -------
        FrameResult or None
            The new mask of this object on this frame.

        Raises
        ------
        ValueError
            If there is no such object, its prompt on the frame is anything but a single click, or
            the object is locked on the frame.
        """
        self._state.known(object_id)
        prompt = self.prompt(t, object_id)
        if prompt is None:
            raise ObjectError("{0} has no click on frame {t}", object_id, t=t)
        following, tracker = prompt.with_next_guess(), self._state.tracker
        return self._change_prompt(
            f"show guess {following.guess} of",
            t,
            object_id,
            lambda: tracker.set_prompt(following),
        )

    @journaled
    def remove_point(self, t: int, object_id: int, index: int) -> FrameResult | None:
        """Remove one click; the mask is computed again.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            Object.
        index : int
            Index of the point in the prompt.

        Returns
        -------
        FrameResult or None
            The new mask of this object on this frame; None if it has none.

        Raises
        ------
        ValueError
            If there is no such object or the frame has no such point.
        """
        self._state.known(object_id)
        prompt = self.prompt(t, object_id)
        if prompt is None:
            raise ObjectError("{0} has no points on frame {t}", object_id, t=t)
        return self.set_prompt(prompt.without_point(index))

    @journaled
    def clear_prompts(self, t: int, object_id: int) -> FrameResult | None:
        """Remove the prompt of an object on a frame.

        The frame gets back the mask that it had before the prompt, if it had one.

        Returns
        -------
        FrameResult or None
            The mask of this object on this frame; None if it has none.

        Raises
        ------
        ValueError
            If there is no such object or frame.
        """
        self._state.known(object_id)
        self._state.check_frame(t)
        if self._state.prompt(t, object_id) is None:
            return self._state.result(t, object_id)
        tracker = self._state.tracker
        return self._change_prompt(
            "clear prompt of", t, object_id, lambda: tracker.clear_prompts(t, object_id)
        )

    def _change_prompt(
        self, verb: str, t: int, object_id: int, change: Callable[[], Result]
    ) -> Result:
        """Change a prompt in the tracker, and record the change as one undo step."""
        t, object_id = checked_integer(t, "frame"), checked_object_id(object_id)
        self._check_writable(t, object_id)
        state = self._state
        before, state_before = state.prompt(t, object_id), state.object_state(object_id, (t,))
        running = self._document.running_group()
        labels = state.labels_for(object_id)
        result = change()
        state.stale.add(object_id)
        after, state_after = state.prompt(t, object_id), state.object_state(object_id, (t,))
        actions: list[Action] = [SetPrompt(t, object_id, before, after, state_before, state_after)]
        if object_id not in state.objects:
            added = SetObject(object_id, None, AnnotatedObject(object_id))
            added.apply(state)
            actions.insert(0, added)
        group = Group(f"{verb} cell {object_id} on frame {t}", tuple(actions))
        self._document.settle(group, running, labels)
        return result

    def _check_writable(self, t: int, object_id: int) -> None:
        """Raise a ValueError if an object is locked on frame `t`, or cannot have a mask there."""
        if t in self._state.locked_frames(object_id):
            raise ObjectError.locked(object_id, t)
        properties = self._state.objects.get(object_id)
        span = None if properties is None else properties.span(self._state.shape[0])
        if span is not None and t not in span:
            raise ObjectError(
                "{0} lives on frames {first} to {last} only: "
                "take its division back before changing it on frame {t}",
                object_id,
                first=span.start,
                last=span.stop - 1,
                t=t,
            )

"""Prompts of a tracker and the masks that they lead to (paper §3, interactive refinement)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from napari_sam2.tracking.masklet import Masklet, put
from napari_sam2.tracking.masks import (
    MaskRecord,
    draw_record,
)
from napari_sam2.tracking.model_change import Translator
from napari_sam2.tracking.multi_scale_click import most_convincing
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.prompts import Prompt, check_inside, check_integer, check_prompt
from napari_sam2.tracking.results import FrameResult, ObjectState, PromptedFrame
from napari_sam2.tracking.stored import Stored
from napari_sam2.tracking.windows import Window, join_extents


class Prompted(Stored):
    """A tracker that is told what a person gives."""

    def add_points(
        self, t: int, object_id: int, points: ArrayLike, labels: ArrayLike
    ) -> FrameResult:
        """Click an object; an unknown one is made.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            1 or larger.
        points : array_like
            (P, 2) (y, x) in pixels.
        labels : array_like
            (P,) 1 includes, 0 excludes.

        Returns
        -------
        FrameResult
            Of this object on this frame.

        Raises
        ------
        ValueError
            If a point is outside the image, the frame outside the stack, or shapes do not fit; if
            all points exclude, and nothing on any frame shows the object yet.
        """
        prompt = self._prompt_or_new(t, object_id).with_points(points, labels)
        return self._add(self._checked_to_show(prompt))

    def add_box(self, t: int, object_id: int, box: Sequence[float]) -> FrameResult:
        """Draw a box (y0, x0, y1, x1) round an object; otherwise as `add_points`."""
        return self._add(self._prompt_or_new(t, object_id).with_box(box))

    def add_mask(self, t: int, object_id: int, mask: ArrayLike) -> FrameResult:
        """Give the (Y, X) mask of an object itself; otherwise as `add_points`.

        The mask takes the place of clicks and boxes on the frame. An empty one says that the object
        is not visible there, which needs an object that is prompted elsewhere.
        """
        return self._add(self._prompt_or_new(t, object_id).with_mask(mask))

    def import_masks(self, t: int, masks: Mapping[int, ArrayLike | PixelMask]) -> None:
        """Give the (Y, X) masks of many objects on a frame, as `add_mask` does for one.

        The network sees a mask only when another frame needs it, so this takes next to no time.
        Unknown objects are made.

        Parameters
        ----------
        t : int
            Frame.
        masks : mapping of int to array_like
            (Y, X) masks, none of them empty, by object.

        Raises
        ------
        ValueError
            As `add_mask`, or if a mask is empty; nothing is imported then.
        """
        prompts = [Prompt(check_integer(t, "frame"), k).with_mask(m) for k, m in masks.items()]
        for prompt in prompts:
            check_inside(prompt, self.shape)
            if prompt.mask is None or not prompt.mask.any():
                raise ValueError(f"the mask of object {prompt.object_id} is empty")
        self._embedding = None
        for prompt in prompts:
            assert prompt.mask is not None
            masklet = self._masklets.setdefault(prompt.object_id, Masklet())
            entry, before = masklet.prompted.get(t), masklet.records.get(t)
            near = before or masklet.records.get(t - 1)
            window = self._runner.grid.choose(prompt.mask.extent, near.window if near else None)
            record = draw_record(prompt.mask, window, self._renderer.size)
            before = entry.before if entry else before
            masklet.prompted[t] = PromptedFrame(prompt, before, ((-1, record),))
            masklet.records[t] = record

    def carry_over(
        self, object_id: int, state: ObjectState, kept: Collection[int] = frozenset()
    ) -> None:
        """Give an unknown object what another tracker of the same image holds of it.

        Masks stay until they are tracked again, those that are painted, locked or `kept` to the
        pixel. Clicks and boxes on other frames are computed anew.

        Parameters
        ----------
        object_id : int
            The object.
        state : ObjectState
            From `snapshot` of the other tracker, which may have another network or contrast.
        kept : collection of int
            Frames whose masks somebody has found right.

        Raises
        ------
        ValueError
            If a prompt does not fit this stack, or the object is there already; nothing is taken
            over then.
        """
        if object_id in self._masklets:
            raise ValueError(f"object {object_id} is there already")
        for entry in state.prompted.values():
            check_inside(entry.prompt, self.shape)
        masklet, prompts = Translator(self._renderer, self._runner.grid).masklet(state, kept)
        self._masklets[object_id] = masklet
        try:
            for prompt in prompts:
                self._add(prompt)
        except BaseException:
            self.remove_object(object_id)
            raise

    def set_prompt(self, prompt: Prompt) -> FrameResult | None:
        """Replace what was given for an object on a frame.

        Parameters
        ----------
        prompt : Prompt
            An empty one clears the frame.

        Returns
        -------
        FrameResult or None
            None if the frame has no mask afterwards.

        Raises
        ------
        ValueError
            As `add_points`.
        """
        if prompt.is_empty:
            return self.clear_prompts(prompt.t, prompt.object_id)
        return self._add(self._checked_to_show(check_prompt(prompt)))

    def clear_prompts(self, t: int, object_id: int) -> FrameResult | None:
        """Take back all prompts of an object on a frame.

        Returns
        -------
        FrameResult or None
            The mask that was there before any prompt, if there was one.

        Raises
        ------
        ValueError
            If the object is unknown.
        """
        masklet = self._masklet(object_id)
        self._check_frame(t)
        entry = masklet.prompted.pop(t, None)
        if entry is not None:
            put(masklet.records, t, entry.before)
            self._embedding = None
        return self.result(t, object_id)

    def remove_object(self, object_id: int) -> None:
        """Forget an object; the others stay as they are.

        Raises
        ------
        ValueError
            If the object is unknown.
        """
        self._masklet(object_id)
        del self._masklets[object_id]
        self._embedding = None

    def _prompt_or_new(self, t: int, object_id: int) -> Prompt:
        t, object_id = check_integer(t, "frame"), check_integer(object_id, "object id")
        return self.prompt(t, object_id) or Prompt(t, object_id)

    def _checked_to_show(self, prompt: Prompt) -> Prompt:
        """The prompt; a ValueError if it only excludes, and the object is nowhere yet."""
        if not len(prompt.points) or prompt.shows_object(int(prompt.rounds[-1])):
            return prompt
        masklet = self._masklets.get(prompt.object_id)
        if masklet is not None and any(record.is_visible for record in masklet.records.values()):
            return prompt
        raise ValueError(
            f"object {prompt.object_id} has no mask to take something away from: show it with a "
            "click that includes, a box or a mask before a click that excludes"
        )

    def _add(self, prompt: Prompt) -> FrameResult:
        check_inside(prompt, self.shape)
        masklet = self._masklets.get(prompt.object_id) or Masklet()
        others = masklet.prompted.keys() - {prompt.t}
        if prompt.mask is not None and not prompt.mask.any() and not others:
            raise ValueError(
                "an empty mask says that the object is not visible: "
                "prompt it on another frame first"
            )
        entry = self._prompted_frame(prompt, masklet)
        if self._embedding is not None and self._embedding[0][:2] != (prompt.object_id, prompt.t):
            self._embedding = None
        self._masklets[prompt.object_id] = masklet
        masklet.prompted[prompt.t] = entry
        record = entry.rounds[-1][1]
        masklet.records[prompt.t] = record
        return self._result(prompt.t, [(prompt.object_id, record)])

    def _prompted_frame(self, prompt: Prompt, masklet: Masklet) -> PromptedFrame:
        """Play the rounds of a prompt, from where it agrees with the one before."""
        old = masklet.prompted.get(prompt.t)
        before = old.before if old else masklet.records.get(prompt.t)
        rounds = list(_rounds_in_common(old, prompt)) if old else []
        if prompt.mask is not None and not rounds:
            window = self._runner.grid.choose(prompt.mask.extent, before.window if before else None)
            rounds = [(-1, self._runner.import_mask(prompt.t, prompt.mask, window))]
        for number in prompt.round_numbers():
            if rounds and number <= rounds[-1][0]:
                continue
            previous = rounds[-1][1] if rounds else before
            rounds.append((number, self._play_round(prompt, number, previous, before, masklet)))
        return PromptedFrame(prompt, before, tuple(rounds))

    def _play_round(
        self,
        prompt: Prompt,
        number: int,
        previous: MaskRecord | None,
        before: MaskRecord | None,
        masklet: Masklet,
    ) -> MaskRecord:
        """Mask after one round, in a window that suits what is known of the object.

        Where only clicks tell of it nobody knows its size: it is looked at from near and from far,
        and the most convincing mask is done again in a window that suits it.
        """
        grid, given = self._runner.grid, prompt.extent(number)
        known = previous.extent if previous is not None else prompt.box
        if known is not None:
            window = grid.choose(join_extents(known, given), previous.window if previous else None)
            return self._decode(prompt, number, previous, before, masklet, window)
        looks = [
            self._decode(prompt, number, previous, before, masklet, window)
            for window in grid.looks(given)
        ]
        record = most_convincing(looks, [self._renderer.region(look) for look in looks])
        window = grid.choose(join_extents(record.extent, given), record.window)
        if window == record.window:
            return record
        return self._decode(prompt, number, record, before, masklet, window)

    def _decode(
        self,
        prompt: Prompt,
        number: int,
        previous: MaskRecord | None,
        before: MaskRecord | None,
        masklet: Masklet,
        window: Window,
    ) -> MaskRecord:
        embedding = self._prompt_embedding(prompt, before, masklet, window)
        return self._runner.decode_prompt(prompt, number, previous, embedding, window)

    def _prompt_embedding(
        self, prompt: Prompt, before: MaskRecord | None, masklet: Masklet, window: Window
    ) -> Tensor:
        """Embedding of a prompted frame: conditioned on memory if the object was tracked there.

        The last one is kept, for further clicks on the same frame.
        """
        others = masklet.prompted.keys() - {prompt.t}
        if before is None or before.direction is None or not others:
            return self._runner.unconditioned(prompt.t, window)
        key = (prompt.object_id, prompt.t, window)
        if self._embedding is None or self._embedding[0] != key:
            job = replace(self._job(prompt.t, masklet, before.direction), window=window)
            self._embedding = (key, self._runner.condition(prompt.t, [job]))
        return self._embedding[1]


def _rounds_in_common(old: PromptedFrame, prompt: Prompt) -> Iterator[tuple[int, MaskRecord]]:
    """Leading rounds whose masks the new prompt shares with the old one."""
    before = old.prompt
    if not _same_mask(before.mask, prompt.mask) or before.box != prompt.box:
        return
    for number, record in old.rounds:
        if not _same_round(before, prompt, number):
            return
        yield number, record


def _same_mask(one: PixelMask | None, other: PixelMask | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.is_same(other)


def _same_round(one: Prompt, other: Prompt, number: int) -> bool:
    a, b = one.rounds == number, other.rounds == number
    return np.array_equal(one.points[a], other.points[b]) and np.array_equal(
        one.labels[a], other.labels[b]
    )

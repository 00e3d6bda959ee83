"""Prompter: compute the masks of prompted frames from the user's prompts (paper §3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from napari_sam2.errors import ObjectError
from napari_sam2.tracking.features import View
from napari_sam2.tracking.guesses import most_alike, other_guesses
from napari_sam2.tracking.mask_store import MaskStore
from napari_sam2.tracking.masklet import Masklet, put
from napari_sam2.tracking.masks import MaskRecord, draw_record
from napari_sam2.tracking.memory_bank import Recall
from napari_sam2.tracking.model_change import Translator
from napari_sam2.tracking.multi_scale_click import Look, most_convincing
from napari_sam2.tracking.network_runner import NetworkRunner
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.prompts import Prompt, check_inside, check_integer, check_prompt
from napari_sam2.tracking.results import FrameResult, ObjectState, PromptedFrame
from napari_sam2.tracking.windows import Window, join_extents

LIKELY_OBJECTS = 2  # the last ones, for which the neighbouring frames are prepared
EmbeddingKey = tuple[int, Window, Recall, tuple[MaskRecord, ...]]


class Prompter:
    """Turns prompts into masks of the prompted frames; `Tracker` documents the methods.

    Parameters
    ----------
    store : MaskStore
        Stores prompts and masks.
    runner : NetworkRunner
        Runs the network.
    """

    def __init__(self, store: MaskStore, runner: NetworkRunner) -> None:
        self._store = store
        self._runner = runner
        self._embedding: tuple[EmbeddingKey, Tensor] | None = None

    def add_points(
        self, t: int, object_id: int, points: ArrayLike, labels: ArrayLike
    ) -> FrameResult:
        """Add clicks on an object."""
        prompt = self._prompt_or_new(t, object_id).with_points(points, labels)
        return self._add(self._checked_to_show(prompt))

    def add_box(self, t: int, object_id: int, box: Sequence[float]) -> FrameResult:
        """Set the box of an object."""
        return self._add(self._prompt_or_new(t, object_id).with_box(box))

    def add_mask(self, t: int, object_id: int, mask: ArrayLike) -> FrameResult:
        """Set the painted mask of an object."""
        return self._add(self._prompt_or_new(t, object_id).with_mask(mask))

    def set_prompt(self, prompt: Prompt) -> FrameResult | None:
        """Replace the prompt of an object on a frame."""
        if prompt.is_empty:
            return self.clear(prompt.t, prompt.object_id)
        return self._add(self._checked_to_show(check_prompt(prompt)))

    def next_guess(self, t: int, object_id: int) -> FrameResult:
        """Use the next of the three masks of a single click."""
        self._store.masklet(object_id)
        return self._add(self._prompt_or_new(t, object_id).with_next_guess())

    def clear(self, t: int, object_id: int) -> FrameResult | None:
        """Remove the prompt of an object on a frame, and restore the mask from before."""
        masklet = self._store.masklet(object_id)
        self._store.check_frame(t)
        entry = masklet.prompted.pop(t, None)
        if entry is not None:
            put(masklet.records, t, entry.before)
        return self._store.result(t, object_id)

    def import_masks(
        self,
        t: int,
        masks: Mapping[int, ArrayLike | PixelMask],
        clicks: Mapping[int, tuple[float, float]],
    ) -> None:
        """Set the painted masks of many objects without running the network."""
        frame = check_integer(t, "frame")
        prompts = [_clicked(Prompt(frame, k).with_mask(m), clicks.get(k)) for k, m in masks.items()]
        for prompt in prompts:
            check_inside(prompt, self._store.shape)
            if prompt.mask is None or not prompt.mask.any():
                raise ObjectError("the mask of {0} is empty", prompt.object_id)
        for prompt in prompts:
            assert prompt.mask is not None
            masklet = self._store.masklets.setdefault(prompt.object_id, Masklet())
            entry, before = masklet.prompted.get(t), masklet.records.get(t)
            near = before or masklet.records.get(t - 1)
            window = self._runner.grid.choose(prompt.mask.extent, near.window if near else None)
            record = draw_record(prompt.mask, window, self._store.renderer.size)
            before = entry.before if entry else before
            rounds = (-1, *prompt.round_numbers())  # a click has the mask as its answer
            masklet.prompted[t] = PromptedFrame(prompt, before, tuple((n, record) for n in rounds))
            masklet.records[t] = record

    def carry_over(self, object_id: int, state: ObjectState, kept: Collection[int]) -> None:
        """Add an object with its state from a tracker with another network."""
        if object_id in self._store.masklets:
            raise ObjectError("{0} already exists", object_id)
        for entry in state.prompted.values():
            check_inside(entry.prompt, self._store.shape)
        translator = Translator(self._store.renderer, self._runner.grid)
        masklet, prompts = translator.masklet(state, kept)
        self._store.masklets[object_id] = masklet
        try:
            for prompt, seen in prompts:
                self._add(prompt)
                masklet.prompted[prompt.t] = replace(masklet.prompted[prompt.t], seen=seen)
        except BaseException:
            self._store.remove(object_id)
            raise

    def likely_views(self, t: int) -> list[View]:
        """The windows that a click on a frame is likely to need.

        The whole frame, and the windows of the objects on it. The objects that were prompted last
        on the frame before or after are likely to be clicked here too, near their places there.
        """
        masklets = self._store.masklets.values()
        windows = {m.records[t].window: None for m in masklets if t in m.records}
        beside = [
            (masklet, next(k for k in (t - 1, t + 1) if k in masklet.prompted))
            for masklet in masklets
            if t not in masklet.records and {t - 1, t + 1} & masklet.prompted.keys()
        ]
        for masklet, near in beside[-LIKELY_OBJECTS:]:
            clicked = masklet.prompted[near].prompt.extent(0)
            windows |= dict.fromkeys(self._runner.grid.looks(clicked))
            windows |= dict.fromkeys(self._runner.prompts.views(masklet.records[near]))
        return [(t, window) for window in dict.fromkeys([*windows, self._runner.grid.whole])]

    def forget_embedding(self) -> None:
        """Drop the cached embedding; it is computed again on demand."""
        self._embedding = None

    def _prompt_or_new(self, t: int, object_id: int) -> Prompt:
        t, object_id = check_integer(t, "frame"), check_integer(object_id, "object id")
        return self._store.prompt(t, object_id) or Prompt(t, object_id)

    def _checked_to_show(self, prompt: Prompt) -> Prompt:
        """Check a prompt; a ValueError if it only excludes and the object has no mask."""
        if not len(prompt.points) or prompt.shows_object(int(prompt.rounds[-1])):
            return prompt
        masklet = self._store.masklets.get(prompt.object_id)
        if masklet is not None and any(record.is_visible for record in masklet.records.values()):
            return prompt
        raise ValueError(
            "there is no mask to exclude an area from: "
            "first add a click that includes, a box or a mask"
        )

    def _add(self, prompt: Prompt) -> FrameResult:
        """Compute and store the mask of a prompt."""
        check_inside(prompt, self._store.shape)
        masklet = self._store.masklets.get(prompt.object_id) or Masklet()
        others = masklet.prompted.keys() - {prompt.t}
        if prompt.mask is not None and not prompt.mask.any() and not others:
            raise ValueError(
                "an empty mask only marks a frame on which nothing is visible: "
                "first add a prompt on another frame"
            )
        if self._runner.notice_changes((prompt.t,)):
            self.forget_embedding()
        entry = self._prompted_frame(prompt, masklet)
        self._store.masklets[prompt.object_id] = masklet
        masklet.prompted[prompt.t] = entry
        record = entry.rounds[-1][1]
        masklet.records[prompt.t] = record
        return self._store.draw(prompt.t, [(prompt.object_id, record)])

    def _prompted_frame(self, prompt: Prompt, masklet: Masklet) -> PromptedFrame:
        """Compute the rounds of a prompt that the previous prompt does not share."""
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
            record = self._play_round(prompt, number, previous, before, masklet)
            click = prompt.single_click(number)
            if previous is None and click is not None:
                record = self._runner.seen_cells.draw_click(prompt.t, record, click)
            if prompt.guess > 1 and prompt.has_guesses and number == prompt.rounds[0]:
                record = self._other_guess(prompt, number, record, before, masklet)
            rounds.append((number, record))
        return PromptedFrame(prompt, before, tuple(rounds))

    def _play_round(
        self,
        prompt: Prompt,
        number: int,
        previous: MaskRecord | None,
        before: MaskRecord | None,
        masklet: Masklet,
    ) -> MaskRecord:
        """The mask after one round, in a window that fits the size of the object.

        Since the size is unknown at the first click, the network is run on windows of several
        sizes, and `most_convincing` chooses. The best mask is then computed again in a window that
        fits its size, with itself as the previous mask. A network with a cell head gains from that
        even in the same window, except on tiny objects.
        """
        grid, given = self._runner.grid, prompt.extent(number)
        dim_cells = self._runner.dim_cells
        known = previous.extent if previous is not None else prompt.box
        if known is not None:
            current = previous.window if previous else None
            window = grid.choose(join_extents(known, given), current, is_click=before is None)
            if previous is None:
                window = dim_cells.views_of_place([window], prompt.t, known)[0]
            else:
                window = dim_cells.view(window, prompt.t, previous)
            return self._decode(prompt, number, previous, before, masklet, window)

        def look(windows: Sequence[Window]) -> list[Look]:
            if given is not None:
                windows = dim_cells.views_of_place(windows, prompt.t, given)
            return self._runner.prompts.looks(prompt, number, windows)

        looks = look(grid.looks(given))
        looks = [*look(grid.finer_looks(given, looks[-1].record.extent)), *looks]
        regions = [self._store.renderer.region(look.record) for look in looks]
        record = most_convincing(looks, regions)
        extent = join_extents(record.extent, given)
        window = grid.choose(extent, record.window, is_click=before is None)
        window = dim_cells.view(window, prompt.t, record)
        gains = self._runner.model.cell_head is not None and window.width != grid.finest
        if window == record.window and not gains:
            return record
        return self._decode(prompt, number, record, before, masklet, window)

    def _other_guess(
        self,
        prompt: Prompt,
        number: int,
        best: MaskRecord,
        before: MaskRecord | None,
        masklet: Masklet,
    ) -> MaskRecord:
        """The second or third mask of a single click, in a window that fits its size."""
        draw, grid = self._store.renderer.region, self._runner.grid
        guesses = self._guesses(prompt, number, before, before, masklet, best.window)
        guess = other_guesses(best, guesses, draw)[prompt.guess - 2]
        extent = join_extents(guess.extent, prompt.extent(number))
        window = grid.choose(extent, guess.window, is_click=before is None)
        window = self._runner.dim_cells.view(window, prompt.t, guess)
        if window == guess.window:
            return guess
        return most_alike(
            guess, self._guesses(prompt, number, guess, before, masklet, window), draw
        )

    def _guesses(
        self,
        prompt: Prompt,
        number: int,
        previous: MaskRecord | None,
        before: MaskRecord | None,
        masklet: Masklet,
        window: Window,
    ) -> list[MaskRecord]:
        embedding = self._prompt_embedding(prompt, before, masklet, window)
        return self._runner.prompts.guesses(prompt, number, previous, embedding, window)

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
        return self._runner.prompts.mask(prompt, number, previous, embedding, window)

    def _prompt_embedding(
        self, prompt: Prompt, before: MaskRecord | None, masklet: Masklet, window: Window
    ) -> Tensor | None:
        """Embedding of a prompted frame, conditioned on memories; None if it was not tracked there.

        The last embedding is cached for further clicks. It is reused only if it was computed from
        the same masks.
        """
        beside = self._store.frames_beside(prompt.t)
        others = [t for t in masklet.prompted if t in beside and t != prompt.t]
        if before is None or before.direction is None or not others:
            return None
        records = {t: record for t, record in masklet.records.items() if t in beside}
        job = self._runner.job(prompt.t, records, before.direction)
        sources = (*job.recall.frames, *job.recall.pointer_frames)
        key = (prompt.t, window, job.recall, tuple(job.records[k] for k in sources))
        if self._embedding is None or self._embedding[0] != key:
            conditioned = self._runner.condition(prompt.t, [replace(job, window=window)])
            self._embedding = (key, conditioned)
        return self._embedding[1]


def _clicked(prompt: Prompt, place: tuple[float, float] | None) -> Prompt:
    """The prompt with a click that includes, if there is one."""
    return prompt if place is None else prompt.with_points([place], [1])


def _rounds_in_common(old: PromptedFrame, prompt: Prompt) -> Iterator[tuple[int, MaskRecord]]:
    """Leading rounds whose masks the new prompt shares with the old one."""
    before = old.prompt
    if not _same_mask(before.mask, prompt.mask) or before.box != prompt.box:
        return
    if before.guess != prompt.guess:
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

"""Promptable visual segmentation of one stack (paper §3 and §4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_sam2.model import Sam2
from napari_sam2.tracking import frames as frames_module
from napari_sam2.tracking.disk_cache import DiskCache
from napari_sam2.tracking.engine import Engine, Job
from napari_sam2.tracking.first_look import most_convincing
from napari_sam2.tracking.frames import DamagedFrame, Frames
from napari_sam2.tracking.guard import as_lost, spills_over
from napari_sam2.tracking.masklet import Masklet, put
from napari_sam2.tracking.masks import (
    Direction,
    MaskRecord,
    Region,
    Renderer,
    clip,
    compose,
    draw_record,
    may_reach,
    part_about,
)
from napari_sam2.tracking.memory_bank import recall
from napari_sam2.tracking.memory_use import release_freed_memory
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.plan import Step, Sweep, plan_steps
from napari_sam2.tracking.prompts import Prompt, check_inside, check_integer, check_prompt
from napari_sam2.tracking.results import FrameResult, ObjectState, PromptedFrame
from napari_sam2.tracking.takeover import Translator
from napari_sam2.tracking.windows import Window, WindowGrid, WindowMode, join_extents

DRAWN_BYTES = 64 * 1024**2  # of masks at full size, kept for the labels that follow results
TIDY_EVERY = 64  # frames: it takes some milliseconds
RANK_TRACKED, RANK_CLICKED, RANK_PAINTED, RANK_WINNER = range(4)


class Tracker:
    """The whole engine for one stack: prompts in, masklets out.

    Every object is independent: it may be added, corrected or removed at any moment. Objects are
    computed as one batch all the same. A prompted frame always conditions the others and keeps its
    mask (§4 "Memory bank"; corrections included, as in the training of §D.2).

    Parameters
    ----------
    model : Sam2
        From `load_model`.
    frames : Frames or array_like
        (T, Y, X), (T, Y, X, 3 or 4) or (Y, X), read one frame at a time.
    max_prompted_frames : int
        M: at most this many prompted frames, the nearest ones, condition a frame.
    clean : bool
        Fill small holes and remove specks.
    cache_bytes : int
        Budget of the features kept in memory, in bytes.
    disk_bytes : int
        Budget of the features kept on the disk when memory has no room for them; 0 keeps none.
    cache_folder : Path, optional
        Where they are put until the tracker is gone. Default: the user's cache folder.
    memory_bytes : int
        Budget of encoded memories kept, in bytes; those that are gone are made again.
    object_batch : int
        Most objects in one run of the network.
    windows : str, optional
        `whole`: the network always sees the whole frame. `auto`: it sees a square about each object
        that suits its size, small objects enlarged up to twice. Default: what the model was
        made for.
    area_guard : bool
        An object whose mask suddenly covers several times its usual area counts as lost on that
        frame, and nothing is written.

    Raises
    ------
    ValueError, TypeError
        If the stack or a setting does not fit.

    Notes
    -----
    Not thread safe: one thread uses it.
    """

    def __init__(
        self,
        model: Sam2,
        frames: Frames | frames_module.ArrayLike,
        *,
        max_prompted_frames: int = 8,
        clean: bool = True,
        cache_bytes: int = 2 * 1024**3,
        disk_bytes: int = 8 * 1024**3,
        cache_folder: Path | None = None,
        memory_bytes: int = 512 * 1024**2,
        object_batch: int = 16,
        windows: WindowMode | None = None,
        area_guard: bool = True,
    ) -> None:
        if max_prompted_frames < 1 or object_batch < 1:
            raise ValueError("max_prompted_frames and object_batch must be at least 1")
        self._frames = frames if isinstance(frames, Frames) else Frames(frames)
        mode: WindowMode = windows or model.config.windows
        self._engine = Engine(
            model,
            self._frames,
            WindowGrid(self._frames.shape[1:], model.config.image_size, mode),
            cache_bytes=cache_bytes,
            memory_bytes=memory_bytes,
            object_batch=object_batch,
            disk=DiskCache(disk_bytes, cache_folder),
        )
        self._renderer = Renderer(model.config.low_res_size, self._frames.shape[1:], clean=clean)
        self._max_prompted_frames = max_prompted_frames
        self._area_guard = area_guard
        self._windows = mode
        self._masklets: dict[int, Masklet] = {}
        self._spans: dict[int, range] = {}
        self._drawn: dict[MaskRecord, Region] = {}
        self._drawn_bytes = 0
        self._embedding: tuple[tuple[int, int, Window], Tensor] | None = None

    # -- what is there -------------------------------------------------------------------------

    @property
    def model(self) -> Sam2:
        """The network."""
        return self._engine.model

    @property
    def settings(self) -> dict[str, Any]:
        """The keywords of this tracker that its masks depend on."""
        return {
            "max_prompted_frames": self._max_prompted_frames,
            "clean": self._renderer.clean,
            "windows": self._windows,
            "area_guard": self._area_guard,
        }

    @property
    def frames(self) -> Frames:
        """The stack."""
        return self._frames

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X)."""
        return self._frames.shape

    @property
    def object_ids(self) -> tuple[int, ...]:
        """All objects, in the order in which they were added."""
        return tuple(self._masklets)

    def prompt(self, t: int, object_id: int) -> Prompt | None:
        """What was given for an object on a frame."""
        masklet = self._masklets.get(object_id)
        entry = masklet.prompted.get(t) if masklet else None
        return entry.prompt if entry else None

    def prompts(self) -> tuple[Prompt, ...]:
        """All prompts, by object and then by frame."""
        return tuple(
            masklet.prompted[t].prompt
            for masklet in self._masklets.values()
            for t in sorted(masklet.prompted)
        )

    def result(self, t: int, object_id: int) -> FrameResult | None:
        """The stored mask of an object on a frame, if there is one."""
        record = self._masklet(object_id).records.get(t)
        return None if record is None else self._result(t, [(object_id, record)])

    def scores(self, t: int, object_id: int) -> tuple[float, float] | None:
        """Predicted IoU and occlusion score of a stored mask, without drawing it."""
        record = self._masklet(object_id).records.get(t)
        return None if record is None else (record.predicted_iou, record.occlusion_score)

    def low_res_logits(self, t: int, object_id: int) -> NDArray[np.float32] | None:
        """(S / 4, S / 4) logits of the stored mask; far from the mask they are one number."""
        record = self._masklet(object_id).records.get(t)
        return None if record is None else record.logits()

    def labels(self, t: int, winners: Collection[int] = ()) -> NDArray[np.int32]:
        """Labels of a frame, composed from the stored masks of all objects.

        Parameters
        ----------
        t : int
            Frame.
        winners : collection of int
            Objects that win wherever masks overlap, as those do that are locked on the frame. After
            them come masks painted on the frame, then those clicked on it, then the highest logit.

        Returns
        -------
        ndarray
            (Y, X) int32, 0 is background.
        """
        self._check_frame(t)
        layers = [
            (object_id, _rank(masklet, t, object_id in winners), self._region(masklet.records[t]))
            for object_id, masklet in self._masklets.items()
            if t in masklet.records
        ]
        return compose(self._renderer.shape, layers)

    def relabel(
        self, t: int, labels: NDArray[np.integer], object_ids: Collection[int]
    ) -> tuple[tuple[slice, slice], NDArray[np.int32]]:
        """Labels of that part of a frame in which a change of some objects can be seen.

        Parameters
        ----------
        t : int
            Frame.
        labels : ndarray
            (Y, X) its labels from before the change.
        object_ids : collection of int
            The objects whose masks changed; they may be unknown by now.

        Returns
        -------
        tuple of slice
            Rows and columns of the part.
        ndarray
            (h, w) int32, what `labels` gives there.
        """
        self._check_frame(t)
        here = {k: m for k, m in self._masklets.items() if t in m.records}
        drawn = [self._region(here[k].records[t]).window for k in object_ids if k in here]
        was_there = np.zeros(labels.shape, bool)
        for object_id in object_ids:
            was_there |= labels == object_id
        part = part_about(was_there, drawn)
        layers = [
            (k, _rank(masklet, t, False), clip(self._region(masklet.records[t]), part))
            for k, masklet in here.items()
            if may_reach(masklet.records[t], part)
        ]
        shape = (part[0].stop - part[0].start, part[1].stop - part[1].start)
        return part, compose(shape, layers)

    # -- prompts -------------------------------------------------------------------------------

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
            If a point is outside the image, the frame outside the stack, or shapes do not fit.
        """
        return self._add(self._prompt_or_new(t, object_id).with_points(points, labels))

    def add_box(self, t: int, object_id: int, box: Sequence[float]) -> FrameResult:
        """Draw a box (y0, x0, y1, x1) round an object; otherwise as `add_points`."""
        return self._add(self._prompt_or_new(t, object_id).with_box(box))

    def add_mask(self, t: int, object_id: int, mask: ArrayLike) -> FrameResult:
        """Give the (Y, X) mask of an object itself; otherwise as `add_points`.

        The mask takes the place of clicks and boxes on the frame. An empty one says that the object
        is not visible there, which needs an object that is prompted elsewhere.
        """
        return self._add(self._prompt_or_new(t, object_id).with_mask(mask))

    def adopt_masks(self, t: int, masks: Mapping[int, ArrayLike | PixelMask]) -> None:
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
            As `add_mask`, or if a mask is empty; nothing is adopted then.
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
            window = self._engine.grid.choose(prompt.mask.extent, near.window if near else None)
            record = draw_record(prompt.mask, window, self._renderer.size)
            before = entry.before if entry else before
            masklet.prompted[t] = PromptedFrame(prompt, before, ((-1, record),))
            masklet.records[t] = record

    def take_over(
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
        masklet, prompts = Translator(self._renderer, self._engine.grid).masklet(state, kept)
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
        return self._add(check_prompt(prompt))

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
            window = self._engine.grid.choose(prompt.mask.extent, before.window if before else None)
            rounds = [(-1, self._engine.adopt_mask(prompt.t, prompt.mask, window))]
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
        grid, given = self._engine.grid, prompt.extent(number)
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
        return self._engine.decode_prompt(prompt, number, previous, embedding, window)

    def _prompt_embedding(
        self, prompt: Prompt, before: MaskRecord | None, masklet: Masklet, window: Window
    ) -> Tensor:
        """Embedding of a prompted frame: conditioned on memory if the object was tracked there.

        The last one is kept, for further clicks on the same frame.
        """
        others = masklet.prompted.keys() - {prompt.t}
        if before is None or before.direction is None or not others:
            return self._engine.unconditioned(prompt.t, window)
        key = (prompt.object_id, prompt.t, window)
        if self._embedding is None or self._embedding[0] != key:
            job = replace(self._job(prompt.t, masklet, before.direction), window=window)
            self._embedding = (key, self._engine.condition(prompt.t, [job]))
        return self._embedding[1]

    # -- propagation ---------------------------------------------------------------------------

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = "forward",
        object_ids: Iterable[int] | None = None,
        *,
        until_locked: bool = False,
    ) -> Iterator[FrameResult]:
        """Carry masklets to other frames, one frame at a time.

        Each object goes outward from its own prompts: forward from its first one, backward from
        its last one; `both` goes forward from the first one and then backward from there. Prompted
        and locked frames keep their masks and are handed out as they are; a locked mask is like a
        prompted one, for the others and to set out from. The generator may be closed at any
        moment; what it handed out is kept, and a later call with `start` (or `stop`) goes on from
        there. Prompts given meanwhile take part from the next frame on.

        Parameters
        ----------
        start, stop : int, optional
            Only frames ``start <= t < stop`` are written. Default: the whole stack.
        direction : str
            `forward`, `backward` or `both`.
        object_ids : iterable of int, optional
            Default: all.
        until_locked : bool
            Each object stops before the first locked frame that it meets on its way.

        Yields
        ------
        FrameResult
            Of all objects that are tracked on the frame. A frame that is damaged is passed over:
            its result has a `problem`, and no masks but those that are fixed.

        Raises
        ------
        ValueError
            If the range or the direction is wrong, or an object unknown (at once, before the first
            frame).
        """
        return self._run(self._plan(start, stop, direction, object_ids, until_locked))

    def total_steps(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = "forward",
        object_ids: Iterable[int] | None = None,
        *,
        until_locked: bool = False,
    ) -> int:
        """How many frames `propagate` with these arguments will hand out at most."""
        return len(self._plan(start, stop, direction, object_ids, until_locked))

    def _plan(
        self,
        start: int | None,
        stop: int | None,
        direction: Sweep,
        object_ids: Iterable[int] | None,
        until_locked: bool,
    ) -> list[Step]:
        start, stop = 0 if start is None else start, len(self._frames) if stop is None else stop
        if not 0 <= start < stop <= len(self._frames):
            raise ValueError(
                f"frames {start} to {stop} are no range within the stack of {len(self._frames)}"
            )
        if direction not in get_args(Sweep):
            raise ValueError(f"direction must be forward, backward or both; got {direction!r}")
        ids = self.object_ids if object_ids is None else object_ids
        masklets = {object_id: self._masklet(object_id) for object_id in ids}
        frames = range(start, stop)
        return plan_steps(frames, direction, masklets, self._spans, until_locked=until_locked)

    def _run(self, steps: list[Step]) -> Iterator[FrameResult]:
        for number, (step, after) in enumerate(zip_longest(steps, steps[1:]), start=1):
            if number % TIDY_EVERY == 0:
                release_freed_memory()
            active = [k for k in step.object_ids if self._is_active(k, step.t)]
            if active:
                try:
                    result = self._advance(step, active, after)
                except DamagedFrame as error:
                    result = self._passed_over(step.t, active, str(error))
                yield result

    def _passed_over(self, t: int, object_ids: list[int], problem: str) -> FrameResult:
        """What there is of a frame that cannot be read: masks that somebody fixed."""
        fixed = [k for k in object_ids if self._masklets[k].is_fixed(t)]
        found = [(k, self._masklets[k].records[t]) for k in fixed]
        return replace(self._result(t, found), problem=problem)

    def _is_active(self, object_id: int, t: int) -> bool:
        """Whether an object still takes part in a propagation that comes to frame `t`."""
        masklet, span = self._masklets.get(object_id), self._spans.get(object_id)
        if masklet is None or not masklet.anchors() or (span is not None and t not in span):
            return False
        return t in masklet.records or not masklet.is_fixed(t)

    def _advance(self, step: Step, object_ids: list[int], after: Step | None) -> FrameResult:
        """Track all objects on one frame that are neither prompted nor locked there."""
        t, direction = step.t, step.direction
        moving = [k for k in object_ids if not self._masklets[k].is_fixed(t)]
        jobs = [self._job(t, self._masklets[k], direction) for k in moving]
        if jobs:
            self._engine.features.load((t, job.window) for job in jobs)
            if after is not None:
                self._engine.expect(after.t, [job.window for job in jobs])
            records = self._engine.track(t, jobs, direction)
            if self._area_guard:
                records = [self._guarded(*pair) for pair in zip(records, jobs, strict=True)]
            self._engine.memorize(t, records)
            for object_id, record in zip(moving, records, strict=True):
                self._masklets[object_id].records[t] = record
            self._embedding = None
        return self._result(t, [(k, self._masklets[k].records[t]) for k in object_ids])

    def _guarded(self, record: MaskRecord, job: Job) -> MaskRecord:
        """The record, or that of a lost object if its mask spills over."""
        if not spills_over(record, job.records, job.recall):
            return record
        return as_lost(record, self.model.no_obj_ptr.detach().float().cpu().numpy()[0])

    def _job(self, t: int, masklet: Masklet, direction: Direction) -> Job:
        config = self.model.config
        chosen = recall(
            masklet.records,
            t,
            direction,
            num_recent=config.num_memories - 1,
            max_prompted=self._max_prompted_frames,
            max_pointers=min(len(self._frames), config.max_object_pointers),
        )
        near = min(chosen.frames, key=lambda k: abs(k - t))
        beside = masklet.records[
            near
        ]  # the frame before in the sense of the pass, or what is nearest
        window = self._engine.grid.choose(beside.extent, beside.window)
        before = t - 1 if direction == "forward" else t + 1
        return Job(masklet.records, chosen, window, beside if near == before else None)

    # -- limits --------------------------------------------------------------------------------

    def lock(
        self,
        object_id: int,
        frames: Iterable[int],
        labels: Callable[[int], NDArray[np.integer]] | None = None,
    ) -> None:
        """Fix an object on some frames as it is seen there: no propagation writes them.

        There it wins the pixels that it has in the labels, and no others, over all other objects.
        A mask that was merely tracked conditions other frames like that of a prompted one.

        Parameters
        ----------
        object_id : int
            The object.
        frames : iterable of int
            Frames, also those without a mask.
        labels : callable, optional
            Gives the (Y, X) labels of a frame where they are at hand; composed anew by default.

        Raises
        ------
        ValueError
            If the object or a frame is unknown.
        """
        masklet = self._masklet(object_id)
        chosen = sorted(set(frames) - masklet.locked.keys())
        for t in chosen:
            self._check_frame(t)
        self._embedding = None
        for t in chosen:
            record = masklet.records.get(t)
            region = None if record is None else self._region(record)
            seen = None
            if region is not None:
                has_pixel = (labels or self.labels)(t)[region.window] == object_id
                if not np.array_equal(has_pixel, region.mask):
                    seen = np.zeros(self._renderer.shape, bool)
                    seen[region.window] = has_pixel
            masklet.lock(t, seen)

    def unlock(self, object_id: int, frames: Iterable[int]) -> None:
        """Let an object go on some frames, which are then as they were before the lock.

        Raises
        ------
        ValueError
            If the object is unknown.
        """
        masklet = self._masklet(object_id)
        self._embedding = None
        for t in masklet.locked.keys() & set(frames):
            masklet.unlock(t)

    def locked_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which an object is locked."""
        return frozenset(self._masklet(object_id).locked)

    def set_span(self, object_id: int, span: range | None) -> None:
        """Limit the frames that a propagation may write of an object, which may be unknown yet.

        Parameters
        ----------
        object_id : int
            The object.
        span : range or None
            The frames; None is no limit.
        """
        put(self._spans, object_id, span)

    # -- undo ----------------------------------------------------------------------------------

    def snapshot(self, object_id: int, frames: Iterable[int] | None = None) -> ObjectState:
        """Everything of an object, or of some of its frames, to be restored later.

        Raises
        ------
        ValueError
            If the object is unknown.
        """
        return self._masklet(object_id).snapshot(frames)

    def restore(self, object_id: int, state: ObjectState | None) -> None:
        """Bring an object back to a snapshot, without running the model.

        Parameters
        ----------
        object_id : int
            May be unknown: it is made again.
        state : ObjectState or None
            None removes the object, if it is there.
        """
        self._embedding = None
        if state is None:
            self._masklets.pop(object_id, None)
        else:
            self._masklets.setdefault(object_id, Masklet()).restore(state)

    # -- caches --------------------------------------------------------------------------------

    def encode(self, t: int) -> None:
        """Compute the features of a frame ahead of a click."""
        self._check_frame(t)
        self._engine.features.load(self._views(t))

    def input_of(self, t: int, object_id: int, frames: Frames | None = None) -> NDArray[np.float32]:
        """What the network gets of a frame.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            Seen through its window there; the whole frame where it has no mask.
        frames : Frames, optional
            The stack with another contrast.

        Returns
        -------
        ndarray
            (S, S, 3) float32 in 0..1, S the side of the network's input.
        """
        self._check_frame(t)
        masklet = self._masklets.get(object_id)
        record = masklet.records.get(t) if masklet else None
        window = record.window if record else self._engine.grid.whole
        return self._engine.input_of((frames or self._frames).read(t), window)

    def features_cached(self, t: int) -> bool:
        """Whether the features of a frame are at hand."""
        return all(view in self._engine.features for view in self._views(t))

    def _views(self, t: int) -> list[tuple[int, Window]]:
        """What a click on a frame is likely to look at: objects that are there, and all of it."""
        records = [m.records[t] for m in self._masklets.values() if t in m.records]
        windows = {record.window: None for record in records}
        return [(t, window) for window in (*windows, self._engine.grid.whole)]

    # -- inside --------------------------------------------------------------------------------

    def _masklet(self, object_id: int) -> Masklet:
        masklet = self._masklets.get(object_id)
        if masklet is None:
            known = ", ".join(map(str, self._masklets)) or "none"
            raise ValueError(f"unknown object {object_id}: the objects are {known}")
        return masklet

    def _check_frame(self, t: int) -> None:
        if not 0 <= check_integer(t, "frame") < len(self._frames):
            raise ValueError(f"frame {t} is outside the stack of {len(self._frames)} frames")

    def _result(self, t: int, found: Sequence[tuple[int, MaskRecord]]) -> FrameResult:
        masks = np.zeros((len(found), *self._renderer.shape), bool)
        for mask, (_, record) in zip(masks, found, strict=True):
            region = self._region(record)
            mask[region.window] = region.mask
        return FrameResult(
            t=t,
            object_ids=tuple(object_id for object_id, _ in found),
            masks=masks,
            predicted_iou=np.array([record.predicted_iou for _, record in found], np.float32),
            occlusion_score=np.array([record.occlusion_score for _, record in found], np.float32),
        )

    def _region(self, record: MaskRecord) -> Region:
        """The drawn mask of a record; the last few are kept, since labels follow results."""
        region = self._drawn.get(record)
        if region is None:
            region = self._renderer.region(record)
            self._drawn[record] = region
            self._drawn_bytes += region.nbytes
            while self._drawn_bytes > DRAWN_BYTES and len(self._drawn) > 1:
                self._drawn_bytes -= self._drawn.pop(next(iter(self._drawn))).nbytes
        return region


def _rank(masklet: Masklet, t: int, is_winner: bool) -> int:
    record = masklet.records[t]
    if is_winner or t in masklet.locked:
        return RANK_WINNER
    if record.painted is not None:
        return RANK_PAINTED
    return RANK_CLICKED if record.is_prompted else RANK_TRACKED


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

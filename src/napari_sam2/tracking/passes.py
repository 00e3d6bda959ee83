"""Passes of a tracker over the stack: masklets are carried from frame to frame."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import get_args

from napari_sam2.tracking.area_guard import as_lost, spills_over
from napari_sam2.tracking.frames import DamagedFrame
from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.memory_use import release_freed_memory
from napari_sam2.tracking.network_runner import Job
from napari_sam2.tracking.plan import Step, Sweep, plan_steps
from napari_sam2.tracking.prompted import Prompted
from napari_sam2.tracking.results import FrameResult

TIDY_EVERY_S = 1.0  # it takes some milliseconds


class Passes(Prompted):
    """A tracker that carries masklets to other frames."""

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = "both",
        object_ids: Iterable[int] | None = None,
        *,
        until_locked: bool = False,
        only_changed: bool = False,
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
            `forward`, `backward` or `both` (the default, as in the window and in a shell).
        object_ids : iterable of int, optional
            Default: all.
        until_locked : bool
            Each object stops before the first locked frame that it meets on its way.
        only_changed : bool
            Leave out what was tracked since prompts and locks of the object last changed: so
            corrections are carried, and a run that was stopped is continued where it was.

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
        return self._run(self._plan(start, stop, direction, object_ids, until_locked, only_changed))

    def total_steps(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = "both",
        object_ids: Iterable[int] | None = None,
        *,
        until_locked: bool = False,
        only_changed: bool = False,
    ) -> int:
        """How many frames `propagate` with these arguments will hand out at most."""
        return len(self._plan(start, stop, direction, object_ids, until_locked, only_changed))

    def _plan(
        self,
        start: int | None,
        stop: int | None,
        direction: Sweep,
        object_ids: Iterable[int] | None,
        until_locked: bool,
        only_changed: bool,
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
        return plan_steps(
            frames,
            direction,
            masklets,
            self._spans,
            until_locked=until_locked,
            only_changed=only_changed,
        )

    def _run(self, steps: list[Step]) -> Iterator[FrameResult]:
        tidied = time.monotonic()
        for step, after in zip_longest(steps, steps[1:]):
            if time.monotonic() - tidied >= TIDY_EVERY_S:
                release_freed_memory()
                tidied = time.monotonic()
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
            self._runner.features.load((t, job.window) for job in jobs)
            if after is not None:
                self._runner.expect(after.t, [job.window for job in jobs])
            records = self._runner.track(t, jobs, direction)
            if self._area_guard:
                records = [self._guarded(*pair) for pair in zip(records, jobs, strict=True)]
            masklets = [self._masklets[k] for k in moving]
            records = [
                replace(record, anchor=masklet.nearest_anchor(t), basis=masklet.basis())
                for record, masklet in zip(records, masklets, strict=True)
            ]
            self._runner.memorize(t, records)
            for object_id, record in zip(moving, records, strict=True):
                self._masklets[object_id].records[t] = record
            self._embedding = None
        return self._result(t, [(k, self._masklets[k].records[t]) for k in object_ids])

    def _guarded(self, record: MaskRecord, job: Job) -> MaskRecord:
        """The record, or that of a lost object if its mask spills over."""
        if not spills_over(record, job.records, job.recall):
            return record
        return as_lost(record, self.model.no_obj_ptr.detach().float().cpu().numpy()[0])

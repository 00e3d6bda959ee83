"""Propagator: track masklets from frame to frame."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest

from napari_sam2.memory_use import releasing_memory
from napari_sam2.tracking.area_guard import as_lost, spills_over
from napari_sam2.tracking.frames import DamagedFrame
from napari_sam2.tracking.mask_store import MaskStore
from napari_sam2.tracking.masklet import Masklet
from napari_sam2.tracking.masks import Direction, MaskRecord
from napari_sam2.tracking.network_runner import Job, NetworkRunner
from napari_sam2.tracking.plan import Step, Sweep, checked_range, plan_steps
from napari_sam2.tracking.results import FrameResult


class Propagator:
    """Plans which objects are tracked on which frames, and tracks frame by frame.

    Parameters
    ----------
    store : MaskStore
        Stores the masks.
    runner : NetworkRunner
        Runs the network.
    area_guard : bool
        Whether an object whose mask suddenly spills over counts as lost.
    """

    def __init__(self, store: MaskStore, runner: NetworkRunner, *, area_guard: bool) -> None:
        self._store = store
        self._runner = runner
        self.area_guard = area_guard

    def plan(
        self,
        start: int | None,
        stop: int | None,
        direction: Sweep,
        object_ids: Iterable[int] | None,
        *,
        until_locked: bool,
        only_changed: bool,
    ) -> list[Step]:
        """The steps of a propagation; see `Tracker.propagate` for the arguments and errors."""
        frames = checked_range(start, stop, direction, self._store.length)
        ids = tuple(self._store.masklets) if object_ids is None else object_ids
        masklets = {object_id: self._store.masklet(object_id) for object_id in ids}
        return plan_steps(
            frames,
            direction,
            masklets,
            self._store.spans,
            until_locked=until_locked,
            only_changed=only_changed,
        )

    def total(self, steps: list[Step]) -> int:
        """Largest number of results of some steps."""
        return len(steps)

    def leap(self, source: int, target: int) -> None:
        """Track all objects that are on one frame to another, as if it were the next one."""
        masklets = [m for m in self._store.masklets.values() if source in m.records]
        jobs = [self._runner.leap(source, masklet.records[source]) for masklet in masklets]
        self._runner.notice_changes((source, target))
        records = self._segment(target, "forward", masklets, jobs)
        _keep(target, masklets, records)

    def run(self, steps: list[Step]) -> Generator[FrameResult, None, None]:
        """Perform the steps one by one; objects that were removed meanwhile are ignored."""
        self._runner.notice_changes()
        for step, after in releasing_memory(zip_longest(steps, steps[1:])):
            active = [k for k in step.object_ids if self._is_active(k, step.t)]
            if active:
                try:
                    result = self._advance(step, active, after)
                except DamagedFrame as error:
                    result = self._damaged(step.t, active, str(error))
                yield result

    def _damaged(self, t: int, object_ids: list[int], problem: str) -> FrameResult:
        """The result of a frame that cannot be read: masks that are prompted or locked there."""
        masklets = self._store.masklets
        fixed = [k for k in object_ids if masklets[k].is_fixed(t)]
        found = [(k, masklets[k].records[t]) for k in fixed]
        return self._store.draw(t, found, problem)

    def _is_active(self, object_id: int, t: int) -> bool:
        """Whether an object is still tracked or fixed on frame `t`."""
        masklet, span = self._store.masklets.get(object_id), self._store.spans.get(object_id)
        if masklet is None or not masklet.anchors() or (span is not None and t not in span):
            return False
        return t in masklet.records or not masklet.is_fixed(t)

    def _advance(self, step: Step, object_ids: list[int], after: Step | None) -> FrameResult:
        """Track all objects on one frame that are neither prompted nor locked there."""
        t, masklets = step.t, self._store.masklets
        moving = [k for k in object_ids if not masklets[k].is_fixed(t)]
        if moving:
            self._track(step, moving, after)
        return self._store.draw(t, [(k, masklets[k].records[t]) for k in object_ids])

    def _track(self, step: Step, object_ids: list[int], after: Step | None) -> None:
        """Compute and store the masks of some objects on one frame."""
        t, direction = step.t, step.direction
        masklets = [self._store.masklets[k] for k in object_ids]
        jobs = [self._runner.job(t, masklet.records, direction) for masklet in masklets]
        self._runner.notice_changes((t,))
        self._runner.encoder.features.load((t, job.window) for job in jobs)
        if after is not None:
            self._runner.encoder.expect(after.t, [job.window for job in jobs])
        records = self._segment(t, direction, masklets, jobs)
        self._runner.memorize(t, records)
        _keep(t, masklets, records)

    def _segment(
        self, t: int, direction: Direction, masklets: Sequence[Masklet], jobs: Sequence[Job]
    ) -> list[MaskRecord]:
        """The masks of some objects on one frame, which are not stored yet."""
        records = self._runner.track(t, jobs, direction)
        if self.area_guard:
            records = [self._guarded(*pair) for pair in zip(records, jobs, strict=True)]
        return [
            replace(
                record,
                anchor=masklet.nearest_anchor(t),
                basis=masklet.basis(),
                precedes=t < min(masklet.anchors()),
            )
            for record, masklet in zip(records, masklets, strict=True)
        ]

    def _guarded(self, record: MaskRecord, job: Job) -> MaskRecord:
        """The record; if its mask spills over, the record of a lost object."""
        if not spills_over(record, job.records, job.recall):
            return record
        pointer = self._runner.model.no_obj_ptr.detach().float().cpu().numpy()[0]
        return as_lost(record, pointer)


def _keep(t: int, masklets: Sequence[Masklet], records: Sequence[MaskRecord]) -> None:
    """Store the masks of objects on a frame."""
    for masklet, record in zip(masklets, records, strict=True):
        masklet.records[t] = record

"""Volume propagator: track masklets through volumes whose planes are the frames of a stack.

The recipe is that of `napari_sam2.tracking.volume_recipe`. The masks of a volume are stored when it
is complete, so a run that is stopped leaves no half of a volume.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.area_guard import LOST_SCORE, NO_LOGIT
from napari_sam2.tracking.frames import DamagedFrame, Frames
from napari_sam2.tracking.label_composer import LabelComposer
from napari_sam2.tracking.mask_store import MaskStore
from napari_sam2.tracking.masklet import Masklet, put
from napari_sam2.tracking.masks import Direction, MaskRecord
from napari_sam2.tracking.pixels import PixelMask, masks_of
from napari_sam2.tracking.plan import Step, Sweep, before_lock, checked_range
from napari_sam2.tracking.results import CroppedResult, FrameResult, ObjectState
from napari_sam2.tracking.volume_planes import Range, areas_by_plane
from napari_sam2.tracking.volume_recipe import (
    LEADING_SHARE,
    PlaneTracker,
    follow_leading_planes,
    grow_through_planes,
)
from napari_sam2.tracking.windows import Window

STEPS_PER_PLANE = 3  # of results: while planes lead, while masks grow, and when they are stored


class MovieTracker(PlaneTracker, Protocol):
    """A tracker that tracks the planes of all volumes as the frames of one movie."""

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Its objects."""
        ...

    def import_masks(self, t: int, masks: Mapping[int, PixelMask]) -> None:
        """Set the masks of objects on a plane."""
        ...

    def restore(self, object_id: int, state: ObjectState) -> None:
        """Add an object with its prompts and masks."""
        ...

    def snapshot(self, object_id: int) -> ObjectState:
        """The prompts and masks of an object."""
        ...

    def leap(self, source: int, target: int) -> None:
        """Track all objects from a plane to another, as if it were the next one."""
        ...


@dataclass(frozen=True)
class _Asked:
    """What is tracked in a volume: its planes, the direction in time, and the objects."""

    planes: range
    direction: Direction
    object_ids: tuple[int, ...]


class VolumePropagator:
    """Plans which objects are tracked in which volumes, and tracks volume by volume.

    Parameters
    ----------
    store : MaskStore
        Stores the masks; its frames are planes.
    composer : LabelComposer
        Composes the labels of planes.
    frames : Frames
        The planes.
    make_tracker : callable
        Makes a tracker of the same planes that tracks them as a movie, without any object.
    whole : Window
        The window of the whole plane.
    """

    def __init__(
        self,
        store: MaskStore,
        composer: LabelComposer,
        frames: Frames,
        make_tracker: Callable[[], MovieTracker],
        whole: Window,
    ) -> None:
        self._store = store
        self._composer = composer
        self._frames = frames
        self._make_tracker = make_tracker
        self._whole = whole

    # -- plan ----------------------------------------------------------------------------------

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
        """The steps of a propagation, each a volume; see `Tracker.propagate`.

        A volume is tracked as a whole if any of its planes is in the range.
        """
        depth = self._store.planes
        planes = checked_range(start, stop, direction, self._store.length, "planes")
        ids = tuple(self._store.masklets) if object_ids is None else object_ids
        masklets = {k: self._store.masklet(k) for k in ids}
        times = range(planes.start // depth, -(-planes.stop // depth))
        steps: list[Step] = []
        for way in ("forward", "backward") if direction == "both" else (direction,):
            ahead = times if way == "forward" else times[::-1]
            passing: dict[int, list[int]] = {t: [] for t in ahead}
            for object_id, masklet in masklets.items():
                path = self._path(object_id, masklet, ahead, direction)
                if until_locked:
                    path = before_lock(path, {t // depth for t in masklet.locked})
                if only_changed:
                    path = self._not_tracked(path, masklet, way)
                for t in path:
                    passing[t].append(object_id)
            steps += [Step(t, way, tuple(found)) for t, found in passing.items() if found]
        return steps

    def total(self, steps: list[Step]) -> int:
        """Largest number of results of some steps."""
        return STEPS_PER_PLANE * self._store.planes * len(steps)

    def _path(self, object_id: int, masklet: Masklet, ahead: range, direction: Sweep) -> list[int]:
        """The volumes of a pass in which an object is tracked."""
        depth, anchors = self._store.planes, masklet.anchors()
        if not anchors:
            return []
        start = (max if direction == "backward" else min)(anchors) // depth
        if direction == "both" and ahead.step < 0:
            start -= 1
        span = self._store.spans.get(object_id)
        return [
            t
            for t in ahead
            if ahead.step * (t - start) >= 0
            and (span is None or any(plane in span for plane in self._planes(t)))
        ]

    def _not_tracked(self, path: list[int], masklet: Masklet, way: Direction) -> list[int]:
        """The volumes of a path from the first that was not tracked with the current prompts.

        A volume without a mask that lies before tracked ones is damaged, and is not counted.
        """
        depth = self._store.planes
        found: dict[int, set[int | None]] = {}
        for plane, record in masklet.records.items():
            if not masklet.is_fixed(plane):
                found.setdefault(plane // depth, set()).add(record.basis)
        done = {t for t in path if found.get(t) == {self._basis(masklet, t, way)}}
        last = max((index for index, t in enumerate(path) if t in done), default=-1)
        for index, t in enumerate(path):
            is_fixed = all(masklet.is_fixed(plane) for plane in self._planes(t))
            if t not in done and not is_fixed and (t in found or index > last):
                return path[index:]
        return []

    def _basis(self, masklet: Masklet, t: int, way: Direction) -> int:
        """Digest of the prompts and locks on which the masks of a volume depend.

        Those of volumes before the first prompt depend on the volume of this prompt.
        """
        planes = self._planes(t)
        if way == "forward":
            return masklet.basis(range(planes.stop))
        first = self._planes(min(masklet.anchors()) // self._store.planes)
        stop = first.stop if planes.stop <= first.start else self._store.length
        return masklet.basis(range(planes.start, stop))

    def _planes(self, t: int) -> range:
        return range(t * self._store.planes, (t + 1) * self._store.planes)

    # -- run -----------------------------------------------------------------------------------

    def run(self, steps: list[Step]) -> Generator[FrameResult, None, None]:
        """Track volume by volume; objects that were removed meanwhile are ignored.

        Results without objects show only how far the work is.
        """
        for step in steps:
            masklets = self._store.masklets
            ids = tuple(k for k in step.object_ids if k in masklets and masklets[k].anchors())
            if ids:
                yield from self._track(_Asked(self._planes(step.t), step.direction, ids))

    def _track(self, asked: _Asked) -> Generator[FrameResult, None, None]:
        pixels = []
        for plane in asked.planes:
            try:
                pixels.append(self._frames.pixels(plane))
            except DamagedFrame as error:
                yield self._result(plane, (), str(error))
                return
        images = np.stack(pixels)
        masklets = self._store.masklets
        bases = {
            k: self._basis(masklets[k], asked.planes[0] // self._store.planes, asked.direction)
            for k in asked.object_ids
        }
        tracker = self._make_tracker()
        led = yield from self._lead(tracker, asked)
        prompted = _prompted(tracker, asked.planes, asked.object_ids)
        labels = np.zeros(images.shape, np.int32)
        if prompted:
            work = grow_through_planes(tracker, asked.planes, prompted, images)
            labels = yield from self._ticking(work, asked.planes)
        yield from self._store_volume(tracker, asked, labels, led, bases)

    def _lead(
        self, tracker: MovieTracker, asked: _Asked
    ) -> Generator[FrameResult, None, dict[int, dict[int, MaskRecord]]]:
        """Give a tracker the prompts of a volume, and the masks that lead there.

        Returns
        -------
        dict
            Leading masks by plane and object.
        """
        planes, masklets = asked.planes, self._store.masklets
        states = {k: _fixed(masklets[k], planes) for k in asked.object_ids}
        for object_id, state in states.items():
            if state.prompted or state.locked:
                tracker.restore(object_id, state)
        before = self._before(asked)
        if before is None:
            return {}
        labels = np.stack([self._composer.labels(plane) for plane in before])
        areas = {
            k: found
            for k, found in areas_by_plane(labels).items()
            if k in states and self._is_led(k, asked) and _needs_lead(states[k], found)
        }
        taken = {k: {t - planes.start for t in (*s.prompted, *s.locked)} for k, s in states.items()}
        leading: dict[int, dict[int, MaskRecord]] = {}

        def to_next(z: int) -> dict[int, PixelMask]:
            other = self._make_tracker()
            source, target = before[z], planes[z]
            other.import_masks(source, masks_of(labels[z]))
            other.leap(source, target)
            ids = [k for k in areas if labels[z][labels[z] == k].size]
            leading[target] = {k: other.snapshot(k).records[target] for k in ids}
            return masks_of(other.labels(target))

        work = follow_leading_planes(areas, to_next, taken)
        count = 0
        while True:
            try:
                z = next(work)
            except StopIteration as end:
                led: dict[int, dict[int, PixelMask]] = end.value
                break
            count += 1
            if count <= len(planes):
                yield self._result(planes[z], ())
        for z, masks in led.items():
            if masks:
                tracker.import_masks(planes[z], masks)
        return {planes[z]: {k: leading[planes[z]][k] for k in masks} for z, masks in led.items()}

    def _ticking(
        self, work: Generator[float, None, NDArray[np.int32]], planes: range
    ) -> Generator[FrameResult, None, NDArray[np.int32]]:
        """Do some work, with an empty result for each plane that is done."""
        told = 0
        while True:
            try:
                share = next(work)
            except StopIteration as end:
                labels: NDArray[np.int32] = end.value
                return labels
            while told < int(share * len(planes)):
                yield self._result(planes[told], ())
                told += 1

    def _before(self, asked: _Asked) -> range | None:
        """Planes of the volume before in the direction of the pass, without damaged ones."""
        step = -1 if asked.direction == "forward" else 1
        t = asked.planes[0] // self._store.planes + step
        while 0 <= t < self._store.length // self._store.planes:
            planes = self._planes(t)
            if not any(plane in self._frames.unreadable for plane in planes):
                return planes
            t += step
        return None

    def _is_led(self, object_id: int, asked: _Asked) -> bool:
        """Whether an object comes from the volume before; it does not where its pass starts."""
        anchors = self._store.masklets[object_id].anchors()
        if asked.direction == "forward":
            return min(anchors) < asked.planes.start
        return max(anchors) >= asked.planes.stop

    # -- store ---------------------------------------------------------------------------------

    def _store_volume(
        self,
        tracker: MovieTracker,
        asked: _Asked,
        labels: NDArray[np.int32],
        led: Mapping[int, Mapping[int, MaskRecord]],
        bases: Mapping[int, int],
    ) -> Generator[FrameResult, None, None]:
        """Store the masks of a volume, with a result for each plane."""
        masklets = self._store.masklets
        ids = [k for k in asked.object_ids if k in masklets and masklets[k].anchors()]
        known = _known(tracker, ids)
        changes: dict[int, list[int]] = {plane: [] for plane in asked.planes}
        for object_id in ids:
            masklet, found = masklets[object_id], dict(known.get(object_id, {}))
            found |= {
                plane: records[object_id] for plane, records in led.items() if object_id in records
            }
            kept = {
                plane: self._tracked(
                    found[plane], masklet, plane, asked.direction, bases[object_id]
                )
                for plane, here in zip(asked.planes, labels, strict=True)
                if plane in found and not masklet.is_fixed(plane) and (here == object_id).any()
            }
            free = [plane for plane in asked.planes if not masklet.is_fixed(plane)]
            if not kept and free:
                lost = self._lost(asked.direction)
                place = free[len(free) // 2]
                kept[place] = self._tracked(lost, masklet, place, asked.direction, bases[object_id])
            span = self._store.spans.get(object_id)
            for plane in asked.planes:
                if masklet.is_fixed(plane):
                    if plane in masklet.records:
                        changes[plane].append(object_id)
                elif plane in kept or plane in masklet.records:
                    is_inside = span is None or plane in span
                    put(masklet.records, plane, kept.get(plane) if is_inside else None)
                    changes[plane].append(object_id)
        for plane, changed in changes.items():
            yield self._result(plane, changed)

    def _tracked(
        self, record: MaskRecord, masklet: Masklet, plane: int, direction: Direction, basis: int
    ) -> MaskRecord:
        """A mask of the growth as a tracked mask of the object."""
        depth, anchors = self._store.planes, masklet.anchors()
        return replace(
            record,
            direction=direction,
            anchor=masklet.nearest_anchor(plane),
            basis=basis,
            precedes=plane // depth < min(anchors) // depth,
        )

    def _lost(self, direction: Direction) -> MaskRecord:
        """The record of an object of which a volume has nothing."""
        return MaskRecord(
            corner=(0, 0),
            crop=np.zeros((0, 0), np.float32),
            floor=NO_LOGIT,
            size=self._store.renderer.size,
            predicted_iou=0.0,
            occlusion_score=LOST_SCORE,
            pointer=np.zeros(0, np.float32),
            direction=direction,
            window=self._whole,
        )

    def _result(
        self, plane: int, object_ids: Collection[int], problem: str | None = None
    ) -> CroppedResult:
        """Stored masks of some objects on a plane; empty where an object has none any more."""
        masklets, lost = self._store.masklets, self._lost("forward")
        found = [(k, masklets[k].records.get(plane, lost)) for k in object_ids if k in masklets]
        return self._store.draw(plane, found, problem)


def _fixed(masklet: Masklet, planes: range) -> ObjectState:
    """Prompts and locks of an object in a volume, with their masks."""
    prompted = {t: entry for t, entry in masklet.prompted.items() if t in planes}
    locked = {t: record for t, record in masklet.locked.items() if t in planes}
    records = {t: masklet.records[t] for t in (*prompted, *locked) if t in masklet.records}
    return ObjectState(None, records, prompted, locked)


def _needs_lead(state: ObjectState, areas: NDArray[np.intp]) -> bool:
    """Whether an object is led by its mask of the volume before, beside its prompts.

    Prompts lead alone if one of them is on a plane that is large enough to lead.
    """
    largest = max((record.area for record in state.records.values()), default=0.0)
    return bool(largest < LEADING_SHARE * areas.max())


def _known(tracker: MovieTracker, object_ids: Iterable[int]) -> dict[int, Mapping[int, MaskRecord]]:
    """Masks by object and plane, of those that the tracker has."""
    found = {}
    for object_id in object_ids:
        if object_id in tracker.object_ids:
            found[object_id] = tracker.snapshot(object_id).records
    return found


def _prompted(tracker: MovieTracker, planes: range, object_ids: Iterable[int]) -> dict[int, Range]:
    """First and last plane with a prompt, a lock or a leading mask, of objects that are seen."""
    found = {}
    for object_id in object_ids:
        if object_id in tracker.object_ids:
            state = tracker.snapshot(object_id)
            here = [t for t in (*state.prompted, *state.locked) if t in planes]
            if any(t in state.records and state.records[t].is_visible for t in here):
                found[object_id] = min(here), max(here)
    return found

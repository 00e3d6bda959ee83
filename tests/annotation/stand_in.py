"""A fast stand-in for the tracker: cells are discs of a drawn world, masks thresholded distance.

It keeps the promises of the tracker without a network: a prompted frame is a pure function of the
mask before any prompt and the prompt, every object is independent, states are immutable.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_sam2.annotation import Annotation
from napari_sam2.tracking import FrameResult, Prompt
from napari_sam2.tracking.masklet import Masklet
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.plan import Step, Sweep, plan_steps
from napari_sam2.tracking.results import Correction, PromptedFrame, Signs

SHAPE = (5, 24, 32)
RADIUS = 5.0


@dataclass(frozen=True, eq=False)
class Cell:
    """What the stand-in knows of one object on one frame."""

    mask: np.ndarray
    logit: float
    base: Cell | None = None
    prompt: Prompt | None = None
    basis: int | None = None
    backward_iou: float | None = None

    @property
    def is_visible(self) -> bool:
        return bool(self.mask.any())

    @property
    def nbytes(self) -> int:
        return self.mask.nbytes


@dataclass(frozen=True, eq=False)
class State:
    """Cells of one object on some frames, on all if `frames` is None."""

    records: Mapping[int, Cell]
    frames: frozenset[int] | None
    locked: Mapping[int, Cell | None]

    def cleared(self) -> State:
        return State({}, self.frames, {})

    def renamed(self, object_id: int) -> State:
        records = {t: _renamed(cell, object_id) for t, cell in self.records.items()}
        return replace(self, records=records)

    def anchored(self, t: int, object_id: int, mask: np.ndarray) -> State:
        prompt = Prompt(t, object_id, mask=PixelMask.of(mask))
        old = self.records[t]
        cell = Cell(mask, old.logit, old.base if old.prompt else old, prompt)
        return replace(self, records={**self.records, t: cell})

    def seen_as(self, masks: Mapping[int, np.ndarray]) -> State:
        painted = {t: replace(self.records[t], mask=mask) for t, mask in masks.items()}
        return replace(self, records={**self.records, **painted})

    def united(self, other: State, object_id: int, masks: Mapping[int, np.ndarray]) -> State:
        mine, moved = self.renamed(object_id), other.renamed(object_id)
        state = State(
            {**moved.records, **mine.records}, self.frames, {**moved.locked, **mine.locked}
        )
        for t in mine.records.keys() & moved.records.keys():
            one, two = mine.records[t], moved.records[t]
            if t in masks:
                joined = replace(one, mask=one.mask | two.mask, base=None, prompt=None)
                state = replace(state, records={**state.records, t: joined})
                if one.prompt or two.prompt:
                    state = state.anchored(t, object_id, masks[t])
            elif two.mask.any() and not one.mask.any():
                state = replace(state, records={**state.records, t: two})
        return state

    @property
    def prompted(self) -> dict[int, PromptedFrame]:
        return {
            t: PromptedFrame(cell.prompt, None)
            for t, cell in self.records.items()
            if cell.prompt is not None
        }


def disc_centres(shape: tuple[int, int, int] = SHAPE, count: int = 4, seed: int = 0) -> np.ndarray:
    """(T, count, 2) centres (y, x) of discs that wander, touch and pass through each other."""
    rng = np.random.default_rng(seed)
    start = rng.uniform([6, 6], [shape[1] - 6, shape[2] - 6], (1, count, 2))
    steps = rng.normal(0, 1.5, (shape[0] - 1, count, 2))
    return np.concatenate([start, start + np.cumsum(steps, axis=0)])


def calm_tracker() -> StandInTracker:
    """A world of four discs that never touch."""
    tracker = StandInTracker()
    start = np.array([[6.0, 6.0], [6.0, 22.0], [17.0, 6.0], [17.0, 22.0]])
    tracker.centres = start + 0.5 * np.arange(SHAPE[0])[:, None, None]
    return tracker


class StandInTracker:
    """Tracker over a world of discs; `runs` counts what would cost a run of the model."""

    def __init__(self, shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> None:
        self.shape = shape
        self.centres = disc_centres(shape, seed=seed)
        self.grid = np.stack([*np.mgrid[: shape[1], : shape[2]]], axis=-1)
        self.objects: dict[int, dict[int, Cell]] = {}
        self.locks: dict[int, dict[int, Cell | None]] = {}
        self.spans: dict[int, range | None] = {}
        self.seed = seed
        self.pointers: dict[tuple[int, int], np.ndarray] = {}
        self.runs = 0
        self.fail_on: int | None = None

    def grow(self, data: Any) -> None:
        """Show more frames of a world that was drawn for all of them."""
        if data.shape[1:] != self.shape[1:]:
            raise ValueError("new frames have another size")
        self.shape = data.shape

    @property
    def object_ids(self) -> tuple[int, ...]:
        return tuple(self.objects)

    # Prompts

    def add_points(self, t: int, object_id: int, points: Any, labels: Any) -> FrameResult:
        points = self._checked_points(points)
        if len(points) != len(np.atleast_1d(labels)):
            raise ValueError(f"{len(points)} points need as many labels; got {labels}")
        return self.set_prompt(self._prompt_or_empty(t, object_id).with_points(points, labels))

    def add_box(self, t: int, object_id: int, box: Sequence[float]) -> FrameResult:
        if not (box[0] < box[2] and box[1] < box[3]):
            raise ValueError(f"box must be (y0, x0, y1, x1) with y0 < y1 and x0 < x1; got {box}")
        return self.set_prompt(self._prompt_or_empty(t, object_id).with_box(box))

    def add_mask(self, t: int, object_id: int, mask: Any) -> FrameResult:
        if np.shape(np.asarray(mask)) != self.shape[1:]:
            raise ValueError(f"mask must be {self.shape[1:]}; got {np.shape(mask)}")
        return self.set_prompt(self._prompt_or_empty(t, object_id).with_mask(mask))

    def import_masks(
        self, t: int, masks: Mapping[int, Any], clicks: Mapping[int, Any] | None = None
    ) -> None:
        for object_id, mask in masks.items():
            self.add_mask(t, object_id, mask)
        for object_id, place in (clicks or {}).items():
            self.add_points(t, object_id, [place], [1])

    def carry_over(self, object_id: int, state: State, kept: Collection[int] = ()) -> None:
        self.restore(object_id, state)
        for t, entry in state.prompted.items():
            if t not in state.locked and t not in kept and entry.prompt.round_numbers():
                self.set_prompt(entry.prompt)

    def set_prompt(self, prompt: Prompt) -> FrameResult:
        self._check_frame(prompt.t)
        old = self.objects.get(prompt.object_id, {}).get(prompt.t)
        base = old.base if old is not None and old.prompt is not None else old
        self.runs += 1
        logit = _noise(prompt.object_id, prompt.t, len(prompt.points))
        cell = Cell(self._prompted_mask(base, prompt), logit, base, prompt)
        self.objects.setdefault(prompt.object_id, {})[prompt.t] = cell
        return _result(prompt.t, {prompt.object_id: cell})

    def clear_prompts(self, t: int, object_id: int) -> FrameResult | None:
        self._check_frame(t)
        cells = self._cells(object_id)
        if t in cells and cells[t].prompt is not None:
            base = cells.pop(t).base
            if base is not None:
                cells[t] = base
        return self.result(t, object_id)

    def remove_object(self, object_id: int) -> None:
        self._cells(object_id)
        del self.objects[object_id]
        self.locks.pop(object_id, None)

    # Locks

    def lock(self, object_id: int, frames: Iterable[int], labels: Any = None) -> None:
        cells, locked = self._cells(object_id), self.locks.setdefault(object_id, {})
        for t in frames:
            self._check_frame(t)
            locked[t] = cells.get(t)
            if t in cells:
                seen = (labels or self.labels)(t) == object_id
                cells[t] = replace(cells[t], mask=cells[t].mask & seen)

    def unlock(self, object_id: int, frames: Iterable[int]) -> None:
        for t in frames:
            cell = self.locks[object_id].pop(t)
            if cell is not None:
                self._cells(object_id)[t] = cell

    def locked_frames(self, object_id: int) -> frozenset[int]:
        self._cells(object_id)
        return frozenset(self.locks.get(object_id, ()))

    def set_span(self, object_id: int, span: range | None) -> None:
        self.spans[object_id] = span

    def scores(self, t: int, object_id: int) -> tuple[float, float] | None:
        result = self.result(t, object_id)
        if result is None:
            return None
        return float(result.predicted_iou[0]), float(result.occlusion_score[0])

    def signs(self, t: int, object_id: int) -> Signs | None:
        """What the network would know is unknown."""
        cell = self._cells(object_id).get(t)
        if cell is None:
            return None
        return Signs(1.0, None, None, float(cell.mask.sum()), cell.backward_iou)

    def pointer(self, t: int, object_id: int) -> np.ndarray | None:
        """What a test says how an object looks."""
        return self.pointers.get((t, object_id))

    def corrections(self, object_id: int) -> tuple[Correction, ...]:
        return ()

    def note_backward_iou(self, object_id: int, values: Mapping[int, float | None]) -> None:
        cells = self._cells(object_id)
        for t in values.keys() & cells.keys():
            cells[t] = replace(cells[t], backward_iou=values[t])

    def without_objects(self) -> StandInTracker:
        other = StandInTracker(self.shape, self.seed)
        other.centres = self.centres
        return other

    def prompt(self, t: int, object_id: int) -> Prompt | None:
        self._check_frame(t)
        cell = self.objects.get(object_id, {}).get(t)
        return None if cell is None else cell.prompt

    def prompts(self) -> tuple[Prompt, ...]:
        cells = (cell for of in self.objects.values() for cell in of.values())
        return tuple(cell.prompt for cell in cells if cell.prompt is not None)

    # Masklets

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
        return self._carry(
            self._plan(start, stop, direction, object_ids, until_locked, only_changed)
        )

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
        return len(self._plan(start, stop, direction, object_ids, until_locked, only_changed))

    def labels(self, t: int, winners: Collection[int] = ()) -> np.ndarray:
        self._check_frame(t)

        def strength(item: tuple[int, Cell]) -> tuple[Any, ...]:
            object_id, cell = item
            painted = cell.prompt is not None and cell.prompt.mask is not None
            clicked = cell.prompt is not None
            wins = object_id in winners or t in self.locks.get(object_id, ())
            return (wins, painted, clicked, cell.logit, object_id)

        labels = np.zeros(self.shape[1:], np.int32)
        here = [(key, cells[t]) for key, cells in self.objects.items() if t in cells]
        for object_id, cell in sorted(here, key=strength):
            labels[cell.mask] = object_id
        return labels

    def relabel(self, t: int, labels: np.ndarray, object_ids: Any) -> Any:
        return (slice(None), slice(None)), self.labels(t)

    def result(self, t: int, object_id: int) -> FrameResult | None:
        self._check_frame(t)
        cells = self._cells(object_id)
        return _result(t, {object_id: cells[t]}) if t in cells else None

    # States

    def snapshot(self, object_id: int, frames: Iterable[int] | None = None) -> State:
        cells = self._cells(object_id)
        locked = self.locks.get(object_id, {})
        if frames is None:
            return State(dict(cells), None, dict(locked))
        chosen = frozenset(frames)
        return State(
            {t: cells[t] for t in chosen & cells.keys()},
            chosen,
            {t: locked[t] for t in chosen & locked.keys()},
        )

    def restore(self, object_id: int, state: State | None) -> None:
        if state is None:
            self.remove_object(object_id)
        elif state.frames is None:
            self.objects[object_id] = dict(state.records)
            self.locks[object_id] = dict(state.locked)
        else:
            cells = self.objects.setdefault(object_id, {})
            locked = self.locks.setdefault(object_id, {})
            for t in state.frames:
                cells.pop(t, None)
                locked.pop(t, None)
            cells.update(state.records)
            locked.update(state.locked)

    # What a network would do

    def _prompted_mask(self, base: Cell | None, prompt: Prompt) -> np.ndarray:
        mask = np.zeros(self.shape[1:], bool) if base is None else base.mask.copy()
        if prompt.mask is not None:
            mask = prompt.mask.full()
        if prompt.box is not None:
            y0, x0, y1, x1 = prompt.box
            inside = (self.grid >= [y0, x0]) & (self.grid <= [y1, x1])
            mask = np.all(inside, axis=-1)
        for point, label in zip(prompt.points, prompt.labels, strict=True):
            disc = self._disc(prompt.t, point)
            mask = mask | disc if label else mask & ~disc
        return mask

    def _disc(self, t: int, point: np.ndarray) -> np.ndarray:
        """The disc of the world under `point`, or a speck where there is none."""
        distances = np.linalg.norm(self.centres[t] - point, axis=-1)
        nearest = distances.argmin()
        if distances[nearest] < RADIUS:
            return self._distance(self.centres[t, nearest]) < RADIUS
        return self._distance(point) < 2

    def _distance(self, centre: np.ndarray) -> np.ndarray:
        return np.linalg.norm(self.grid - centre, axis=-1)

    def _carry(self, plan: list[Step]) -> Iterator[FrameResult]:
        for step in plan:
            t = step.t
            if t == self.fail_on:
                raise RuntimeError(f"the network failed on frame {t}")
            source = t - 1 if step.direction == "forward" else t + 1
            present = [key for key in step.object_ids if self._may_be_on(t, key)]
            cells = {key: self._carried(key, t, source) for key in present}
            if not cells:
                continue
            self.runs += 1
            for object_id, cell in cells.items():
                self.objects[object_id][t] = cell
            yield _result(t, cells)

    def _may_be_on(self, t: int, object_id: int) -> bool:
        span = self.spans.get(object_id)
        is_alive = object_id in self.objects and (span is None or t in span)
        is_gone = t in self.locks.get(object_id, ()) and t not in self.objects.get(object_id, ())
        return is_alive and not is_gone

    def _carried(self, object_id: int, t: int, source_t: int) -> Cell:
        """Mask of frame `source_t`, moved along with the discs that it covers."""
        cells = self.objects[object_id]
        if t in cells and (cells[t].prompt is not None or t in self.locks.get(object_id, ())):
            return cells[t]
        mask = np.zeros(self.shape[1:], bool)
        if source := cells.get(source_t):
            for before, now in zip(self.centres[source_t], self.centres[t], strict=True):
                if (source.mask & (self._distance(before) < RADIUS / 2)).any():
                    mask |= self._distance(now) < RADIUS
        basis = self._as_masklet(object_id).basis()
        return Cell(mask, _noise(object_id, t, int(mask.sum())), basis=basis)

    def _plan(
        self,
        start: int | None,
        stop: int | None,
        direction: Sweep,
        object_ids: Iterable[int] | None,
        until_locked: bool,
        only_changed: bool,
    ) -> list[Step]:
        length = self.shape[0]
        first, end = 0 if start is None else start, length if stop is None else stop
        if not 0 <= first < end <= length:
            raise ValueError(f"frames must be within 0..{length}; got {start}..{stop}")
        if direction not in ("forward", "backward", "both"):
            raise ValueError(f"direction must be forward, backward or both; got {direction!r}")
        chosen = self.object_ids if object_ids is None else tuple(object_ids)
        spans = {key: span for key, span in self.spans.items() if span is not None}
        masklets = {key: self._as_masklet(key) for key in chosen}
        frames = range(first, end)
        return plan_steps(
            frames,
            direction,
            masklets,
            spans,
            until_locked=until_locked,
            only_changed=only_changed,
        )

    def _as_masklet(self, object_id: int) -> Masklet:
        """What a plan looks at: where there are cells, prompts and locks."""
        cells: Any = self._cells(object_id)
        prompted = {t: cell for t, cell in cells.items() if cell.prompt is not None}
        return Masklet(cells, prompted, cast("Any", self.locks.get(object_id, {})))

    # Checks

    def _cells(self, object_id: int) -> dict[int, Cell]:
        if object_id not in self.objects:
            raise ValueError(f"unknown object {object_id}")
        return self.objects[object_id]

    def _prompt_or_empty(self, t: int, object_id: int) -> Prompt:
        prompt = self.prompt(t, object_id)
        return Prompt(t, object_id) if prompt is None else prompt

    def _check_frame(self, t: int) -> None:
        if not 0 <= t < self.shape[0]:
            raise ValueError(f"frame must be 0..{self.shape[0] - 1}; got {t}")

    def _checked_points(self, points: Any) -> np.ndarray:
        array = np.asarray(points, float).reshape(-1, 2)
        if not ((array >= -0.5) & (array <= np.array(self.shape[1:]) - 0.5)).all():
            raise ValueError(f"points must be inside the image {self.shape[1:]}; got {points}")
        return array


def _renamed(cell: Cell, object_id: int) -> Cell:
    if cell.prompt is None:
        return cell
    return replace(cell, prompt=replace(cell.prompt, object_id=object_id))


def _noise(*key: int) -> float:
    """A logit that differs between objects and frames, the same on every run."""
    return float(np.random.default_rng(key).normal())


def _result(t: int, cells: Mapping[int, Cell]) -> FrameResult:
    visible = [cell.mask.any() for cell in cells.values()]
    return FrameResult(
        t,
        tuple(cells),
        np.stack([cell.mask for cell in cells.values()]),
        np.array([abs(np.tanh(cell.logit)) for cell in cells.values()], np.float32),
        np.where(visible, 3.0, -3.0).astype(np.float32),
    )


if TYPE_CHECKING:
    Annotation(StandInTracker())

"""A tiny world to click in: bright discs that move, and an engine that thresholds them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
from scipy import ndimage

from napari_sam2.annotation import Annotation
from napari_sam2.batch.process import BatchEnded
from napari_sam2.finding import Proposal
from napari_sam2.plugin.inference.engine import LoadedModel, OpenedImage
from napari_sam2.plugin.protocol.messages import ModelChoice
from napari_sam2.plugin.protocol.sources import ImageSource
from napari_sam2.tracking import FrameResult, Frames, ObjectState, Prompt
from napari_sam2.tracking.masklet import Masklet, put
from napari_sam2.tracking.masks import Direction, MaskRecord, Renderer, draw_record
from napari_sam2.tracking.pixels import masks_of
from napari_sam2.tracking.plan import Step, plan_steps
from napari_sam2.tracking.results import Correction, PromptedFrame, Signs
from napari_sam2.tracking.windows import Window
from napari_sam2.training.lesson_process import LessonEnded

FRAMES, SIDE = 8, 64
STARTS = ((20.0, 16.0), (44.0, 20.0))  # (y, x) of the discs on frame 0
SPEED = 3.0  # pixels to the right in a frame
RADIUS = 6


def disc_centre(index: int, t: int) -> tuple[float, float]:
    """(y, x) of a disc on a frame."""
    y, x = STARTS[index]
    return y, x + SPEED * t


def disc(index: int, t: int) -> np.ndarray:
    """(Y, X) bool mask of a disc on a frame."""
    rows, columns = np.ogrid[:SIDE, :SIDE]
    y, x = disc_centre(index, t)
    return (rows - y) ** 2 + (columns - x) ** 2 <= RADIUS**2


def movie(frames: int = FRAMES) -> np.ndarray:
    """(T, Y, X) uint16 movie of the two discs."""
    stack = [np.where(disc(0, t) | disc(1, t), 4000, 300) for t in range(frames)]
    return np.array(stack, dtype=np.uint16)


def spot(mask: np.ndarray, direction: Direction | None) -> MaskRecord:
    """A (Y, X) bool mask as the tracker of this world keeps it, and the pass that wrote it."""
    drawn = draw_record(mask, Window(0, 0, *mask.shape), max(mask.shape))
    return replace(drawn, direction=direction)


def pixels(record: MaskRecord, shape: tuple[int, int]) -> np.ndarray:
    """(Y, X) bool mask of a record; painted ones are at hand, joined ones are drawn."""
    if record.painted is not None:
        return record.painted.full()
    return Renderer(record.size, shape, clean=False).mask(record)


class ThresholdTracker:
    """Segments by brightness: a click takes the spot it falls on, spots are followed by overlap.

    Parameters
    ----------
    stack : (T, Y, X) array
        The movie.
    on_step : callable
        Called in the inference thread before each frame of a propagation, with its index.
    """

    def __init__(self, stack: np.ndarray, on_step: Callable[[int], None]) -> None:
        self._bright = stack > 1000
        self._on_step = on_step
        self._masklets: dict[int, Masklet] = {}
        self._spans: dict[int, range] = {}
        self._cached: set[int] = set()
        self.pointers: dict[tuple[int, int], np.ndarray] = {}  # what a test says of looks
        self.shape = stack.shape
        self.frames = Frames(stack)

    def grow(self, data: Any) -> None:
        self.frames.grow(data)
        self._bright, self.shape = np.asarray(data) > 1000, self.frames.shape

    @property
    def object_ids(self) -> tuple[int, ...]:
        return tuple(self._masklets)

    def prompts(self) -> tuple[Prompt, ...]:
        entries = (e for masklet in self._masklets.values() for e in masklet.prompted.values())
        return tuple(entry.prompt for entry in entries)

    def prompt(self, t: int, object_id: int) -> Prompt | None:
        entry = self._masklets[object_id].prompted.get(t)
        return entry.prompt if entry else None

    def add_points(self, t: int, object_id: int, points, labels) -> FrameResult:
        frames, height, width = self.shape
        if not 0 <= t < frames:
            raise ValueError(f"frame must be between 0 and {frames - 1}; got {t}")
        for y, x in points:
            if not (-0.5 <= y <= height - 0.5 and -0.5 <= x <= width - 0.5):
                raise ValueError(f"point ({y}, {x}) is outside the image")
        return self.set_prompt(self._prompt_at(t, object_id).with_points(points, labels))

    def add_box(self, t: int, object_id: int, box) -> FrameResult:
        return self.set_prompt(self._prompt_at(t, object_id).with_box(box))

    def add_mask(self, t: int, object_id: int, mask) -> FrameResult:
        return self.set_prompt(self._prompt_at(t, object_id).with_mask(mask))

    def import_masks(self, t: int, masks, clicks=None) -> None:
        for object_id, mask in masks.items():
            self.add_mask(t, object_id, mask)
        for object_id, place in (clicks or {}).items():
            self.add_points(t, object_id, [place], [1])

    def carry_over(self, object_id: int, state: ObjectState, kept=()) -> None:
        self.restore(object_id, state)
        for t, entry in state.prompted.items():
            if t not in state.locked and t not in kept and entry.prompt.round_numbers():
                self.set_prompt(entry.prompt)

    def set_prompt(self, prompt: Prompt) -> FrameResult:
        t, masklet = prompt.t, self._masklets.setdefault(prompt.object_id, Masklet())
        old = masklet.prompted.get(t)
        before = old.before if old else masklet.records.get(t)
        mask = self._segment(prompt, None if before is None else self._pixels(before))
        masklet.prompted[t] = PromptedFrame(prompt, before)
        masklet.records[t] = spot(mask, None)
        return self._results(t, (prompt.object_id,))

    def clear_prompts(self, t: int, object_id: int) -> FrameResult | None:
        masklet = self._masklets[object_id]
        put(masklet.records, t, masklet.prompted.pop(t).before)
        if not masklet.records:
            del self._masklets[object_id]
            return None
        return self.result(t, object_id)

    def propagate(
        self,
        start=None,
        stop=None,
        direction="both",
        object_ids=None,
        *,
        until_locked=False,
        only_changed=False,
    ) -> Iterator[FrameResult]:
        return self._steps(
            self._plan(start, stop, direction, object_ids, until_locked, only_changed)
        )

    def total_steps(
        self,
        start=None,
        stop=None,
        direction="both",
        object_ids=None,
        *,
        until_locked=False,
        only_changed=False,
    ) -> int:
        return len(self._plan(start, stop, direction, object_ids, until_locked, only_changed))

    def labels(self, t: int, winners=()) -> np.ndarray:
        frame = np.zeros(self.shape[1:], np.int32)
        for object_id, masklet in sorted(self._masklets.items(), key=lambda item: _rank(item, t)):
            if t in masklet.records:
                frame[self._pixels(masklet.records[t])] = object_id
        return frame

    def relabel(self, t: int, labels: np.ndarray, object_ids) -> tuple:
        return (slice(None), slice(None)), self.labels(t)

    def result(self, t: int, object_id: int) -> FrameResult | None:
        masklet = self._masklets.get(object_id)
        return (
            None if masklet is None or t not in masklet.records else self._results(t, (object_id,))
        )

    def scores(self, t: int, object_id: int) -> tuple[float, float] | None:
        return (1.0, 1.0) if t in self._masklets[object_id].records else None

    def signs(self, t: int, object_id: int) -> Signs | None:
        record = self._masklets[object_id].records.get(t)
        if record is None:
            return None
        return Signs(1.0, None, None, record.area, record.backward_iou)

    def pointer(self, t: int, object_id: int) -> np.ndarray | None:
        return self.pointers.get((t, object_id))

    def corrections(self, object_id: int) -> tuple[Correction, ...]:
        return ()

    def note_backward_iou(self, object_id: int, values) -> None:
        self._masklets[object_id].note_backward_iou(values)

    def without_objects(self) -> ThresholdTracker:
        return ThresholdTracker(np.where(self._bright, 4000, 0), self._on_step)

    def lock(self, object_id: int, frames, labels=None) -> None:
        masklet = self._masklets[object_id]
        for t in set(frames) - masklet.locked.keys():
            masklet.lock(t)

    def unlock(self, object_id: int, frames) -> None:
        masklet = self._masklets[object_id]
        for t in masklet.locked.keys() & set(frames):
            masklet.unlock(t)

    def locked_frames(self, object_id: int) -> frozenset[int]:
        return frozenset(self._masklets[object_id].locked)

    def set_span(self, object_id: int, span: range | None) -> None:
        put(self._spans, object_id, span)

    def snapshot(self, object_id: int, frames=None) -> ObjectState:
        return self._masklets[object_id].snapshot(frames)

    def restore(self, object_id: int, state: ObjectState | None) -> None:
        if state is None:
            del self._masklets[object_id]
        else:
            self._masklets.setdefault(object_id, Masklet()).restore(state)

    def remove_object(self, object_id: int) -> None:
        del self._masklets[object_id]

    def input_of(self, t: int, object_id: int, frames: Frames) -> np.ndarray:
        return frames.read(t)

    def window_of(self, t: int, object_id: int) -> Window:
        return Window(0, 0, *self.shape[1:])

    def encode(self, t: int) -> None:
        self._cached.add(t)

    def features_cached(self, t: int) -> bool:
        return t in self._cached

    def forget_features(self) -> None:
        self._cached.clear()

    def _pixels(self, record: MaskRecord) -> np.ndarray:
        return pixels(record, self.shape[1:])

    def _prompt_at(self, t: int, object_id: int) -> Prompt:
        entry = self._masklets.get(object_id, Masklet()).prompted.get(t)
        return entry.prompt if entry else empty_prompt(t, object_id)

    def _plan(self, start, stop, direction, object_ids, until_locked, only_changed) -> list[Step]:
        frames = range(start or 0, self.shape[0] if stop is None else stop)
        masklets = {key: self._masklets[key] for key in object_ids or self.object_ids}
        return plan_steps(
            frames,
            direction,
            masklets,
            self._spans,
            until_locked=until_locked,
            only_changed=only_changed,
        )

    def _steps(self, steps: list[Step]) -> Iterator[FrameResult]:
        for step in steps:
            self._on_step(step.t)
            for object_id in step.object_ids:
                self._carry(self._masklets[object_id], step)
            yield self._results(step.t, step.object_ids)

    def _carry(self, masklet: Masklet, step: Step) -> None:
        if masklet.is_fixed(step.t):
            return
        source = masklet.records.get(step.t + (-1 if step.direction == "forward" else 1))
        spots, _ = ndimage.label(self._bright[step.t])
        hit = np.unique(spots[self._pixels(source) & (spots > 0)]) if source else np.array([0])
        tracked = spot(np.isin(spots, hit[hit > 0]), step.direction)
        masklet.records[step.t] = replace(tracked, basis=masklet.basis())

    def _results(self, t: int, object_ids: tuple[int, ...]) -> FrameResult:
        records = [self._masklets[object_id].records[t] for object_id in object_ids]
        masks = np.array([self._pixels(record) for record in records])
        scores = np.ones(len(object_ids), np.float32)
        return FrameResult(t, object_ids, masks, scores, scores)

    def _segment(self, prompt: Prompt, base: np.ndarray | None) -> np.ndarray:
        mask = np.zeros(self.shape[1:], bool) if base is None else base.copy()
        if prompt.mask is not None:
            mask = prompt.mask.full()
        if prompt.box is not None:
            y0, x0, y1, x1 = (round(edge) for edge in prompt.box)
            mask[y0:y1, x0:x1] |= self._bright[prompt.t, y0:y1, x0:x1]
        spots, _ = ndimage.label(self._bright[prompt.t])
        rows, columns = np.ogrid[: self.shape[1], : self.shape[2]]
        for (y, x), label in zip(prompt.points, prompt.labels, strict=True):
            if label:
                mask |= (spots == spots[round(y), round(x)]) & (spots > 0)
            else:
                mask &= (rows - y) ** 2 + (columns - x) ** 2 > 9
        return mask


def _rank(item: tuple[int, Masklet], t: int) -> tuple[bool, bool, bool, int]:
    """Whose pixels are whose: the last one drawn wins."""
    object_id, masklet = item
    entry = masklet.prompted.get(t)
    is_painted = entry is not None and entry.prompt.mask is not None
    return t in masklet.locked, is_painted, entry is not None, -object_id


def empty_prompt(t: int, object_id: int) -> Prompt:
    """A prompt that says nothing."""
    return Prompt(t, object_id, np.zeros((0, 2)), np.zeros(0, np.int8), np.zeros(0, np.int32))


class Gate:
    """Lets the frames of a propagation pass one by one, when the test says so."""

    def __init__(self) -> None:
        self._permits = threading.Semaphore(0)
        self._is_open = threading.Event()
        self.passed: list[int] = []

    def wait(self, t: int) -> None:
        """Called in the inference thread."""
        if not self._is_open.is_set():
            self._permits.acquire(timeout=20)
        self.passed.append(t)

    def let_pass(self, frames: int = 1) -> None:
        """Let so many frames pass."""
        self._permits.release(frames)

    def open(self) -> None:
        """Let everything pass."""
        self._is_open.set()
        self._permits.release(1000)


class StubWorker:
    """In place of the process of a lesson or a batch: sends what a test says."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._said: Queue[Any] = Queue()

    def say(self, *messages: Any) -> None:
        """Send messages; an exception is raised where the messages are read."""
        for message in messages:
            self._said.put(message)

    def messages(self) -> Iterator[Any]:
        while (message := self._said.get(timeout=60)) is not None:
            if isinstance(message, Exception):
                raise message
            yield message
            if isinstance(message, LessonEnded | BatchEnded):
                return

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")
        self._said.put(None)

    def kill(self) -> None:
        self.calls.append("kill")
        self._said.put(None)


class StubLesson(StubWorker):
    """In place of the process of a lesson."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder


class ThresholdEngine:
    """Engine of this world: loads in no time and computes what can be foreseen.

    Parameters
    ----------
    gate : Gate, optional
        Holds up propagations.
    """

    def __init__(self, gate: Gate | None = None) -> None:
        self._on_step: Callable[[int], None] = gate.wait if gate else lambda t: None
        self.sources: list[ImageSource] = []
        self.loaded: list[tuple[str, str]] = []
        self.downloaded: list[str] = []
        self.windowed: list[tuple[str, str]] = []
        self.reaches: list[tuple[str, bool]] = []
        self.lessons: list[StubLesson] = []

    def begin(self) -> None:
        pass

    def devices(self) -> tuple[str, ...]:
        return ("cpu",)

    def models(self) -> tuple[ModelChoice, ...]:
        state = "cached" if "far" in self.downloaded else "missing"
        return (
            ModelChoice("near", "Near (built in)", "embedded", image_sizes=(64,)),
            ModelChoice("other", "Other", "cached", image_sizes=(128, 64)),
            ModelChoice("far", "Far", state, size_bytes=156_000_000, image_sizes=(128, 64)),
        )

    def load_model(self, name: str, device: str, image_size: int | None) -> LoadedModel:
        sizes = {model.name: model.image_sizes for model in self.models()}.get(name)
        if sizes is None and Path(name).is_file():
            sizes = (64,)
        if sizes is None:
            raise FileNotFoundError(f"no checkpoint at {name}")
        self.loaded.append((name, device))
        return LoadedModel(name, "cpu", image_size or sizes[0], sizes)

    def set_memory_reach(self, model: str, is_local: bool) -> None:
        self.reaches.append((model, is_local))

    def use_windows(self, model: str, windows: str) -> None:
        self.windowed.append((model, windows))

    def open_image(self, model: str, source: ImageSource) -> OpenedImage:
        self.sources.append(source)
        data = np.asarray(source.data)
        data = data.mean(axis=-1) if source.rgb else data
        if data.ndim not in (2, 3):
            raise ValueError(f"expected (T, Y, X) or (Y, X); got shape {data.shape}")
        tracker = ThresholdTracker(data.reshape(-1, *data.shape[-2:]), self._on_step)
        return OpenedImage(tracker, Annotation(tracker))

    def find_cells(self, model, frames, t, cell_size, progress, should_stop) -> list[Proposal]:
        data = np.asarray(frames.data)
        spots, _ = ndimage.label(data.reshape(-1, *data.shape[-2:])[t] > 1000)
        progress(1, 1)
        return [
            Proposal(mask, 0.9, 1.0, ndimage.center_of_mass(mask.full()))
            for mask in masks_of(spots).values()
        ]

    def find_near(self, model, frames, t, lost, cell_size, should_stop) -> Proposal | None:
        return None

    def teach(self, folder: Path) -> Any:
        self.lessons.append(StubLesson(folder))
        return self.lessons[-1]

    def download(self, name: str, progress: Callable[[int, int], None]) -> None:
        progress(78_000_000, 156_000_000)
        progress(156_000_000, 156_000_000)
        self.downloaded.append(name)

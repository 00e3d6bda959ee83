"""An open image in the inference thread: commands become calls, events become reports."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import singledispatchmethod
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.annotation.undo_texts import counted
from napari_sam2.io.project.manifest import KeptCellSize
from napari_sam2.memory_use import release_freed_memory
from napari_sam2.plugin.inference.edits import ends_tracking, make_calls
from napari_sam2.plugin.inference.foreign_labels import (
    ForeignLabels,
    frames_at_stake,
    written_image_text,
)
from napari_sam2.plugin.inference.growth import tracked_to_the_end
from napari_sam2.plugin.inference.input_preview import look
from napari_sam2.plugin.inference.label_import import import_all, import_frame
from napari_sam2.plugin.inference.long_work import LongWork
from napari_sam2.plugin.inference.outlines import rasterise
from napari_sam2.plugin.inference.painting import paint
from napari_sam2.plugin.inference.review_queries import answer
from napari_sam2.plugin.inference.timeline_feed import TimelineFeed
from napari_sam2.plugin.protocol.batch_messages import CopyProject
from napari_sam2.plugin.protocol.find_messages import KeepCellSize
from napari_sam2.plugin.protocol.foreign_messages import CheckLabels, ImageWritten
from napari_sam2.plugin.protocol.growth_messages import GrowImage
from napari_sam2.plugin.protocol.input_preview import ShowInput
from napari_sam2.plugin.protocol.messages import (
    EXCLUDE,
    AddPoint,
    AddScribble,
    ChangePoints,
    Edit,
    Failed,
    FrameChanged,
    HistoryChanged,
    ImageCommand,
    ImageOpened,
    ImportLabels,
    LabelsReady,
    MovePoints,
    ObjectsChanged,
    Outline,
    PaintLabels,
    PromptShown,
    RemovePoints,
    Report,
    SetOutline,
    Track,
    TrackAdvanced,
    TrackEnded,
    TrackStarted,
    Work,
    WorkAdvanced,
    WorkEnded,
)
from napari_sam2.plugin.protocol.review_messages import (
    AskEffort,
    CheckBackward,
    DaughterOffered,
    DivisionsFound,
    EffortCounted,
    FindDivisions,
    NothingToCheck,
)
from napari_sam2.plugin.protocol.saving_messages import (
    ImageOutOfReach,
    KeepView,
    SaveDocument,
    SavingChanged,
)
from napari_sam2.plugin.protocol.sources import ImageSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation.runs import TrackingRun
    from napari_sam2.plugin.inference.engine import OpenedImage
    from napari_sam2.plugin.protocol.messages import Position
    from napari_sam2.tracking import Prompt

logger = logging.getLogger(__name__)


class OpenDocument:
    """The document of one image with its tracking run; performs commands and sends reports.

    Parameters
    ----------
    image : int
        Number that the window gave the image.
    source : ImageSource
        The image.
    opened : OpenedImage
        The tracker and the annotation of the image.
    report : callable
        Called with every report, in the inference thread.
    outlines : mapping of bytes to Outline, optional
        Drawn shapes by the digest of their mask.
    is_cancelled : callable
        Returns whether the user cancelled the current command.
    """

    def __init__(
        self,
        image: int,
        source: ImageSource,
        opened: OpenedImage,
        report: Callable[[Report], None],
        outlines: Mapping[bytes, Outline] | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.image = image
        self.source = source
        self.annotation = opened.annotation
        self.tracker = opened.tracker
        self.autosave = opened.autosave
        self._report = report
        self._is_cancelled = is_cancelled
        self._collected: list[Report] | None = None
        self._run: TrackingRun | None = None
        self._is_check = False  # whether the run is a backward check
        self._undo_model = self._redo_model = ""  # texts of changes of the model
        self._marked_steps = 0  # undo steps when the model was changed
        self.outlines = dict(outlines or {})
        self.timelines = TimelineFeed(image, self.annotation, self._tell)
        self.foreign = ForeignLabels(image, self.annotation)
        self._connect()

    # Reports

    def _connect(self) -> None:
        events = self.annotation.events
        events.frame_changed.connect(lambda t: self._tell(FrameChanged(self.image, t)))
        events.prompts_changed.connect(lambda t, k: self._tell(self._prompt(t, k)))
        events.objects_changed.connect(lambda: self._tell(self._objects()))
        events.history_changed.connect(lambda: self._tell(self._history()))
        events.labels_replaced.connect(lambda: self._tell(self._labels()))
        if self.autosave is not None:
            self.autosave.on_change = lambda state: self._tell(SavingChanged(self.image, state))
        events.connect(lambda _: self.timelines.mark())

    def everything(self) -> tuple[Report, ...]:
        """Reports of the whole state, for a new window; timelines are reported later."""
        self.timelines.forget()
        prompts = (self._prompt(prompt.t, prompt.object_id) for prompt in self.annotation.prompts())
        return (
            ImageOpened(self.image),
            self._labels(),
            self._objects(),
            *prompts,
            self._history(),
            *self._saving(),
        )

    @contextmanager
    def collecting(self) -> Iterator[list[Report]]:
        """Collect the reports that are made inside the block, for a single answer."""
        collected: list[Report] = []
        self._collected = collected
        try:
            yield collected
        finally:
            self._collected = None

    def _tell(self, report: Report) -> None:
        if self._collected is None:
            self._report(report)
        else:
            self._collected.append(report)

    def _labels(self) -> Report:
        return LabelsReady(self.image, self.annotation.labels)

    def _objects(self) -> Report:
        objects = dict(self.annotation.objects)
        return ObjectsChanged(self.image, objects, self.annotation.new_object_id())

    def _history(self) -> Report:
        annotation = self.annotation
        undo = self._undo_model if self.undoes_model else annotation.undo_text
        redo = self._redo_model if self.redoes_model else annotation.redo_text
        return HistoryChanged(self.image, undo or None, redo or None)

    def mark_model(self, undo: str, redo: str, steps: int | None = None) -> None:
        """Set the texts of the model changes before and after this state; empty for none.

        `steps` is the number of undo steps when the model was changed; by default, as many as now.
        """
        self._undo_model, self._redo_model = undo, redo
        self._marked_steps = len(self.annotation.history) if steps is None else steps

    @property
    def is_as_marked(self) -> bool:
        """Whether nothing was done since the model was changed, or all of it was undone."""
        return len(self.annotation.history) == self._marked_steps

    @property
    def undoes_model(self) -> bool:
        """Whether the next undo goes back to the model before."""
        return bool(self._undo_model) and not self.annotation.can_undo

    @property
    def redoes_model(self) -> bool:
        """Whether the next redo uses the later model again."""
        return bool(self._redo_model) and self.is_as_marked and not self.annotation.can_redo

    def _prompt(self, t: int, object_id: int) -> Report:
        prompt = self.annotation.prompt(t, object_id)
        outline = None
        if prompt is not None and prompt.mask is not None:
            outline = self.outlines.get(_digest(prompt.mask.full()))
        return PromptShown(self.image, t, object_id, prompt, outline)

    def _saving(self) -> tuple[Report, ...]:
        return () if self.autosave is None else (SavingChanged(self.image, self.autosave.state),)

    # Commands

    def settle_foreign(self, command: ImageCommand) -> None:
        """Settle what other code wrote into the labels that a command reads or writes."""
        for told in self.foreign.settle(frames_at_stake(command, self.annotation.shape[0])):
            self._tell(told)

    def settle_next_foreign(self) -> None:
        """Look at one more frame for labels that other code wrote."""
        for told in self.foreign.settle_next():
            self._tell(told)

    def tell_written_image(self) -> None:
        """Tell of frames that other code changed after the model had seen them."""
        if changed := self.tracker.frames.changed:
            self._tell(ImageWritten(self.image, written_image_text(sorted(changed))))
            changed.clear()

    @singledispatchmethod
    def perform(self, command: ImageCommand) -> None:
        """Carry out a command.

        Raises
        ------
        ValueError
            If the command does not fit the image; the document is then unchanged.
        """
        self._tell(answer(command, self.annotation))

    @perform.register
    def _(self, command: Edit) -> None:
        if ends_tracking(command):
            self.cancel()
        for place in make_calls(command, self.annotation):
            self._tell(place)

    @perform.register
    def _(self, command: AddPoint) -> None:
        self._add_clicks(command, command.positions)

    @perform.register
    def _(self, command: AddScribble) -> None:
        height, width = self.annotation.shape[1:]
        inside = tuple(
            (y, x)
            for y, x in command.positions
            if -0.5 <= y <= height - 0.5 and -0.5 <= x <= width - 0.5
        )
        if not inside:
            raise ValueError("the line lies outside the image: draw it along the cell")
        self._add_clicks(command, inside)

    def _add_clicks(self, command: AddPoint | AddScribble, positions: tuple[Position, ...]) -> None:
        t, object_id = command.t, command.object_id
        if command.sign == EXCLUDE and not self._is_visible(t, object_id):
            raise ValueError(
                f"There is nothing to exclude: cell {object_id} has no outline on frame {t}. "
                "Click the cell with Include first."
            )
        mother = self._mother_behind(command, positions[0])
        self.annotation.add_points(t, object_id, positions, [command.sign] * len(positions))
        if mother is not None:
            self._tell(DaughterOffered(self.image, t, object_id, mother))

    @perform.register
    def _(self, command: RemovePoints) -> None:
        prompt = self._existing_prompt(command.t, command.object_id)
        indices = sorted({_index_of(prompt, position) for position in command.positions})
        if len(indices) == 1:
            self.annotation.remove_point(prompt.t, prompt.object_id, indices[0])
            return
        for index in reversed(indices):
            prompt = prompt.without_point(index)
        self.annotation.set_prompt(prompt)

    @perform.register
    def _(self, command: MovePoints) -> None:
        prompt = self._existing_prompt(command.t, command.object_id)
        points = prompt.points.copy()
        for old, new in command.moves:
            points[_index_of(prompt, old)] = new
        self.annotation.set_prompt(replace(prompt, points=points))

    @perform.register
    def _(self, command: ChangePoints) -> None:
        cells = counted(len({edit.object_id for edit in command.edits}), "cell")
        with self.annotation.grouped(f"change the points of {cells}"):
            for edit in command.edits:
                self.perform(edit)

    @perform.register
    def _(self, command: SetOutline) -> None:
        if command.outline is None:
            prompt = self._existing_prompt(command.t, command.object_id)
            self.annotation.set_prompt(replace(prompt, mask=None))
            return
        mask = rasterise(command.outline, self.annotation.shape[1:])
        self.outlines[_digest(mask)] = command.outline
        self.annotation.add_mask(command.t, command.object_id, mask)

    @perform.register
    def _(self, command: PaintLabels) -> None:
        paint(self.annotation, command.strokes)

    @perform.register
    def _(self, command: ImportLabels) -> None:
        if command.t is None:
            self.cancel()
            for offer in import_all(command, self.annotation, self._work("import")):
                self._tell(offer)
        else:
            import_frame(command, self.annotation)

    @perform.register
    def _(self, command: CheckLabels) -> None:
        if command.has_others:
            self.foreign.look_later()

    @perform.register
    def _(self, command: KeepView) -> None:
        if self.autosave is not None:
            self.autosave.keep_view(command.view)

    @perform.register
    def _(self, command: KeepCellSize) -> None:
        if self.autosave is not None:
            size = command.cell_size
            kept = None if size is None else KeptCellSize(diameter=size.diameter, scale=size.scale)
            self.autosave.keep_cell_size(kept)

    @perform.register
    def _(self, command: ShowInput) -> None:
        try:
            seen = look(command, self.tracker, self.source)
        except Exception:  # the user did not request it; a click reports the error
            logger.info("the input on frame %d cannot be shown", command.t, exc_info=True)
        else:
            self._tell(seen)

    @perform.register
    def _(self, command: FindDivisions) -> None:
        if command.t is not None:
            found = self.annotation.propose_divisions(frames=range(command.t, command.t + 1))
            beside = tuple(one for one in found if one.sister is not None)
            if beside:
                self._tell(DivisionsFound(self.image, beside))
            return
        with self._work("divisions").begun() as advance:
            proposals = self.annotation.propose_divisions(on_progress=advance)
        self._tell(DivisionsFound(self.image, proposals))

    @perform.register
    def _(self, command: AskEffort) -> None:
        from napari_sam2.io.project.effort import effort_of  # imports torch, which is loaded by now

        deeds = () if self.autosave is None else self.autosave.deeds
        self._tell(EffortCounted(self.image, effort_of(deeds, self.annotation)))

    @perform.register
    def _(self, command: SaveDocument) -> None:
        if self.autosave is None:
            raise ValueError("annotations made with this engine cannot be saved")
        why = self.autosave.locate_image() if command.path is not None else None
        self.autosave.save(command.path, command.scale)
        if why is not None:
            self._tell(ImageOutOfReach(self.image, why))

    @perform.register
    def _(self, command: CopyProject) -> None:
        if self.autosave is None:
            raise ValueError("annotations made with this engine cannot be saved")
        self.autosave.copy_to(command.target)

    @perform.register
    def _(self, command: Track) -> None:
        from napari_sam2.annotation.runs import TrackingRun  # imports torch, which is loaded by now

        if self._run is not None:
            raise ValueError("tracking is already running")
        prompted = sorted({prompt.object_id for prompt in self.annotation.prompts()})
        if not prompted:
            raise ValueError("nothing to track yet: click a cell first")
        if command.keep_reviewed:
            self._lock_reviewed(prompted)
        start, stop = self._frames_of(command)
        object_ids = command.object_ids or tuple(prompted)
        until_locked = command.until_locked
        changed = self.annotation.objects_to_track(
            start, stop, command.direction, object_ids, until_locked=until_locked
        )
        where = (start, stop, command.direction, changed or object_ids)
        only_changed = bool(changed)  # if nothing has changed, all frames are tracked again
        total = self.annotation.total_steps(
            *where, until_locked=until_locked, only_changed=only_changed
        )
        steps = self.annotation.propagate(
            *where, until_locked=until_locked, only_changed=only_changed
        )
        self._run, self._is_check = TrackingRun(steps, total), False
        self._tell(TrackStarted(self.image, total // self._steps_per_frame))

    @perform.register
    def _(self, command: GrowImage) -> None:
        self.cancel()
        end, tracked = self.annotation.shape[0], tracked_to_the_end(self.annotation)
        self.grow(command.source)
        if tracked:
            self.perform(Track(self.image, "forward", start=end, object_ids=tracked))

    def grow(self, source: ImageSource) -> None:
        """Add more frames of the same movie, which are not tracked yet."""
        self.annotation.grow(source.data)
        self.source = source

    @perform.register
    def _(self, command: CheckBackward) -> None:
        from napari_sam2.annotation.runs import TrackingRun  # imports torch, which is loaded by now

        if self._run is not None:
            raise ValueError("tracking is already running")
        steps = self.annotation.check_backward()
        total = next(steps).total
        if not total:
            self._tell(NothingToCheck(self.image))
            self._tell(WorkEnded(self.image))
            return
        self._run, self._is_check = TrackingRun(steps, total), True
        self._tell(WorkAdvanced(self.image, 0, total, "check"))

    def _work(self, work: Work) -> LongWork:
        """Work on all frames, which reports its progress unless the image is being tracked."""
        report = (lambda _: None) if self.is_tracking else self._report
        frames = self.annotation.shape[0]
        return LongWork(work, self.image, frames, report, self._is_cancelled)

    def _mother_behind(self, command: AddPoint | AddScribble, position: Position) -> int | None:
        """The object where a click makes a new object, if that may be its daughter."""
        objects = self.annotation.objects
        if command.object_id in objects or not 0 < command.t < self.annotation.shape[0]:
            return None
        mother = self.annotation.mother_at(command.t, position)
        daughters = [key for key, known in objects.items() if known.parent == mother]
        return None if len(daughters) > 1 else mother

    def _lock_reviewed(self, object_ids: list[int]) -> None:
        """Lock the reviewed frames of objects, so that tracking leaves them as they are."""
        from napari_sam2.annotation.volume_timeline import planes_of_times  # imports scipy

        annotation = self.annotation
        with annotation.grouped("lock reviewed frames"):
            for object_id in object_ids:
                line = annotation.timeline(object_id)
                is_whole = annotation.objects[object_id].status == "reviewed"
                chosen = line.has_mask & (line.is_reviewed | is_whole) & ~line.is_locked
                if chosen.any():
                    times = np.flatnonzero(chosen).tolist()
                    annotation.lock(object_id, planes_of_times(times, annotation.planes))

    def _is_visible(self, t: int, object_id: int) -> bool:
        has_prompt = self.annotation.prompt(t, object_id) is not None
        return has_prompt or bool((self.annotation.labels[t] == object_id).any())

    def _existing_prompt(self, t: int, object_id: int) -> Prompt:
        prompt = self.annotation.prompt(t, object_id)
        if prompt is None:
            raise ValueError(f"cell {object_id} has no prompt on frame {t}")
        return prompt

    def _frames_of(self, command: Track) -> tuple[int, int]:
        """The range [start, stop) of frames to track."""
        start = 0 if command.start is None else max(0, command.start)
        frames = self.annotation.shape[0]
        return start, frames if command.stop is None else min(frames, command.stop)

    # Tracking

    @property
    def _steps_per_frame(self) -> int:
        """Results of a run for each frame: one, or in 3D as many as a plane takes."""
        from napari_sam2.tracking.volume_propagator import STEPS_PER_PLANE  # loaded by now

        return 1 if self.annotation.planes == 1 else STEPS_PER_PLANE

    @property
    def is_tracking(self) -> bool:
        """Whether a tracking run or a backward check is in progress."""
        return self._run is not None

    def advance(self) -> None:
        """Track or check one more frame."""
        run = self._run
        assert run is not None
        result = run.advance()
        if result is None:
            self._end("finished")
            return
        if self._is_check:
            self._tell(WorkAdvanced(self.image, run.done, run.total, "check"))
        elif result.t is not None:
            self._tell(TrackAdvanced(self.image, run.done // self._steps_per_frame, result.t))

    def close(self) -> None:
        """Stop tracking, and close the autosave; unsaved changes can be recovered later."""
        self.cancel()
        if self.autosave is not None:
            self.autosave.close()
        self._free_features()
        release_freed_memory()

    def hand_over(self, successor: OpenDocument) -> None:
        """Transfer the save folder to another document of the same image."""
        if self.autosave is not None and successor.autosave is not None:
            self.autosave.hand_over(successor.autosave)
        self._free_features()

    def _free_features(self) -> None:
        """Free the features at once, since Python may free a document much later."""
        self.tracker.forget_features()

    def cancel(self) -> None:
        """Stop tracking, if it is running; frames that are tracked keep their labels."""
        if self._run is not None:
            self._end("cancelled")

    def fail(self, error: Exception) -> str:
        """Stop or pause a run that raised; return advice to append to the error message."""
        from napari_sam2.tracking import FrameOutOfReach  # imports torch, which is loaded by now

        if self._run is None:
            return ""
        if not isinstance(error, FrameOutOfReach):
            self._end("failed")
            return ""
        self._end("paused")
        button = "Verify to begin again" if self._is_check else "Track to continue from there"
        return f" · paused before frame {error.t}: press {button}"

    def _end(self, reason: Any) -> None:
        run, self._run = self._run, None
        assert run is not None
        run.close()
        if self._is_check:
            self._tell(WorkEnded(self.image))
        else:
            steps = self._steps_per_frame
            done, total = -(-run.done // steps), run.total // steps
            self._tell(TrackEnded(self.image, done, total, reason))
        if run.damaged:
            planes = self.annotation.planes
            damaged = sorted({t // planes for t in run.damaged})
            what = "damaged frames" if planes == 1 else "time points with damaged planes"
            self._tell(Failed(f"{what} were skipped: {', '.join(map(str, damaged))}"))


def _index_of(prompt: Prompt, position: Position) -> int:
    """Index of the point of a prompt that is nearest to a position."""
    if not len(prompt.points):
        raise ValueError(f"cell {prompt.object_id} has no point on frame {prompt.t}")
    distances = np.abs(np.asarray(prompt.points) - position).sum(axis=1)
    return int(distances.argmin())


def _digest(mask: NDArray[np.bool_]) -> bytes:
    return blake2b(np.packbits(mask).tobytes(), digest_size=16).digest()

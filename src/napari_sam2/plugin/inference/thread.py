"""Inference thread: the only thread that runs models and changes documents."""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any

from napari_sam2.errors import ObjectError, shortage_of
from napari_sam2.plugin.inference.finding import find_cells
from napari_sam2.plugin.inference.lessons import (
    ManageTaught,
    keep_settings,
    manage,
    prepare,
    read_kept,
)
from napari_sam2.plugin.inference.long_work import WorkCancelledError
from napari_sam2.plugin.inference.saved_projects import find_open_image, saved_list
from napari_sam2.plugin.inference.volume_filling import VolumeFilling
from napari_sam2.plugin.inference.workspace import Workspace
from napari_sam2.plugin.protocol.find_messages import FindCells
from napari_sam2.plugin.protocol.growth_messages import GrowImage
from napari_sam2.plugin.protocol.messages import (
    Answered,
    Cancel,
    CloseImage,
    Command,
    EngineListed,
    Failed,
    ImageCommand,
    ListEngine,
    LoadModel,
    LookAt,
    OpenImage,
    Report,
    SetMemoryReach,
    Track,
    TrackEnded,
    WorkEnded,
)
from napari_sam2.plugin.protocol.review_messages import CheckBackward
from napari_sam2.plugin.protocol.saving_messages import (
    DiscardUnsaved,
    FindOpenImage,
    ListSaved,
)
from napari_sam2.plugin.protocol.teaching_messages import (
    DeleteTaught,
    ExportTaught,
    KeepTeachingSettings,
    PrepareLesson,
    RenameTaught,
    UseTaught,
)
from napari_sam2.plugin.protocol.volume_messages import FillVolumes

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.plugin.inference.engine import EngineFactory
    from napari_sam2.plugin.inference.open_document import OpenDocument

logger = logging.getLogger(__name__)

NEIGHBOURS = (0, 1, -1)  # offsets from the displayed frame; these frames are encoded ahead


class InferenceThread(threading.Thread):
    """Owns the workspace, with the model and all documents; nothing else touches them.

    Commands are carried out in the order in which they were sent. While no command is queued, the
    thread tracks one frame of the current run, or else encodes a frame near the displayed one. A
    click therefore waits for one frame at most, and tracking continues afterwards. Commands about
    images wait until a model is loaded.

    Parameters
    ----------
    engine : EngineFactory
        Creates models and documents.
    report : callable
        Called with every `Report`, in this thread.
    """

    def __init__(self, engine: EngineFactory, report: Callable[[Report], None]) -> None:
        super().__init__(name="napari-sam2 inference", daemon=True)
        self._engine = engine
        self._report = report
        self._wake = threading.Condition()
        self._inbox: deque[Command] = deque()
        self._is_closing = False
        # the following attributes are used by this thread only
        self._workspace = Workspace(engine, report, self._cancel, self._is_cancelled)
        self._waiting_for_model: list[ImageCommand] = []
        self._waiting_tracks: deque[Track | CheckBackward] = deque()
        self._ahead: deque[LookAt] = deque()
        self._volumes = VolumeFilling(report)
        self._perform_by_type = self._tasks()

    # Methods for any thread

    def send(self, command: Command) -> None:
        """Queue a command and return immediately."""
        with self._wake:
            self._inbox.append(command)
            self._wake.notify()

    def close(self, timeout_s: float = 2.0) -> bool:
        """End the thread after its current step; return whether it ended in time."""
        with self._wake:
            self._is_closing = True
            self._inbox.clear()
            self._wake.notify()
        if self.is_alive():
            self.join(timeout_s)
        return not self.is_alive()

    # Methods of this thread

    def run(self) -> None:
        """Carry out commands until the thread is closed."""
        try:
            self._engine.begin()
        except Exception as error:
            self._report(Failed(_explain(error), _story(error)))
        while not self._is_closing:
            self._step()
        self._workspace.close()

    def _step(self) -> None:
        """Perform the most urgent task, or wait for a task."""
        command = self._next_command()
        if command is not None:
            self._answer(command)
        elif (changed := self._document_with_news()) is not None:
            self._tell_timeline(changed)
        elif self._workspace.is_opening:
            self._finish_opening()
        elif (tracking := self._tracking_document()) is not None:
            self._advance(tracking)
        elif self._waiting_tracks:
            self._answer(self._waiting_tracks.popleft())
        elif self._volumes.is_on:
            self._fill_volumes()
        elif (unsure := self._document_to_check()) is not None:
            unsure.settle_next_foreign()
        elif self._ahead:
            self._encode_ahead(self._ahead.popleft())

    def _next_command(self) -> Command | None:
        with self._wake:
            self._wake.wait_for(lambda: self._inbox or self._is_closing or self._has_work())
            return self._inbox.popleft() if self._inbox and not self._is_closing else None

    def _has_work(self) -> bool:
        is_busy = (
            self._ahead
            or self._waiting_tracks
            or self._volumes.is_on
            or self._workspace.is_opening
            or self._tracking_document()
        )
        return bool(is_busy or self._document_with_news() or self._document_to_check())

    def _tracking_document(self) -> OpenDocument | None:
        documents = self._workspace.documents.values()
        return next((one for one in documents if one.is_tracking), None)

    def _document_with_news(self) -> OpenDocument | None:
        """A document with a changed timeline that is due to be reported."""
        documents = self._workspace.documents.values()
        changed = (one for one in documents if one.timelines.is_due(one.is_tracking))
        return next(changed, None)

    def _document_to_check(self) -> OpenDocument | None:
        """A document with frames in which other code may have written labels."""
        documents = self._workspace.documents.values()
        return next((one for one in documents if one.foreign.has_work), None)

    def _answer(self, command: Command) -> None:
        if isinstance(command, ImageCommand) and self._workspace.model is None:
            self._waiting_for_model.append(command)
            return
        if isinstance(command, Track | CheckBackward) and self._tracking_document() is not None:
            self._waiting_tracks.append(command)
            return
        try:
            changes = self._perform(command)
        except WorkCancelledError as end:
            self._report(Answered(command, self._truth(command), notice=str(end)))
        except Exception as error:  # any error is reported, and the thread continues
            _log(f"{type(command).__name__} failed", error)
            truth = self._truth(command)
            self._report(Answered(command, truth, _explain(error), _story(error)))
        else:
            self._release_waiting()
            self._report(Answered(command, changes))

    def _release_waiting(self) -> None:
        """Queue the commands that waited for a model, before all others."""
        if self._workspace.model is not None and self._waiting_for_model:
            with self._wake:
                self._inbox.extendleft(reversed(self._waiting_for_model))
            self._waiting_for_model.clear()

    def _tasks(self) -> dict[type[Command], Callable[[Any], tuple[Report, ...]]]:
        """Handlers of the commands that are not handled by a single document."""
        return {
            LookAt: self._look_at,
            Cancel: self._cancel_runs,
            ListEngine: self._list_engine,
            LoadModel: self._workspace.load_model,
            SetMemoryReach: self._set_memory_reach,
            OpenImage: self._open_image,
            CloseImage: self._close_image,
            ListSaved: lambda command: (saved_list(command),),
            DiscardUnsaved: lambda command: (saved_list(command),),
            FindOpenImage: lambda command: (find_open_image(command),),
            FindCells: self._find_cells,
            GrowImage: self._grow_image,
            FillVolumes: self._start_volumes,
            PrepareLesson: self._prepare_lesson,
            UseTaught: self._use_taught,
            KeepTeachingSettings: keep_settings,
            **dict.fromkeys((RenameTaught, DeleteTaught, ExportTaught), self._manage_taught),
        }

    def _perform(self, command: Command) -> tuple[Report, ...]:
        return self._perform_by_type.get(type(command), self._perform_on_document)(command)

    def _perform_on_document(self, command: ImageCommand) -> tuple[Report, ...]:
        document = self._workspace.document(command)
        document.settle_foreign(command)
        if (state := self._workspace.steps.wanted(command, document)) is not None:
            return self._workspace.go_to_model(state)
        with document.collecting() as changes:
            document.perform(command)
        document.tell_written_image()
        return tuple(changes)

    def _grow_image(self, command: GrowImage) -> tuple[Report, ...]:
        changes = self._perform_on_document(command)
        self._workspace.steps.grow(command.image, command.source)
        return changes

    def _find_cells(self, command: FindCells) -> tuple[Report, ...]:
        document = self._workspace.document(command)
        return find_cells(
            self._engine, self._workspace.model, document, command, self._report, self._is_cancelled
        )

    def _start_volumes(self, command: FillVolumes) -> tuple[Report, ...]:
        self._volumes.start(self._workspace.model, self._workspace.document(command))
        return ()

    def _fill_volumes(self) -> None:
        try:
            self._volumes.advance()
        except Exception as error:
            _log("filling volumes failed", error)
            self._volumes.fail()
            self._report(Failed(_explain(error), _story(error)))

    def _list_engine(self, command: ListEngine) -> tuple[Report, ...]:
        listed = EngineListed(tuple(self._engine.devices()), tuple(self._engine.models()))
        return (listed, *read_kept())

    def _cancel_runs(self, command: Cancel) -> tuple[Report, ...]:
        self._cancel()
        return ()

    def _open_image(self, command: OpenImage) -> tuple[Report, ...]:
        self._volumes.cancel(command.image)
        return self._workspace.open_image(command)

    def _close_image(self, command: CloseImage) -> tuple[Report, ...]:
        self._volumes.cancel(command.image)
        self._workspace.close_image(command.image)
        return ()

    def _truth(self, command: Command) -> tuple[Report, ...]:
        """Reports of the whole state of a document, to reset the window after a refusal."""
        documents = self._workspace.documents
        document = documents.get(command.image) if isinstance(command, ImageCommand) else None
        return () if document is None else document.everything()

    def _set_memory_reach(self, command: SetMemoryReach) -> tuple[Report, ...]:
        self._workspace.set_memory_reach(command.is_local)
        return ()

    def _use_taught(self, command: UseTaught) -> tuple[Report, ...]:
        states = self._workspace.use_taught(command)
        return (*self._list_engine(ListEngine()), *states)

    def _manage_taught(self, command: ManageTaught) -> tuple[Report, ...]:
        loaded_as = self._workspace.loaded_as
        listed = manage(command, None if loaded_as is None else loaded_as.name)
        return (listed, *self._list_engine(ListEngine()))

    def _prepare_lesson(self, command: PrepareLesson) -> tuple[Report, ...]:
        assert self._workspace.loaded_as is not None
        return (prepare(command, self._workspace.document(command), self._workspace.loaded_as),)

    def _is_cancelled(self) -> bool:
        """Whether a `Cancel` is queued, or the thread is closing."""
        with self._wake:
            return self._is_closing or any(isinstance(c, Cancel) for c in self._inbox)

    def _cancel(self) -> None:
        runs = (Track, CheckBackward)
        early = [command for command in self._waiting_for_model if isinstance(command, runs)]
        for command in (*self._waiting_tracks, *early):
            is_check = isinstance(command, CheckBackward)
            image = command.image
            self._report(WorkEnded(image) if is_check else TrackEnded(image, 0, 0, "cancelled"))
        self._waiting_tracks.clear()
        self._waiting_for_model = [c for c in self._waiting_for_model if not isinstance(c, runs)]
        self._volumes.cancel()
        for document in self._workspace.documents.values():
            document.cancel()

    def _advance(self, document: OpenDocument) -> None:
        try:
            document.advance()
            document.tell_written_image()
        except Exception as error:
            _log("tracking failed", error)
            advice = document.fail(error)
            self._report(Failed(_explain(error) + advice, _story(error)))

    def _tell_timeline(self, document: OpenDocument) -> None:
        try:
            document.timelines.tell_one()
        except Exception as error:  # not requested by the user; the next change retries
            _log("a timeline could not be made", error)

    def _finish_opening(self) -> None:
        try:
            for found in self._workspace.finish_opening():
                self._report(found)
        except Exception as error:  # the user can open the project without the offer
            _log("saved work could not be looked for", error)

    def _look_at(self, command: LookAt) -> tuple[Report, ...]:
        self._ahead.clear()
        self._ahead.extend(LookAt(command.image, command.t + step) for step in NEIGHBOURS)
        return ()

    def _encode_ahead(self, wish: LookAt) -> None:
        document = self._workspace.documents.get(wish.image)
        if document is None or not 0 <= wish.t < document.tracker.shape[0]:
            return
        try:
            if not document.tracker.features_cached(wish.t):
                document.tracker.encode(wish.t)
        except Exception as error:  # not requested by the user; a click reports the error
            _log(f"frame {wish.t} could not be encoded ahead", error)
            self._ahead.clear()


def _log(what: str, error: Exception) -> None:
    """Log an error with its traceback; errors that the user can cause are logged as INFO."""
    is_expected = isinstance(error, ValueError | TypeError | OSError)
    logger.log(logging.INFO if is_expected else logging.ERROR, what, exc_info=error)


def _story(error: Exception) -> str:
    """The traceback of an error."""
    return "".join(traceback.format_exception(error))


def _explain(error: Exception) -> str:
    """An error as one sentence for a notification."""
    told = error.worded("cell") if isinstance(error, ObjectError) else str(error)
    text = " ".join(told.split())
    if isinstance(error, MemoryError) or "out of memory" in text.lower():
        return "out of memory: choose a smaller model or the CPU, or close other programs" + (
            f" ({text})" if text else ""
        )
    shortage = shortage_of(error)
    if shortage is not None:
        return shortage
    if isinstance(error, ValueError | TypeError | OSError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

"""Inference thread: the only thread that runs models and changes documents."""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_sam2.errors import ObjectError
from napari_sam2.plugin.inference.finding import find_cells
from napari_sam2.plugin.inference.growth import growth_of
from napari_sam2.plugin.inference.lessons import (
    ManageTaught,
    keep_settings,
    manage,
    prepare,
    read_kept,
)
from napari_sam2.plugin.inference.long_work import WorkCancelledError
from napari_sam2.plugin.inference.model_steps import ModelState, ModelSteps, StoredStep
from napari_sam2.plugin.inference.open_document import OpenDocument
from napari_sam2.plugin.inference.saved_projects import (
    MissingModelError,
    find_open_image,
    find_work,
    found_name,
    present_name,
    saved_list,
    view_of,
    wanted_model,
    work_of,
)
from napari_sam2.plugin.inference.volume_filling import VolumeFilling
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
    ModelLoaded,
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
    UnsavedWorkFound,
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
    from collections.abc import Callable, Mapping

    from napari_sam2.plugin.inference.engine import EngineFactory, OpenedImage
    from napari_sam2.plugin.protocol.messages import Outline
    from napari_sam2.plugin.protocol.sources import ImageSource

logger = logging.getLogger(__name__)

NEIGHBOURS = (0, 1, -1)  # offsets from the displayed frame; these frames are encoded ahead


class InferenceThread(threading.Thread):
    """Owns the model and the document of every image; nothing else touches them.

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
        self._model: Any = None
        self._documents: dict[int, OpenDocument] = {}
        self._waiting_for_model: list[ImageCommand] = []
        self._waiting_tracks: deque[Track | CheckBackward] = deque()
        self._ahead: deque[LookAt] = deque()
        self._loaded_as: LoadModel | None = None
        self._loaded: ModelLoaded | None = None
        self._steps = ModelSteps()
        self._is_local = False
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
        for document in self._documents.values():
            document.close()
        self._documents.clear()
        self._steps.clear()
        self._model = None

    def _step(self) -> None:
        """Perform the most urgent task, or wait for a task."""
        command = self._next_command()
        if command is not None:
            self._answer(command)
        elif (changed := self._document_with_news()) is not None:
            self._tell_timeline(changed)
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
            self._ahead or self._waiting_tracks or self._volumes.is_on or self._tracking_document()
        )
        return bool(is_busy or self._document_with_news() or self._document_to_check())

    def _tracking_document(self) -> OpenDocument | None:
        tracking = (document for document in self._documents.values() if document.is_tracking)
        return next(tracking, None)

    def _document_with_news(self) -> OpenDocument | None:
        """A document with a changed timeline that is due to be reported."""
        documents = self._documents.values()
        changed = (one for one in documents if one.timelines.is_due(one.is_tracking))
        return next(changed, None)

    def _document_to_check(self) -> OpenDocument | None:
        """A document with frames in which other code may have written labels."""
        return next((one for one in self._documents.values() if one.foreign.has_work), None)

    def _answer(self, command: Command) -> None:
        if isinstance(command, ImageCommand) and self._model is None:
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
            self._report(Answered(command, changes))

    def _tasks(self) -> dict[type[Command], Callable[[Any], tuple[Report, ...]]]:
        """Handlers of the commands that are not handled by a single document."""
        return {
            LookAt: self._look_at,
            Cancel: self._cancel_runs,
            ListEngine: self._list_engine,
            LoadModel: self._load_model,
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
        document = self._document(command)
        document.settle_foreign(command)
        if (state := self._steps.wanted(command, document)) is not None:
            return self._go_to_model(state)
        with document.collecting() as changes:
            document.perform(command)
        document.tell_written_image()
        return tuple(changes)

    def _grow_image(self, command: GrowImage) -> tuple[Report, ...]:
        changes = self._perform_on_document(command)
        self._steps.grow(command.image, command.source)
        return changes

    def _find_cells(self, command: FindCells) -> tuple[Report, ...]:
        document = self._document(command)
        return find_cells(
            self._engine, self._model, document, command, self._report, self._is_cancelled
        )

    def _start_volumes(self, command: FillVolumes) -> tuple[Report, ...]:
        self._volumes.start(self._model, self._document(command))
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

    def _close_image(self, command: CloseImage) -> tuple[Report, ...]:
        self._volumes.cancel(command.image)
        self._steps.forget_image(command.image)
        if (document := self._documents.pop(command.image, None)) is not None:
            document.close()
        return ()

    def _truth(self, command: Command) -> tuple[Report, ...]:
        """Reports of the whole state of a document, to reset the window after a refusal."""
        document = self._documents.get(command.image) if isinstance(command, ImageCommand) else None
        return () if document is None else document.everything()

    def _document(self, command: ImageCommand) -> OpenDocument:
        document = self._documents.get(command.image)
        if document is None:
            raise ValueError("this image could not be opened: choose another image")
        return document

    def _load_model(self, command: LoadModel) -> tuple[Report, ...]:
        self._cancel()
        former = self._model_state()
        model, report = self._read_model(command)
        self._engine.set_memory_reach(model, self._is_local)
        before, self._loaded_as = self._loaded_as, command
        made_by = "" if former is None else former.loaded.name
        try:
            moved = {
                image: self._moved(document, model, document.source, made_by, command.text)
                for image, document in self._documents.items()
            }
        except BaseException:
            self._loaded_as = before
            raise
        for image, document in self._documents.items():
            document.hand_over(moved[image])
        self._model, self._documents = model, moved
        with self._wake:
            self._inbox.extendleft(reversed(self._waiting_for_model))
        self._waiting_for_model.clear()
        self._loaded = report
        if command.text and former is not None:
            self._steps.record(command.text, former, moved.values())
            for document in former.documents.values():
                document.tracker.forget_features()
        else:
            self._steps.clear()
        states = (report for document in moved.values() for report in document.everything())
        return (report, *states)

    def _read_model(self, command: LoadModel) -> tuple[Any, ModelLoaded]:
        """The model of a command, and the report about it; nothing uses it yet."""
        loaded = self._engine.load_model(command.name, command.device, command.image_size)
        windows = command.windows if len(loaded.image_sizes) > 1 else None
        if windows is not None:
            self._engine.use_windows(loaded.model, windows)
        sizes = (loaded.image_size, loaded.image_sizes)
        return loaded.model, ModelLoaded(command.name, loaded.device, *sizes, windows)

    def _model_state(self) -> ModelState | None:
        if self._loaded_as is None or self._loaded is None:
            return None
        return ModelState(self._loaded_as, self._loaded, self._model, dict(self._documents))

    def _revived(self, step: StoredStep) -> ModelState:
        """The model and the document before a change of the model that a project tells of."""
        assert self._loaded_as is not None
        name = present_name(step.work.made_by)
        command = replace(self._loaded_as, name=name, text="")
        model, report = self._read_model(command)
        state = ModelState(command, report, model, {})
        document = self._documents.get(step.image)
        if document is not None and document.is_as_marked:
            opened = self._open(model, replace(document.source, project=None), name)
            step.bring_back(opened, document)
            made = self._made(step.image, document.source, opened, document.outlines)
            state = replace(state, documents={step.image: made})
        self._steps.put_in_place(step, state)
        return state

    def _go_to_model(self, state: ModelState | StoredStep) -> tuple[Report, ...]:
        """Undo or redo a change of the model: its documents come back as they were left."""
        self._cancel()
        now = self._model_state()
        assert now is not None
        state = self._revived(state) if isinstance(state, StoredStep) else state
        self._loaded_as, self._loaded, self._model = state.command, state.loaded, state.model
        self._engine.set_memory_reach(state.model, self._is_local)
        self._documents = {
            image: self._brought_back(document, state, now.loaded.name)
            for image, document in self._documents.items()
        }
        documents = self._documents.values()
        self._steps.swap(now, state, documents)
        return (state.loaded, *(report for one in documents for report in one.everything()))

    def _brought_back(
        self, document: OpenDocument, state: ModelState, made_by: str
    ) -> OpenDocument:
        """The document of another model; the work on an image that it lacks moves to it."""
        other = state.documents.get(document.image)
        if other is None or not document.is_as_marked:
            other = self._moved(document, state.model, document.source, made_by)
        elif other.autosave is not None:
            other.autosave.resume()
        document.hand_over(other)
        return other

    def _use_taught(self, command: UseTaught) -> tuple[Report, ...]:
        """Keep the model of a lesson and load it; if it cannot be loaded, it is not kept."""
        from napari_sam2.io.taught_models import keep_model

        before = self._loaded_as or LoadModel("")
        kept = keep_model(command.checkpoint, command.name, command.movies)
        text = f"use the model “{kept.name}”"
        try:
            states = self._load_model(replace(before, name=str(kept.path), text=text))
        except BaseException:
            kept.path.unlink()
            raise
        return (*self._list_engine(ListEngine()), *states)

    def _manage_taught(self, command: ManageTaught) -> tuple[Report, ...]:
        used = None if self._loaded_as is None else self._loaded_as.name
        listed = manage(command, used)
        return (listed, *self._list_engine(ListEngine()))

    def _prepare_lesson(self, command: PrepareLesson) -> tuple[Report, ...]:
        assert self._loaded_as is not None
        return (prepare(command, self._document(command), self._loaded_as),)

    def _set_memory_reach(self, command: SetMemoryReach) -> tuple[Report, ...]:
        self._is_local = command.is_local
        if self._model is not None:
            self._engine.set_memory_reach(self._model, command.is_local)
        return ()

    def _moved(
        self,
        document: OpenDocument,
        model: Any,
        source: ImageSource,
        made_by: str = "",
        step: str = "",
    ) -> OpenDocument:
        """Move a document to another model or contrast: clicks are recomputed, masks are kept.

        `made_by` names the model before, if it is another one; `step` is the text of the undo step.
        """
        opened = self._open(model, replace(source, project=None))
        work = document.annotation.work()
        if work.objects:
            opened.annotation.carry_over(replace(work, made_by=made_by, step=step))
        return self._made(document.image, source, opened, document.outlines)

    def _made(
        self,
        image: int,
        source: ImageSource,
        opened: OpenedImage,
        outlines: Mapping[bytes, Outline] | None = None,
    ) -> OpenDocument:
        return OpenDocument(image, source, opened, self._report, outlines, self._is_cancelled)

    def _is_cancelled(self) -> bool:
        """Whether a `Cancel` is queued, or the thread is closing."""
        with self._wake:
            return self._is_closing or any(isinstance(c, Cancel) for c in self._inbox)

    def _open_image(self, command: OpenImage) -> tuple[Report, ...]:
        before = self._documents.get(command.image)
        loaded: tuple[Report, ...] = ()
        found: tuple[Report, ...] = ()
        if before is None or (command.source.project is not None and not before.annotation.objects):
            try:
                loaded = self._load_model_for(command.source)
            except MissingModelError as error:
                self._report(Failed(str(error)))
                opened = self._open_without_model(command.source)
            else:
                opened = self._open(self._model, command.source)
                loaded = (*loaded, *self._windows_of(opened, command.source))
            document = self._made(command.image, command.source, opened)
            if command.source.project is not None:
                self._steps.offer(document)
            found = view_of(command.source, command.image)
            if before is not None:
                before.close()
            elif command.source.project is None and (work := find_work(command.source)):
                found = (UnsavedWorkFound(command.image, work),)
        else:
            before.cancel()
            self._volumes.cancel(command.image)
            self._steps.clear()
            document = self._moved(before, self._model, command.source)
            before.hand_over(document)
        self._documents[command.image] = document
        offer = growth_of(command.source, command.image)
        return (*loaded, *document.everything(), *found, *offer)

    def _open(self, model: Any, source: ImageSource, model_name: str = "") -> OpenedImage:
        opened = self._engine.open_image(model, source)
        if opened.autosave is not None and self._loaded_as is not None:
            opened.autosave.model_name = model_name or self._loaded_as.name
        return opened

    def _load_model_for(self, source: ImageSource) -> tuple[Report, ...]:
        """Load the model of a project; a ValueError if other images need the present model."""
        if source.project is None or self._loaded_as is None:
            return ()
        wanted = wanted_model(source.project, self._model)
        if wanted is None:
            return ()
        name = found_name(wanted)
        if any(document.annotation.objects for document in self._documents.values()):
            raise ValueError(
                f"this project was made with the model “{wanted}”, but other open images use "
                "another model: close those images first"
            )
        return self._load_model(LoadModel(name, self._loaded_as.device, wanted.image_size))

    def _windows_of(self, opened: OpenedImage, source: ImageSource) -> tuple[Report, ...]:
        """Let the model see windows, or whole frames, as in the project that was opened."""
        loaded, loaded_as = self._loaded, self._loaded_as
        if source.project is None or loaded is None or loaded_as is None:
            return ()
        from napari_sam2.annotation.recovery import kept_settings

        windows = kept_settings(opened.annotation)["windows"]
        if loaded.windows in (None, windows):
            return ()
        self._engine.use_windows(self._model, windows)
        self._loaded_as = replace(loaded_as, windows=windows)
        self._loaded = replace(loaded, windows=windows)
        return (self._loaded,)

    def _open_without_model(self, source: ImageSource) -> OpenedImage:
        """Open a project whose model is missing, with the present model; the project stays."""
        assert source.project is not None
        work = work_of(source.project, self._model, source.data)
        opened = self._open(self._model, replace(source, project=None))
        opened.annotation.carry_over(work)
        return opened

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
        for document in self._documents.values():
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

    def _look_at(self, command: LookAt) -> tuple[Report, ...]:
        self._ahead.clear()
        self._ahead.extend(LookAt(command.image, command.t + step) for step in NEIGHBOURS)
        return ()

    def _encode_ahead(self, wish: LookAt) -> None:
        document = self._documents.get(wish.image)
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
    if isinstance(error, ValueError | TypeError | OSError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

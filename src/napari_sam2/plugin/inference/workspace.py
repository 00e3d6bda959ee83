"""Workspace: the loaded model and the document of every image, which change together."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.inference.file_axes import axes_in_file
from napari_sam2.plugin.inference.finding import cell_size_of
from napari_sam2.plugin.inference.growth import growth_of
from napari_sam2.plugin.inference.model_steps import ModelState, ModelSteps, StoredStep
from napari_sam2.plugin.inference.open_document import OpenDocument
from napari_sam2.plugin.inference.saved_projects import (
    MissingModelError,
    found_name,
    present_name,
    view_of,
    wanted_model,
    work_found,
    work_of,
)
from napari_sam2.plugin.protocol.messages import (
    Failed,
    LoadModel,
    ModelLoaded,
    OpenImage,
    Report,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_sam2.plugin.inference.engine import EngineFactory, OpenedImage
    from napari_sam2.plugin.protocol.messages import ImageCommand, Outline
    from napari_sam2.plugin.protocol.sources import ImageSource
    from napari_sam2.plugin.protocol.teaching_messages import UseTaught


class Workspace:
    """The loaded model and the document of every image.

    All documents use the same model. A change of the model moves every document to it, and undo
    brings back the documents as they were left. Only the inference thread uses a workspace.

    Parameters
    ----------
    engine : EngineFactory
        Creates models and documents.
    report : callable
        Called with reports that are not the answer to a command.
    cancel_runs : callable
        Ends all runs; called before the model or an image is changed.
    is_cancelled : callable
        Whether the user wants the present command to end early.

    Attributes
    ----------
    model : Any
        The loaded model; None until the first one is loaded.
    documents : dict of int to OpenDocument
        Documents by the number of their image.
    loaded_as : LoadModel or None
        The command that loaded the model.
    steps : ModelSteps
        Changes of the model that can be undone.
    """

    def __init__(
        self,
        engine: EngineFactory,
        report: Callable[[Report], None],
        cancel_runs: Callable[[], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._report = report
        self._cancel_runs = cancel_runs
        self._is_cancelled = is_cancelled
        self.model: Any = None
        self.documents: dict[int, OpenDocument] = {}
        self.loaded_as: LoadModel | None = None
        self.steps = ModelSteps()
        self._loaded: ModelLoaded | None = None
        self._is_local = False
        self._opening: deque[OpenImage] = deque()

    # Documents

    def document(self, command: ImageCommand) -> OpenDocument:
        """The document of a command; a ValueError if its image could not be opened."""
        document = self.documents.get(command.image)
        if document is None:
            raise ValueError("this image could not be opened: choose another image")
        return document

    def everything(self) -> tuple[Report, ...]:
        """Reports of the whole state of all documents."""
        return tuple(report for one in self.documents.values() for report in one.everything())

    @property
    def is_opening(self) -> bool:
        """Whether something was put off until an image was open."""
        return bool(self._opening)

    def finish_opening(self) -> tuple[Report, ...]:
        """Prepare the first change of an image that was opened; reports of saved work on it."""
        command = self._opening.popleft()
        document = self.documents.get(command.image)
        if document is None:
            return ()
        if document.autosave is not None:
            document.autosave.prepare()
        return work_found(command.source, command.image)

    def close_image(self, image: int) -> None:
        """Close the document of an image, if there is one."""
        self.steps.forget_image(image)
        if (document := self.documents.pop(image, None)) is not None:
            document.close()

    def close(self) -> None:
        """Close all documents, and free the model."""
        for document in self.documents.values():
            document.close()
        self.documents.clear()
        self.steps.clear()
        self.model = None

    def open_image(self, command: OpenImage) -> tuple[Report, ...]:
        """Open an image or a project, or an open image again with other contrast or axes."""
        source = command.source
        before = self.documents.get(command.image)
        if before is None or (source.project is not None and not before.annotation.objects):
            loaded, document = self._opened(command)
            found: tuple[Report, ...] = (
                *view_of(source, command.image),
                *cell_size_of(document),
            )
            if before is not None:
                before.close()
            elif source.project is None:
                found = axes_in_file(source, command.image)
                self._opening.append(command)
        else:
            loaded, found = (), ()
            before.cancel()
            self.steps.clear()
            document = self._moved(before, self.model, source)
            before.hand_over(document)
        self.documents[command.image] = document
        return (*loaded, *document.everything(), *found, *growth_of(source, command.image))

    def _opened(self, command: OpenImage) -> tuple[tuple[Report, ...], OpenDocument]:
        """A new document, and reports about a model that was loaded for it."""
        source = command.source
        loaded: tuple[Report, ...] = ()
        try:
            loaded = self._load_model_for(source)
        except MissingModelError as error:
            self._report(Failed(str(error)))
            opened = self._open_without_model(source)
        else:
            opened = self._open(self.model, source)
            loaded = (*loaded, *self._windows_of(opened, source))
        document = self._made(command.image, source, opened)
        if source.project is not None:
            self.steps.offer(document)
        return loaded, document

    def _open(self, model: Any, source: ImageSource, model_name: str = "") -> OpenedImage:
        opened = self._engine.open_image(model, source)
        if opened.autosave is not None and self.loaded_as is not None:
            opened.autosave.model_name = model_name or self.loaded_as.name
        return opened

    def _open_without_model(self, source: ImageSource) -> OpenedImage:
        """Open a project whose model is missing, with the present model; the project stays."""
        assert source.project is not None
        work = work_of(source.project, self.model, source.data)
        opened = self._open(self.model, replace(source, project=None))
        opened.annotation.carry_over(work)
        return opened

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

    # The model

    def load_model(self, command: LoadModel) -> tuple[Report, ...]:
        """Load a model, and move all documents to it."""
        self._cancel_runs()
        former = self._model_state()
        model, report = self._read_model(command)
        self._engine.set_memory_reach(model, self._is_local)
        before, self.loaded_as = self.loaded_as, command
        made_by = "" if former is None else former.loaded.name
        try:
            moved = {
                image: self._moved(document, model, document.source, made_by, command.text)
                for image, document in self.documents.items()
            }
        except BaseException:
            self.loaded_as = before
            raise
        for image, document in self.documents.items():
            document.hand_over(moved[image])
        self.model, self.documents = model, moved
        self._loaded = report
        if command.text and former is not None:
            self.steps.record(command.text, former, moved.values())
        else:
            self.steps.clear()
        return (report, *self.everything())

    def _read_model(self, command: LoadModel) -> tuple[Any, ModelLoaded]:
        """The model of a command, and the report about it; nothing uses it yet."""
        loaded = self._engine.load_model(command.name, command.device, command.image_size)
        windows = command.windows if len(loaded.image_sizes) > 1 else None
        if windows is not None:
            self._engine.use_windows(loaded.model, windows)
        sizes = (loaded.image_size, loaded.image_sizes)
        return loaded.model, ModelLoaded(command.name, loaded.device, *sizes, windows)

    def _model_state(self) -> ModelState | None:
        if self.loaded_as is None or self._loaded is None:
            return None
        return ModelState(self.loaded_as, self._loaded, self.model, dict(self.documents))

    def _load_model_for(self, source: ImageSource) -> tuple[Report, ...]:
        """Load the model of a project; a ValueError if other images need the present model."""
        if source.project is None or self.loaded_as is None:
            return ()
        wanted = wanted_model(source.project, self.model)
        if wanted is None:
            return ()
        name = found_name(wanted)
        if any(document.annotation.objects for document in self.documents.values()):
            raise ValueError(
                f"this project was made with the model “{wanted}”, but other open images use "
                "another model: close those images first"
            )
        return self.load_model(LoadModel(name, self.loaded_as.device, wanted.image_size))

    def _windows_of(self, opened: OpenedImage, source: ImageSource) -> tuple[Report, ...]:
        """Let the model see windows, or whole frames, as in the project that was opened."""
        loaded, loaded_as = self._loaded, self.loaded_as
        if source.project is None or loaded is None or loaded_as is None:
            return ()
        from napari_sam2.annotation.recovery import kept_settings

        windows = kept_settings(opened.annotation)["windows"]
        if loaded.windows in (None, windows):
            return ()
        self._engine.use_windows(self.model, windows)
        self.loaded_as = replace(loaded_as, windows=windows)
        self._loaded = replace(loaded, windows=windows)
        return (self._loaded,)

    def use_taught(self, command: UseTaught) -> tuple[Report, ...]:
        """Keep the model of a lesson and load it; if it cannot be loaded, it is not kept."""
        from napari_sam2.io.taught_models import keep_model

        before = self.loaded_as or LoadModel("")
        kept = keep_model(command.checkpoint, command.name, command.movies)
        text = f"use the model “{kept.name}”"
        try:
            return self.load_model(replace(before, name=str(kept.path), text=text))
        except BaseException:
            kept.path.unlink()
            raise

    def set_memory_reach(self, is_local: bool) -> None:
        """Let this model and later ones look for a cell near its last place, or everywhere."""
        self._is_local = is_local
        if self.model is not None:
            self._engine.set_memory_reach(self.model, is_local)

    # Undo and redo of a change of the model

    def go_to_model(self, state: ModelState | StoredStep) -> tuple[Report, ...]:
        """Undo or redo a change of the model: its documents come back as they were left."""
        self._cancel_runs()
        now = self._model_state()
        assert now is not None
        state = self._revived(state) if isinstance(state, StoredStep) else state
        self.loaded_as, self._loaded, self.model = state.command, state.loaded, state.model
        self._engine.set_memory_reach(state.model, self._is_local)
        self.documents = {
            image: self._brought_back(document, state, now.loaded.name)
            for image, document in self.documents.items()
        }
        self.steps.swap(now, state, self.documents.values())
        return (state.loaded, *self.everything())

    def _revived(self, step: StoredStep) -> ModelState:
        """The model and the document before a change of the model that a project tells of."""
        assert self.loaded_as is not None
        name = present_name(step.work.made_by)
        command = replace(self.loaded_as, name=name, text="")
        model, report = self._read_model(command)
        state = ModelState(command, report, model, {})
        document = self.documents.get(step.image)
        if document is not None and document.is_as_marked:
            opened = self._open(model, replace(document.source, project=None), name)
            step.bring_back(opened, document)
            made = self._made(step.image, document.source, opened, document.outlines)
            state = replace(state, documents={step.image: made})
        self.steps.put_in_place(step, state)
        return state

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

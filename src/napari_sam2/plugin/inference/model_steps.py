"""Undo and redo of a change of the model: the documents of the other model come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.protocol.messages import Edit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari_sam2.annotation.model_change import Work
    from napari_sam2.io.project.parts import Deed
    from napari_sam2.plugin.inference.engine import OpenedImage
    from napari_sam2.plugin.inference.open_document import OpenDocument
    from napari_sam2.plugin.protocol.messages import Command, LoadModel, ModelLoaded
    from napari_sam2.plugin.protocol.sources import ImageSource

MOST_STEPS = 5  # each keeps a model and its documents in memory


@dataclass(frozen=True, eq=False)
class ModelState:
    """A model, and the documents that were made with it.

    Attributes
    ----------
    command : LoadModel
        How the model was loaded.
    loaded : ModelLoaded
        What was reported of it.
    model : Any
        The model.
    documents : mapping of int to OpenDocument
        Documents by the number of their image.
    """

    command: LoadModel
    loaded: ModelLoaded
    model: Any
    documents: Mapping[int, OpenDocument]


@dataclass(frozen=True, eq=False)
class StoredStep:
    """A change of the model that a project tells of; its old model is loaded when it is needed.

    Attributes
    ----------
    image : int
        Number of the image.
    deeds : sequence of Deed
        What was done before the change.
    work : Work
        Objects and masks before the change, and the name of the model that made them.
    """

    image: int
    deeds: Sequence[Deed]
    work: Work

    def bring_back(self, opened: OpenedImage, later: OpenDocument) -> None:
        """Give the work to a new document of the old model.

        Parameters
        ----------
        opened : OpenedImage
            The document, without objects.
        later : OpenDocument
            The document of the project.

        Raises
        ------
        ValueError
            If the old model is of another kind than it was.
        """
        from napari_sam2.annotation.recovery import Recovery, tracker_of

        states = self.work.states.values()
        sizes = {record.size for state in states for record in state.records.values()}
        if sizes - {tracker_of(opened.annotation).mask_size}:
            raise ValueError(
                f"the model {self.work.made_by} is not the one that was used before: its masks "
                "have another size"
            )
        Recovery(opened.annotation).put_work(self.work)
        if opened.autosave is not None and later.autosave is not None:
            opened.autosave.begin_before(self.deeds, later.autosave)


def stored_step(document: OpenDocument) -> StoredStep | None:
    """The change of the model that the project of a document tells of, if it can be undone."""
    from napari_sam2.io.project.history import before_model_step

    deeds = () if document.autosave is None else document.autosave.deeds
    found = before_model_step(deeds)
    return None if found is None else StoredStep(document.image, *found)


class ModelSteps:
    """Models that an undo or a redo goes back to, with the texts of these steps."""

    def __init__(self) -> None:
        self._past: list[tuple[str, ModelState | StoredStep]] = []
        self._future: list[tuple[str, ModelState | StoredStep]] = []

    def offer(self, document: OpenDocument) -> None:
        """Offer to undo the change of the model that the project of a document tells of."""
        if not self._past and (step := stored_step(document)) is not None:
            self._past = [(step.work.step, step)]
            document.mark_model(step.work.step, "", steps=0)

    def forget_image(self, image: int) -> None:
        """Forget the change of the model that the project of an image tells of."""
        self._past = [
            (text, step)
            for text, step in self._past
            if isinstance(step, ModelState) or step.image != image
        ]

    def put_in_place(self, step: StoredStep, state: ModelState) -> None:
        """Record the model and the documents of a stored step, which are there now."""
        self._past = [(text, state if known is step else known) for text, known in self._past]

    def record(self, text: str, before: ModelState, documents: Iterable[OpenDocument]) -> None:
        """Record that documents with another model took the place of those of `before`."""
        self._past = [*self._past, (text, before)][-MOST_STEPS:]
        self._future.clear()
        self._mark(documents)

    def clear(self) -> None:
        """Forget all steps, after a change of the model that cannot be undone."""
        self._past.clear()
        self._future.clear()

    def grow(self, image: int, source: ImageSource) -> None:
        """Add the new frames of an image to its documents with the other models."""
        for _, state in (*self._past, *self._future):
            documents = state.documents if isinstance(state, ModelState) else {}
            if (document := documents.get(image)) is not None:
                with document.collecting():  # the window shows another document of the image
                    document.grow(source)

    def wanted(self, command: Command, document: OpenDocument) -> ModelState | StoredStep | None:
        """The state that an undo or a redo goes to, if it changes the model; else None."""
        name = command.calls[0].name if isinstance(command, Edit) and command.calls else ""
        if name == "undo" and self._past and document.undoes_model:
            return self._past[-1][1]
        if name == "redo" and self._future and document.redoes_model:
            return self._future[-1][1]
        return None

    def swap(self, now: ModelState, then: ModelState, documents: Iterable[OpenDocument]) -> None:
        """Record that the model of `then` is in use again, in place of that of `now`."""
        is_undo = bool(self._past) and self._past[-1][1] is then
        source, target = (self._past, self._future) if is_undo else (self._future, self._past)
        text, _ = source.pop()
        target.append((text, now))
        self._mark(documents)

    def _mark(self, documents: Iterable[OpenDocument]) -> None:
        undo = self._past[-1][0] if self._past else ""
        redo = self._future[-1][0] if self._future else ""
        for document in documents:
            document.mark_model(undo, redo)

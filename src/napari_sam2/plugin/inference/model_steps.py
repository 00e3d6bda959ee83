"""Undo and redo of a change of the model: the documents of the other model come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.protocol.messages import Edit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_sam2.plugin.inference.open_document import OpenDocument
    from napari_sam2.plugin.protocol.messages import Command, LoadModel, ModelLoaded

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


class ModelSteps:
    """Models that an undo or a redo goes back to, with the texts of these steps."""

    def __init__(self) -> None:
        self._past: list[tuple[str, ModelState]] = []
        self._future: list[tuple[str, ModelState]] = []

    def record(self, text: str, before: ModelState, documents: Iterable[OpenDocument]) -> None:
        """Record that documents with another model took the place of those of `before`."""
        self._past = [*self._past, (text, before)][-MOST_STEPS:]
        self._future.clear()
        self._mark(documents)

    def clear(self) -> None:
        """Forget all steps, after a change of the model that cannot be undone."""
        self._past.clear()
        self._future.clear()

    def wanted(self, command: Command, document: OpenDocument) -> ModelState | None:
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

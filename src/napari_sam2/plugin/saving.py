"""Saving and opening: what the window asks for, and what the inference thread answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.saving_messages import (
    DiscardUnsaved,
    ListSaved,
    SavedListed,
    SaveDocument,
    SavingState,
)

if TYPE_CHECKING:
    from napari_sam2.io.session.manifest import ModelInfo
    from napari_sam2.io.session.shelf import Unsaved
    from napari_sam2.plugin.messages import Command
    from napari_sam2.plugin.session import ImageSession


class Saving:
    """What the window knows of documents on disk, and asks for.

    Parameters
    ----------
    current : callable
        Gives the session of the chosen image.
    send : callable
        Takes commands to the inference thread.
    """

    def __init__(
        self, current: Callable[[], ImageSession | None], send: Callable[[Command], None]
    ) -> None:
        self._current = current
        self._send = send
        self.unsaved: tuple[Unsaved, ...] = ()
        self.recent: tuple[Path, ...] = ()

    @property
    def state(self) -> SavingState | None:
        """That of the chosen image; None where there is nothing to save."""
        session = self._current()
        return session.saving if session is not None and session.objects else None

    def ask(self) -> None:
        """Ask what was not saved and what was opened lately."""
        self._send(ListSaved())

    def save(self, path: Path | None = None) -> None:
        """Save the chosen image's document, at another place if one is given."""
        session = self._current()
        if session is not None:
            self._send(SaveDocument(session.number, path))
            self.ask()

    def discard(self, work: Unsaved) -> None:
        """Move work aside that was not saved."""
        self.forget(work)
        self._send(DiscardUnsaved(work.path))

    def forget(self, work: Unsaved) -> None:
        """Do not offer it any more."""
        self.unsaved = tuple(other for other in self.unsaved if other.path != work.path)

    def take(self, report: SavedListed) -> None:
        """Note what was listed."""
        self.unsaved, self.recent = report.unsaved, report.recent


def saved_list(command: ListSaved | DiscardUnsaved) -> SavedListed:
    """What there is on disk, in the inference thread; something may be moved aside before."""
    from napari_sam2.io.session.shelf import discard, find_unsaved, recent

    if isinstance(command, DiscardUnsaved):
        discard(command.path)
    return SavedListed(find_unsaved(), recent())


def wanted_model(folder: str, model: Any) -> ModelInfo | None:
    """The model of a saved annotation, None if it is the one that is loaded."""
    from napari_sam2.io.session.manifest import read_manifest
    from napari_sam2.io.session.reading import is_same_model

    manifest = read_manifest(Path(folder))
    return None if is_same_model(manifest, model) else manifest.model

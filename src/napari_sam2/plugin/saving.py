"""Saving and opening: what the window asks for, and what the inference thread answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.saving_messages import (
    DiscardUnsaved,
    FindOpenImage,
    ListSaved,
    OpenImageFound,
    SavedListed,
    SaveDocument,
    SavingState,
)

if TYPE_CHECKING:
    from napari_sam2.io.session.manifest import ModelInfo
    from napari_sam2.io.session.shelf import Unsaved
    from napari_sam2.plugin.messages import Command
    from napari_sam2.plugin.session import ImageSession
    from napari_sam2.plugin.sources import ImageSource

logger = logging.getLogger(__name__)


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
        self._searches: dict[Path, Callable[[int | None], None]] = {}

    @property
    def offered(self) -> Unsaved | None:
        """The work to restore: that on the chosen image, or else the latest."""
        session = self._current()
        wanted = None if session is None else session.unsaved_work
        mine = (work for work in self.unsaved if work.path == wanted)
        return next(mine, self.unsaved[0] if self.unsaved else None)

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

    def find_image(
        self, work: Unsaved, sources: Sequence[ImageSource], then: Callable[[int | None], None]
    ) -> None:
        """Find the image of some work among open ones; `then` gets its index, or None."""
        self._searches[work.path] = then
        self._send(FindOpenImage(work.path, tuple(sources)))

    def take(self, report: SavedListed | OpenImageFound) -> None:
        """Note what was listed or found."""
        if isinstance(report, SavedListed):
            self.unsaved, self.recent = report.unsaved, report.recent
        elif (then := self._searches.pop(report.path, None)) is not None:
            then(report.index)


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


def find_open_image(command: FindOpenImage) -> OpenImageFound:
    """Which open image has the content that some work was done on, in the inference thread."""
    matches = (
        index for index, source in enumerate(command.sources) if _belongs_to(source, command.path)
    )
    return OpenImageFound(command.path, next(matches, None))


def find_work(source: ImageSource) -> Path | None:
    """Unsaved work on an image, the latest first, in the inference thread."""
    from napari_sam2.io.session.shelf import find_unsaved

    return next((work.path for work in find_unsaved() if _belongs_to(source, work.path)), None)


def _belongs_to(source: ImageSource, folder: Path) -> bool:
    """Whether work was done on this image; its pixels are read only if shape and type fit."""
    from napari_sam2.io.session.errors import SessionError
    from napari_sam2.io.session.manifest import read_manifest
    from napari_sam2.io.session.reading import check_image

    try:
        check_image(read_manifest(folder).image, source.data)
    except SessionError:
        return False
    except Exception:  # an image that cannot be read is told when it is opened
        logger.info("%s cannot be compared with %s", source.name, folder, exc_info=True)
        return False
    return True

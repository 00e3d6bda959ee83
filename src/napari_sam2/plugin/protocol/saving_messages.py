"""Messages for saving and opening projects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import Command, ImageCommand, ImageReport, Report

if TYPE_CHECKING:
    from napari_sam2.io.file_scale import ScaleSource
    from napari_sam2.io.project.last_view import LastView
    from napari_sam2.io.project.shelf import Unsaved
    from napari_sam2.io.selection import Selection
    from napari_sam2.plugin.protocol.sources import ImageSource


@dataclass(frozen=True)
class SavingState:
    """State of a document on disk.

    Attributes
    ----------
    path : Path or None
        Folder to which the user saves; None before the first save.
    is_saved : bool
        Whether all changes are saved in that folder.
    problem : str or None
        Reason why changes cannot be recovered after a crash; None if they can.
    """

    path: Path | None = None
    is_saved: bool = False
    problem: str | None = None


# Commands


@dataclass(frozen=True, eq=False)
class SaveDocument(ImageCommand):
    """Save the document to `path`, or to its current folder if `path` is None.

    `scale` is that of the image's layer now, which the user may have changed since it was opened.
    """

    path: Path | None = None
    scale: ScaleSource | None = None


@dataclass(frozen=True, eq=False)
class KeepView(ImageCommand):
    """Keep what the window shows of a document, for the next time it is opened."""

    view: LastView


@dataclass(frozen=True, eq=False)
class ListSaved(Command):
    """Request the unsaved work and the recently opened projects."""


@dataclass(frozen=True, eq=False)
class DiscardUnsaved(Command):
    """Move unsaved work to the folder of discarded work."""

    path: Path


@dataclass(frozen=True, eq=False)
class FindOpenImage(Command):
    """Find the open image that belongs to saved work, by its pixels."""

    path: Path
    sources: tuple[ImageSource, ...]


# Reports


@dataclass(frozen=True, eq=False)
class OpenImageFound(Report):
    """Index of the source in `FindOpenImage` that belongs to the work; None if none does.

    `part` is the channel and plane that were tracked, where the source has several.
    """

    path: Path
    index: int | None
    part: Selection | None = None


@dataclass(frozen=True, eq=False)
class UnsavedWorkFound(ImageReport):
    """Unsaved work on this image was found on disk."""

    path: Path


@dataclass(frozen=True, eq=False)
class SavedWorkFound(ImageReport):
    """A project that the user saved before is about this image.

    `time` is that of the last save, in seconds since 1970. `part` is the channel and plane that
    were tracked, where the image has several and shows another one.
    """

    path: Path
    time: float
    part: Selection | None = None


@dataclass(frozen=True, eq=False)
class ViewFound(ImageReport):
    """What the window showed when the opened project was last open."""

    view: LastView


@dataclass(frozen=True, eq=False)
class SavingChanged(ImageReport):
    """The state of the document on disk changed."""

    state: SavingState


@dataclass(frozen=True, eq=False)
class ImageOutOfReach(ImageReport):
    """The image of a saved project cannot be opened from its file; the panel shows the text."""

    text: str


@dataclass(frozen=True, eq=False)
class SavedListed(Report):
    """Unsaved work of earlier program runs, and recently opened projects."""

    unsaved: tuple[Unsaved, ...]
    recent: tuple[Path, ...]

"""What the window and the inference thread say to each other of saving and opening."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import Command, ImageCommand, ImageReport, Report

if TYPE_CHECKING:
    from napari_sam2.io.project.shelf import Unsaved
    from napari_sam2.plugin.protocol.sources import ImageSource


@dataclass(frozen=True)
class SavingState:
    """What there is of a document on disk.

    Attributes
    ----------
    path : Path or None
        Where the user saves it; None before the first time.
    is_saved : bool
        Whether all of it is there.
    problem : str or None
        Why changes are not kept for the case of a crash, if they are not.
    """

    path: Path | None = None
    is_saved: bool = False
    problem: str | None = None


# Commands


@dataclass(frozen=True, eq=False)
class SaveDocument(ImageCommand):
    """Save the document, at another place if one is given."""

    path: Path | None = None


@dataclass(frozen=True, eq=False)
class ListSaved(Command):
    """Say what was not saved, and what was opened lately."""


@dataclass(frozen=True, eq=False)
class DiscardUnsaved(Command):
    """Move work aside that was not saved."""

    path: Path


@dataclass(frozen=True, eq=False)
class FindOpenImage(Command):
    """Say which of the images that are open belongs to saved work, by its content."""

    path: Path
    sources: tuple[ImageSource, ...]


# Reports


@dataclass(frozen=True, eq=False)
class OpenImageFound(Report):
    """Which of the sources of a `FindOpenImage` belongs to the work; None if there is none."""

    path: Path
    index: int | None


@dataclass(frozen=True, eq=False)
class UnsavedWorkFound(ImageReport):
    """There is work on this image that was not saved."""

    path: Path


@dataclass(frozen=True, eq=False)
class SavingChanged(ImageReport):
    """What there is of the document on disk has changed."""

    state: SavingState


@dataclass(frozen=True, eq=False)
class SavedListed(Report):
    """Work that was not saved when its program ended, and what was opened lately."""

    unsaved: tuple[Unsaved, ...]
    recent: tuple[Path, ...]

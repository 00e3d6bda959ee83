"""Messages for teaching: examples, the progress and the end of a lesson, and taught models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import Command, ImageCommand, ImageReport, Report

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.io.taught_models import TaughtModel
    from napari_sam2.io.teaching_settings import TeachingSettings
    from napari_sam2.training.lesson_process import LessonAdvanced, LessonEnded


@dataclass(frozen=True, eq=False)
class PrepareLesson(ImageCommand):
    """Write the plan of a lesson and the vouched masks of an image into a folder.

    Parameters
    ----------
    folder : Path
        An empty folder.
    budget_s : float
        Time for the lesson, in seconds.
    sources : tuple of str
        Other projects and folders to learn from.
    """

    folder: Path
    budget_s: float
    sources: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class UseTaught(Command):
    """Keep the model of a lesson among those of the user, and use it for all open images."""

    checkpoint: Path
    name: str
    movies: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class RenameTaught(Command):
    """Give a taught model another name."""

    path: Path
    name: str


@dataclass(frozen=True, eq=False)
class DeleteTaught(Command):
    """Delete a taught model."""

    path: Path


@dataclass(frozen=True, eq=False)
class ExportTaught(Command):
    """Copy a taught model to a file."""

    path: Path
    target: Path


@dataclass(frozen=True, eq=False)
class KeepTeachingSettings(Command):
    """Keep the settings of teaching for the next window."""

    settings: TeachingSettings


# Reports


@dataclass(frozen=True, eq=False)
class LessonPrepared(ImageReport):
    """The folder of a lesson is complete.

    `overlapping` is the number of frames on which vouched masks overlap; there, each pixel counts
    for the object that the labels show.
    """

    overlapping: int


@dataclass(frozen=True, eq=False)
class LessonMoved(Report):
    """A lesson did a step."""

    progress: LessonAdvanced


@dataclass(frozen=True, eq=False)
class LessonOver(Report):
    """A lesson ended with a model, and with pictures of some cells, (N, 2, S, S, 3) uint8."""

    result: LessonEnded
    pictures: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LessonLost(Report):
    """A lesson ended without a model; `error` says why."""

    error: str


@dataclass(frozen=True, eq=False)
class TaughtListed(Report):
    """The taught models of the user, the latest first."""

    models: tuple[TaughtModel, ...]


@dataclass(frozen=True, eq=False)
class TeachingSettingsRead(Report):
    """The settings of teaching that were kept."""

    settings: TeachingSettings

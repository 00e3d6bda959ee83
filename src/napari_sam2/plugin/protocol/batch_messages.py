"""Messages for the tracking of many movies: the copy of a project, and news of the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import ImageCommand, Report

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sam2.batch.process import Message


@dataclass(frozen=True, eq=False)
class CopyProject(ImageCommand):
    """Write a copy of the document, with its history, as a project in another folder.

    The document itself stays where it is kept; changes that follow are not in the copy.
    """

    target: Path


# Reports


@dataclass(frozen=True, eq=False)
class BatchNews(Report):
    """The process of a batch has sent a message."""

    message: Message


@dataclass(frozen=True, eq=False)
class BatchLost(Report):
    """A batch could not be started or has failed; `error` says why."""

    error: str

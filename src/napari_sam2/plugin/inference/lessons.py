"""Prepare lessons and manage taught models, in the inference thread."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.plugin.protocol.messages import LoadModel
from napari_sam2.plugin.protocol.teaching_messages import (
    DeleteTaught,
    ExportTaught,
    KeepTeachingSettings,
    LessonPrepared,
    PrepareLesson,
    RenameTaught,
    TaughtListed,
    TeachingSettingsRead,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.plugin.inference.open_document import OpenDocument
    from napari_sam2.plugin.protocol.messages import Report

ManageTaught = RenameTaught | DeleteTaught | ExportTaught


def prepare(command: PrepareLesson, document: OpenDocument, loaded_as: LoadModel) -> LessonPrepared:
    """Write the plan and the examples of a lesson.

    Raises
    ------
    OSError
        If a frame cannot be read, or the folder cannot be written.
    """
    from napari_sam2.training.lesson_process import LessonPlan, write_example

    plan = LessonPlan(
        base_of(loaded_as.name),
        loaded_as.device,
        loaded_as.image_size,
        command.budget_s,
        max(1, (os.cpu_count() or 2) - 1),
        tuple(source for source in command.sources if not _is_project_of(document, source)),
    )
    example, overlapping = _example(document)
    try:
        plan.write(command.folder)
        if example is not None:
            write_example(command.folder, 0, document.source.name, *example)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            f"teaching could not begin, because {command.folder} cannot be written: {reason}"
        ) from error
    return LessonPrepared(command.image, overlapping)


def base_of(name: str) -> str:
    """The model that a taught model was taught from; any other model is its own base."""
    from napari_sam2.io.taught_models import SUFFIX, read_model

    path = Path(name)
    if path.suffix != SUFFIX or not path.is_file():
        return name
    base = read_model(path).base
    is_there = bool(base) and (not Path(base).suffix or Path(base).is_file())
    return base if is_there else name


def _is_project_of(document: OpenDocument, source: str) -> bool:
    """Whether a source is the project of a document, whose masks are learnt in any case."""
    target = None if document.autosave is None else document.autosave.target
    return target is not None and Path(source).absolute() == target.absolute()


def _example(
    document: OpenDocument,
) -> tuple[tuple[NDArray[np.uint8], NDArray[np.integer]] | None, int]:
    """Vouched frames as the model sees them with their labels; number of frames with overlaps."""
    from napari_sam2.annotation.vouched import count_overlapping, vouched_labels
    from napari_sam2.training.example_files import spread

    if document.annotation.planes > 1:
        return None, 0  # a lesson has images, not volumes
    vouched = vouched_labels(document.annotation)
    frames = spread(list(vouched))
    if not frames:
        return None, 0
    images = np.stack([_bytes_of(document, t) for t in frames])
    labels = {t: vouched[t] for t in frames}
    return (images, np.stack([*labels.values()])), count_overlapping(document.annotation, labels)


def _bytes_of(document: OpenDocument, t: int) -> NDArray[np.uint8]:
    """A frame in 8 bits with the contrast that the model sees; without colours if it is grey."""
    frames = document.tracker.frames
    frame = frames.read(t)
    seen = frame if frames.channels == 3 else frame[..., 0]
    return np.asarray((255 * seen).round(), np.uint8)


def manage(command: ManageTaught, used: str | None) -> TaughtListed:
    """Rename, delete or export a taught model; `used` is the name of the loaded model.

    Raises
    ------
    ValueError
        If the model is in use and cannot be deleted, or the new name is empty.
    OSError
        If the file cannot be read or written.
    """
    from napari_sam2.io import taught_models

    if isinstance(command, RenameTaught):
        taught_models.rename_model(command.path, command.name)
    elif isinstance(command, ExportTaught):
        taught_models.export_model(command.path, command.target)
    elif str(command.path) == used:
        raise ValueError("this model is in use: choose another model above, then delete it")
    else:
        taught_models.delete_model(command.path)
    return list_taught()


def list_taught() -> TaughtListed:
    """All taught models of the user."""
    from napari_sam2.io.taught_models import taught_models

    return TaughtListed(taught_models())


def read_kept() -> tuple[Report, ...]:
    """Taught models and settings of the user."""
    from napari_sam2.io.teaching_settings import read_settings

    return (list_taught(), TeachingSettingsRead(read_settings()))


def keep_settings(command: KeepTeachingSettings) -> tuple[Report, ...]:
    """Keep the settings of teaching.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    from napari_sam2.io.teaching_settings import write_settings

    write_settings(command.settings)
    return ()

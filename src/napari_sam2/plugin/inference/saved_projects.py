"""Find saved and unsaved projects on disk, in the inference thread."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.io.project.last_view import read_last_view
from napari_sam2.plugin.protocol.saving_messages import (
    DiscardUnsaved,
    FindOpenImage,
    ListSaved,
    OpenImageFound,
    SavedListed,
    ViewFound,
)
from napari_sam2.plugin.protocol.sources import ImagePart

if TYPE_CHECKING:
    from napari_sam2.annotation.model_change import Work
    from napari_sam2.io.project.manifest import ModelInfo
    from napari_sam2.plugin.protocol.sources import ImageSource

logger = logging.getLogger(__name__)


def saved_list(command: ListSaved | DiscardUnsaved) -> SavedListed:
    """List unsaved work and recent projects; a `DiscardUnsaved` is carried out before."""
    from napari_sam2.io.project.shelf import discard, find_unsaved, recent

    if isinstance(command, DiscardUnsaved):
        discard(command.path)
    return SavedListed(find_unsaved(), recent())


def wanted_model(folder: str, model: Any) -> ModelInfo | None:
    """The model that a project needs; None if that model is loaded."""
    from napari_sam2.io.project.manifest import read_manifest
    from napari_sam2.io.project.reading import is_same_model

    manifest = read_manifest(Path(folder))
    return None if is_same_model(manifest, model) else manifest.model


class MissingModelError(ValueError):
    """The taught model of a project is not on this computer."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"This project was made with a taught model that is not on this computer: {name}. "
            "Your work is shown with the model chosen above, and the saved project stays as it "
            "is. To continue with the taught model, choose its file with “Model from file…”."
        )


def found_name(wanted: ModelInfo) -> str:
    """The name by which the model of a project is loaded on this computer.

    Raises
    ------
    MissingModelError
        If it is a file, and neither there nor among the models of the user.
    """
    from napari_sam2.io.taught_models import SUFFIX, find_model

    if not wanted.name.endswith(SUFFIX):
        return wanted.name
    if (found := find_model(wanted.name)) is None:
        raise MissingModelError(wanted.name)
    return str(found)


def present_name(name: str) -> str:
    """The name of a model, or the place of a taught model that was moved."""
    from napari_sam2.io.taught_models import SUFFIX, find_model

    found = find_model(name) if name.endswith(SUFFIX) else None
    return name if found is None else str(found)


def work_of(folder: str, model: Any, data: Any) -> Work:
    """All work in a project, read with another model than that of the project.

    Raises
    ------
    ValueError
        If the masks have another size than those of the model.
    """
    from napari_sam2.io.project.manifest import read_manifest
    from napari_sam2.io.project.reading import load, make_tracker

    manifest = read_manifest(Path(folder))
    tracker = make_tracker(manifest, model, data)
    work = load(Path(folder), manifest, tracker).annotation.work()
    sizes = {record.size for state in work.states.values() for record in state.records.values()}
    if sizes - {tracker.mask_size}:
        raise ValueError(
            "the taught model of this project is missing, and the model chosen above is of another "
            "kind: choose the model that it was taught from, and open the project again"
        )
    return replace(work, made_by=manifest.model.name)


def find_open_image(command: FindOpenImage) -> OpenImageFound:
    """Find the open image that belongs to saved work, by its pixels."""
    for index, source in enumerate(command.sources):
        if _belongs_to(source, command.path):
            return OpenImageFound(command.path, index)
        other = _part_of_project(source, command.path)
        if other is not None and _belongs_to(other, command.path):
            return OpenImageFound(command.path, index, other.selection)
    return OpenImageFound(command.path, None)


def _part_of_project(source: ImageSource, folder: Path) -> ImageSource | None:
    """The part of a layer that a project is about; None where the layer has no such part."""
    from napari_sam2.io.project.manifest import read_manifest

    try:
        part = read_manifest(folder).image.part
    except (OSError, ValueError):  # opening the project reports the error
        return None
    if part is None or not isinstance(source.data, ImagePart):
        return None
    data = source.data.other(part.selection)
    return None if data is None else replace(source, data=data, selection=part.selection)


def view_of(source: ImageSource, image: int) -> tuple[ViewFound, ...]:
    """Report of the last view of the project of a source, if it has one."""
    view = None if source.project is None else read_last_view(Path(source.project))
    return () if view is None else (ViewFound(image, view),)


def find_work(source: ImageSource) -> Path | None:
    """Folder of the latest unsaved work on an image; None if there is no such work."""
    from napari_sam2.io.project.shelf import find_unsaved

    return next((work.path for work in find_unsaved() if _belongs_to(source, work.path)), None)


def _belongs_to(source: ImageSource, folder: Path) -> bool:
    """Whether a project belongs to an image; pixels are read only if shape and type match."""
    from napari_sam2.io.project.errors import ProjectError
    from napari_sam2.io.project.manifest import read_manifest
    from napari_sam2.io.project.reading import check_image

    try:
        check_image(read_manifest(folder).image, source.data)
    except ProjectError:
        return False
    except Exception:  # opening the image reports the error
        logger.info("%s cannot be compared with %s", source.name, folder, exc_info=True)
        return False
    return True

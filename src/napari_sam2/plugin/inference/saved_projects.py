"""Find saved and unsaved projects on disk, in the inference thread."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.protocol.saving_messages import (
    DiscardUnsaved,
    FindOpenImage,
    ListSaved,
    OpenImageFound,
    SavedListed,
)

if TYPE_CHECKING:
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


def find_open_image(command: FindOpenImage) -> OpenImageFound:
    """Find the open image that belongs to saved work, by its pixels."""
    matches = (
        index for index, source in enumerate(command.sources) if _belongs_to(source, command.path)
    )
    return OpenImageFound(command.path, next(matches, None))


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

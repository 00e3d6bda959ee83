"""Projects as commands read them: the annotation with its image, without a lock and unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.cli.errors import UsageError
from napari_sam2.cli.options import load

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.io.project.images import FoundImage
    from napari_sam2.io.project.manifest import Manifest


@dataclass(frozen=True, eq=False)
class SavedProject:
    """A project that was read.

    Attributes
    ----------
    manifest : Manifest
        Its ``session.json``.
    annotation : Annotation
        The document, with changes that were not saved.
    image : FoundImage
        The image.
    """

    manifest: Manifest
    annotation: Annotation
    image: FoundImage


def read_saved(path: Path, image: Path | None = None) -> SavedProject:
    """Read a project; no frame is computed.

    Parameters
    ----------
    path : Path
        Its folder.
    image : Path, optional
        Where the image is now.

    Raises
    ------
    UsageError
        If the image was moved, or the model of the project is not there.
    FileNotFoundError
        If there is no project, or its model must be downloaded first.
    ValueError, OSError
        If a file is damaged or cannot be read.
    """
    from napari_sam2.io.project.images import ImageMovedError, find_image
    from napari_sam2.io.project.manifest import read_manifest
    from napari_sam2.io.project.reading import load as read_project
    from napari_sam2.io.project.reading import make_tracker

    manifest = read_manifest(path)
    try:
        found = find_image(path, manifest, image)
    except ImageMovedError as error:
        raise UsageError(f"{error} with --image") from error
    made_by = manifest.model
    network = load(made_by.name, "cpu", made_by.image_size)  # masks are kept as it made them
    tracker = make_tracker(manifest, network, found.data)
    return SavedProject(manifest, read_project(path, manifest, tracker).annotation, found)

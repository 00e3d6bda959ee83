"""Open a saved project in a command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.cli.errors import UsageError
from napari_sam2.cli.options import load

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.io.project.images import FoundImage
    from napari_sam2.io.project.manifest import ImageInfo

PROJECT_SUFFIX = ".sam2"


@dataclass(frozen=True, eq=False)
class OpenedProject:
    """A project that was read; no frame was tracked.

    Attributes
    ----------
    annotation : Annotation
        The document, with the changes since the last save.
    info : ImageInfo
        What the project knows of its image.
    image : FoundImage
        The image, opened.
    """

    annotation: Annotation
    info: ImageInfo
    image: FoundImage


def open_project(path: Path, image: Path | None = None) -> OpenedProject:
    """Open a project with its image, to read from it.

    Parameters
    ----------
    path : Path
        The project.
    image : Path, optional
        Where the image is now.

    Raises
    ------
    UsageError
        If the image was moved and `image` is not given.
    ProjectError
        If the project is damaged, or the image is another one.
    ValueError, OSError
        If it cannot be read.
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
    return OpenedProject(read_project(path, manifest, tracker).annotation, manifest.image, found)

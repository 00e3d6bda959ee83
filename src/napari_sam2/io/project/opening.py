"""Open a saved project with its image, to read from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_sam2.annotation import Annotation
from napari_sam2.io.project.images import FoundImage, find_image
from napari_sam2.io.project.manifest import Manifest, ModelInfo, read_manifest
from napari_sam2.io.project.reading import load, make_tracker
from napari_sam2.model import Sam2


@dataclass(frozen=True, eq=False)
class OpenedProject:
    """A project that was read; no frame was tracked.

    Attributes
    ----------
    annotation : Annotation
        The document, with the changes since the last save.
    manifest : Manifest
        Its ``session.json``.
    image : FoundImage
        The image, opened.
    """

    annotation: Annotation
    manifest: Manifest
    image: FoundImage


def open_to_read(
    folder: Path, image: Path | None, load_network: Callable[[ModelInfo], Sam2]
) -> OpenedProject:
    """Open a project with its image.

    Parameters
    ----------
    folder : Path
        The project.
    image : Path or None
        Where the image is now, if it was moved.
    load_network : callable
        Loads the model of the project.

    Raises
    ------
    ImageMovedError
        If the image was moved and `image` is None.
    ProjectError
        If the project is damaged, or the image is another one.
    ValueError, OSError
        If it cannot be read.
    """
    manifest = read_manifest(folder)
    found = find_image(folder, manifest, image)
    tracker = make_tracker(manifest, load_network(manifest.model), found.data)
    return OpenedProject(load(folder, manifest, tracker).annotation, manifest, found)

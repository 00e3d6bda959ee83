"""Open a saved project in a command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.cli.errors import UsageError
from napari_sam2.cli.options import load

if TYPE_CHECKING:
    from napari_sam2.io.project.opening import OpenedProject


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
    from napari_sam2.io.project.images import ImageMovedError
    from napari_sam2.io.project.opening import open_to_read

    try:  # no frame is tracked: masks are kept as the model of the project has made them
        return open_to_read(path, image, lambda model: load(model.name, "cpu", model.image_size))
    except ImageMovedError as error:
        raise UsageError(f"{error} with --image") from error

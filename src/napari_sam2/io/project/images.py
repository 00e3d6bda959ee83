"""Find the image of a project, and check that it is the same image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_sam2.io.movie import Movie
from napari_sam2.io.movies import open_selection
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.manifest import Manifest
from napari_sam2.io.project.reading import check_image
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.selection import EVERYTHING


class ImageMovedError(ProjectError):
    """The image of a project was moved: the user has to give its new path."""


@dataclass(frozen=True, eq=False)
class FoundImage:
    """The image of a project.

    Attributes
    ----------
    data : array-like
        With the axes that were annotated, read frame by frame.
    movie : Movie
        The file.
    path : Path
        Where it is.
    scale : ImageScale
        Scale that the project holds, completed by the scale of the file.
    """

    data: Any
    movie: Movie
    path: Path
    scale: ImageScale


def find_image(
    folder: Path, manifest: Manifest, path: str | os.PathLike[str] | None = None
) -> FoundImage:
    """Open the image of a project: where it was, or beside the annotation.

    Parameters
    ----------
    folder : Path
        The project.
    manifest : Manifest
        Its ``session.json``.
    path : path, optional
        Where the image is now.

    Raises
    ------
    ImageMovedError
        If it is in neither place, or never was in a file.
    ProjectError
        If the image that is there is another one.
    ValueError, OSError
        If it cannot be read.
    """
    place = _place(folder, manifest) if path is None else Path(path)
    part = manifest.image.part
    movie = open_selection(place, EVERYTHING if part is None else part.selection)
    planes = len(manifest.image.axes.replace("C", ""))
    data = movie.data[0] if planes == 2 and movie.shape[0] == 1 else movie.data
    check_image(manifest.image, data)
    return FoundImage(data, movie, place, manifest.image.scale.completed_by(movie.scale))


def _place(folder: Path, manifest: Manifest) -> Path:
    image = manifest.image
    if image.path is None:
        raise ImageMovedError(
            f"“{image.name}” was not opened from a file when it was annotated: say where it is"
        )
    there = Path(image.path)
    beside = folder.absolute().parent / Path(image.path.replace("\\", "/")).name
    for place in (there, beside):
        if place.exists():
            return place
    raise ImageMovedError(
        f"the image {image.path} is not there any more, nor beside {folder.name}: say where it is"
    )

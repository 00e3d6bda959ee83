"""Find the image of a project, and check that it is the same image."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any

from napari_sam2.io.movie import Movie
from napari_sam2.io.movies import open_selection, open_stack
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.manifest import ImageInfo, Manifest
from napari_sam2.io.project.reading import check_image
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.selection import EVERYTHING, IN_3D, Selection
from napari_sam2.io.several_files import open_files

MOST_PARTS = 64  # channels and planes of a file that are compared with the image


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
    paths : tuple of Path
        All files, in their order, where each frame was chosen as a file.
    """

    data: Any
    movie: Movie
    path: Path
    scale: ImageScale
    paths: tuple[Path, ...] = ()


def find_image(
    folder: Path, manifest: Manifest, path: str | os.PathLike[str] | None = None
) -> FoundImage:
    """Open the image of a project: where it was, or beside the annotation.

    If the file has other pixels, its channels and planes are compared with the image.

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
    return find_pixels(folder, manifest.image, path)


def find_pixels(
    folder: Path, image: ImageInfo, path: str | os.PathLike[str] | None = None
) -> FoundImage:
    """Open an image that is described; see `find_image`."""
    if path is None and len(image.paths) > 1:
        places = _places(folder, image, image.paths)
        return _found(image, open_files(places), places)
    place = _places(folder, image, [image.path])[0] if path is None else Path(path)
    part = image.part
    try:
        movie = open_selection(place, EVERYTHING if part is None else part.selection)
        return _found(image, movie, [place])
    except (ProjectError, ValueError) as error:
        found = _found_part(image, place)
        if found is None:
            raise error from None
        return found


def _found(image: ImageInfo, movie: Movie, places: Sequence[Path]) -> FoundImage:
    """The image in a movie; a ProjectError if it is another image."""
    planes = len(image.axes.replace("C", ""))
    data = movie.data[0] if planes == 2 and movie.shape[0] == 1 else movie.data
    check_image(image, data)
    paths = tuple(places) if len(places) > 1 else ()
    scale = image.scale.completed_by(movie.scale)
    return FoundImage(data, movie, places[0], scale, paths)


def _found_part(image: ImageInfo, place: Path) -> FoundImage | None:
    """The channel or plane of a file that has the pixels of an image; None if there is none."""
    try:
        for selection in islice(_parts(place, in_3d=image.planes > 1), MOST_PARTS):
            try:
                return _found(image, open_selection(place, selection), [place])
            except (ProjectError, ValueError):
                continue
    except (ValueError, OSError):  # the file cannot be opened at all
        return None
    return None


def _parts(place: Path, *, in_3d: bool) -> Iterator[Selection]:
    """Channels and planes of a file, one of each; in 3D, channels with all planes."""
    stack = open_stack(place)
    lengths = dict(zip(stack.axes, stack.shape, strict=True))
    channels = range(lengths["C"]) if lengths.get("C", 1) > 1 else (None,)
    if in_3d:
        yield from (Selection(channel=channel, z=IN_3D) for channel in channels)
        return
    has_planes = "T" in lengths and lengths.get("Z", 1) > 1
    planes = (None, *range(lengths["Z"])) if has_planes else (None,)
    for z, channel in product(planes, channels):
        if (z, channel) != (None, None):
            yield Selection(channel=channel, z=z)


def _places(folder: Path, image: ImageInfo, paths: Sequence[str | None]) -> list[Path]:
    """Where files are: where they were, or all of them beside the project."""
    named = [path for path in paths if path is not None]
    if not named:
        raise ImageMovedError(
            f"“{image.name}” was not opened from a file when it was annotated: say where it is"
        )
    there = [Path(path) for path in named]
    beside = folder.absolute().parent
    near = [beside / Path(path.replace("\\", "/")).name for path in named]
    for places in (there, near):
        if all(place.exists() for place in places):
            return places
    what = f"the image {named[0]} is"
    if len(named) > 1:
        what = f"{named[0]} and {len(named) - 1} other files of the image are"
    raise ImageMovedError(f"{what} not there any more, nor beside {folder.name}: say where it is")

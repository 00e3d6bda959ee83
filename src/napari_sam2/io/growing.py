"""A movie that is still being acquired: a folder of images or a zarr array that grows."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

from napari_sam2.arrays import ArrayLike
from napari_sam2.io.first_frames import FirstFrames
from napari_sam2.io.formats import is_zarr
from napari_sam2.io.image_folder import FRAME_SUFFIXES, folder_stack, frame_files
from napari_sam2.io.movie import Movie
from napari_sam2.io.movies import open_selection
from napari_sam2.io.selection import EVERYTHING, Selection
from napari_sam2.io.stack import ImageStack, movie_of

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0  # for new frames
_Kind = tuple[tuple[int, ...], str]
"""Shape and type of an image."""


class MovieChanged(ValueError):
    """Frames of a movie that were there are gone or have changed."""


def can_grow(path: Path) -> bool:
    """Whether frames can be added to a movie: it is a folder of images, or a zarr array.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    if not path.is_dir():
        return False
    return is_zarr(path) or any(file.suffix.lower() in FRAME_SUFFIXES for file in path.iterdir())


class GrowingMovie:
    """Says when a movie that is being acquired has grown, and opens it with its new frames.

    The last frame may be half written, so it is taken once it is the same at two looks, or once
    there is a later one. Frames of a zarr array that hold nothing but its fill value count as not
    written, if no later frame holds anything.

    Parameters
    ----------
    path : path
        Folder of TIFF, PNG or other images, one file per frame; or a zarr array or OME-Zarr image.
    selection : Selection
        Which part of the frames is taken; see `open_movie`.

    Attributes
    ----------
    movie : Movie
        The frames that were complete at the last look.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ValueError
        If it is a file, in which no frame can be added, or there is no complete frame yet.
    """

    def __init__(self, path: str | os.PathLike[str], selection: Selection = EVERYTHING) -> None:
        place = Path(path)
        if not place.exists():
            raise FileNotFoundError(f"there is no movie {place}")
        if not place.is_dir():
            raise ValueError(
                f"{place.name} is a file, which does not grow frame by frame: give the folder of "
                "images or the zarr array into which the microscope writes"
            )
        self._frames = _Zarr(place, selection) if is_zarr(place) else _Folder(place, selection)
        self.movie = self._frames.first()

    def look(self) -> Movie | None:
        """Look for new frames.

        Returns
        -------
        Movie or None
            The movie from its first frame on, which is `movie` from now on; None if there is no new
            frame that is complete.

        Raises
        ------
        MovieChanged
            If frames that were there are gone, or new ones have another size. `movie` stays.
        OSError
            If the folder cannot be reached at the moment.
        """
        longer = self._frames.look(self.movie)
        if longer is not None:
            self.movie = longer
        return longer

    def look_if_reachable(self) -> Movie | None:
        """`look` without an OSError: a network drive may be away for a moment."""
        try:
            return self.look()
        except OSError:
            logger.info("the acquisition could not be looked at", exc_info=True)
            return None


class _Folder:
    """A folder of images, one file per frame."""

    def __init__(self, folder: Path, selection: Selection) -> None:
        self._folder, self._selection = folder, selection
        self._taken: dict[Path, tuple[int, int]] = {}
        self._last: tuple[Path, tuple[int, int]] | None = None  # the last file at the look before
        self._alike: _Kind = ((), "")  # every image

    def first(self) -> Movie:
        files = frame_files(self._folder)
        whole = [file for file in files[:-1] if _opened(file) is not None]
        if len(whole) < len(files) - 1:
            missing = sorted({file.name for file in files[:-1]} - {file.name for file in whole})
            raise ValueError(f"{missing[0]} in {self._folder.name} is damaged")
        self._last = files[-1], _file_mark(files[-1])
        # a folder of one image would otherwise have no frame at all
        first = _opened(files[0])
        if first is None:
            raise ValueError(f"there is no complete image in {self._folder} yet")
        self._alike = _kind(first)
        stack, taken = self._longest(whole or files[:1], 0)
        movie = self._movie(stack)
        self._taken = {file: _file_mark(file) for file in taken}
        return movie

    def look(self, movie: Movie) -> Movie | None:
        gone = [file for file in self._taken if not file.exists()]
        if gone:
            raise MovieChanged(
                f"{gone[0].name} is no longer in {self._folder.name}"
                f"{f', nor are {len(gone) - 1} more images' if gone[1:] else ''}: "
                "the frames that were there must stay"
            )
        changed = [file for file, mark in self._taken.items() if _file_mark(file) != mark]
        if changed:
            raise MovieChanged(
                f"{changed[0].name} in {self._folder.name} has changed since it was read"
            )
        files = frame_files(self._folder)
        last = files[-1], _file_mark(files[-1])
        is_settled = last == self._last
        self._last = last
        taken = files if is_settled else files[:-1]
        new = {file: _opened(file) for file in taken if file not in self._taken}
        if not new or None in new.values():
            return None
        for file, stack in new.items():
            self._check_alike(file, stack)
        if files[: len(self._taken)] != list(self._taken):
            raise MovieChanged(
                f"{next(iter(new)).name} in {self._folder.name} lies before frames that were "
                "there: new images need names that come after the others"
            )
        marks = {file: _file_mark(file) for file in taken}
        try:
            found, taken = self._longest(taken, len(self._taken) - 1)
        except ValueError as error:
            raise MovieChanged(str(error)) from error
        longer = self._movie(found)
        _check_new_frames(movie, longer)
        self._taken = {file: marks[file] for file in taken}
        return longer if longer.shape[0] > movie.shape[0] else None

    def _longest(self, files: list[Path], least: int) -> tuple[ImageStack, list[Path]]:
        """The images as a stack, without the last ones if channels or planes of them are missing.

        Raises
        ------
        ValueError
            If more than `least` images are no stack.
        """
        problem: ValueError | None = None
        for count in range(len(files), least, -1):
            try:
                return folder_stack(self._folder, files=files[:count]), files[:count]
            except ValueError as error:
                problem = problem or error
        raise problem or ValueError(f"there is no complete image in {self._folder} yet")

    def _movie(self, stack: ImageStack) -> Movie:
        return replace(movie_of(stack, self._selection), path=self._folder)

    def _check_alike(self, file: Path, stack: ImageStack | None) -> None:
        if stack is not None and _kind(stack) != self._alike:
            shape, dtype = _kind(stack)
            raise MovieChanged(
                f"{file.name} in {self._folder.name} is {shape} {dtype}; the images so far are "
                f"{self._alike[0]} {self._alike[1]}"
            )


class _Zarr:
    """A zarr array whose axis of frames grows."""

    def __init__(self, folder: Path, selection: Selection) -> None:
        self._folder, self._selection = folder, selection
        self._last: tuple[int, bytes] | None = None  # the last written frame at the look before

    def first(self) -> Movie:
        movie = open_selection(self._folder, self._selection)
        written = _written(movie.data, 0)
        if not written:
            raise ValueError(f"there is no complete frame in {self._folder} yet")
        self._last = written, _pixel_mark(movie.data, written - 1)
        return _first_of(movie, max(written - 1, 1))

    def look(self, movie: Movie) -> Movie | None:
        found = open_selection(self._folder, self._selection)
        _check_new_frames(movie, found)
        written = _written(found.data, movie.shape[0])
        if written <= movie.shape[0]:
            return None
        last = written, _pixel_mark(found.data, written - 1)
        is_settled = last == self._last
        self._last = last
        complete = written if is_settled else written - 1
        return _first_of(found, complete) if complete > movie.shape[0] else None


def _check_new_frames(before: Movie, after: Movie) -> None:
    """Raise MovieChanged if a movie has fewer frames, or frames of another size or type."""
    if after.shape[0] < before.shape[0]:
        raise MovieChanged(
            f"{before.name} had {before.shape[0]} frames and has {after.shape[0]} now: the frames "
            "that were there must stay"
        )
    one, other = before.data, after.data
    if tuple(one.shape[1:]) != tuple(other.shape[1:]) or one.dtype != other.dtype:
        raise MovieChanged(
            f"new frames of {before.name} are {other.shape[1:]} {other.dtype}; the frames so far "
            f"are {one.shape[1:]} {one.dtype}"
        )


def _first_of(movie: Movie, length: int) -> Movie:
    return replace(movie, data=FirstFrames(movie.data, length))


def _written(data: ArrayLike, known: int) -> int:
    """How many frames there are up to the last that is not empty; `known` of them are known."""
    for t in range(int(data.shape[0]) - 1, known - 1, -1):
        if np.asarray(data[t]).any():
            return t + 1
    return known


def _pixel_mark(data: ArrayLike, t: int) -> bytes:
    return blake2b(np.ascontiguousarray(data[t]).tobytes(), digest_size=16).digest()


def _file_mark(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _opened(file: Path) -> ImageStack | None:
    """One image of a folder; None if it cannot be read to its end."""
    try:
        stack = folder_stack(file.parent, files=[file])
        np.asarray(stack.data[(0, *[slice(None)] * (len(stack.shape) - 1))])
    except (OSError, ValueError):
        return None
    return stack


def _kind(stack: ImageStack) -> _Kind:
    return stack.shape[1:], str(np.dtype(stack.data.dtype))

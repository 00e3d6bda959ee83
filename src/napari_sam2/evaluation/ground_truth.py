"""Ground truth of a movie, and labels to compare with it, read one frame at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import ArrayLike
from napari_sam2.evaluation.ctc import CtcCounter
from napari_sam2.evaluation.overlap import overlap
from napari_sam2.io.image_folder import read_image
from napari_sam2.io.movie import lazy_stack
from napari_sam2.io.movies import open_movie
from napari_sam2.io.tracks import TableCheck, Track, read_tracks

Labels = NDArray[Any]
_TIFF = (".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class LabelledMovie:
    """A movie of object ids.

    Attributes
    ----------
    data : (T, Y, X) array-like of integers
        0 is background; may be lazy.
    ids_by_frame : tuple of tuples of int
        Ids on each frame, ascending.
    annotated : frozenset of int
        Frames that were labelled. The others say nothing: they do not count.
    parents : mapping of int to int
        Daughter -> mother.
    is_markers : bool
        Whether the labels show where objects are, but not their shape.
    markers : LabelledMovie, optional
        Where objects are, when the shapes are known on some frames only.
    margin : int
        Pixels at the border of the image in which the truth leaves objects out, see `judged`.
    name : str
    read_mask : callable, optional
        From frame and id to the (Y, X) bool mask of an object, where objects overlap and `data`
        cannot show all of their pixels.
    """

    data: ArrayLike
    ids_by_frame: tuple[tuple[int, ...], ...]
    annotated: frozenset[int]
    parents: Mapping[int, int] = field(default_factory=dict)
    is_markers: bool = False
    markers: LabelledMovie | None = None
    margin: int = 0
    name: str = ""
    read_mask: Callable[[int, int], NDArray[np.bool_]] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X) of the frames in use."""
        return len(self.ids_by_frame), int(self.data.shape[1]), int(self.data.shape[2])

    @cached_property
    def frames_of(self) -> dict[int, list[int]]:
        """Frames of each object, ascending; objects in the order of their ids."""
        found: dict[int, list[int]] = {}
        for t, ids in enumerate(self.ids_by_frame):
            for object_id in ids:
                found.setdefault(object_id, []).append(t)
        return dict(sorted(found.items()))

    def first_frame(self, object_id: int) -> int:
        """Frame on which an object appears."""
        return self.frames_of[object_id][0]

    def frame(self, t: int) -> Labels:
        """(Y, X) labels of a frame; objects that are left out are background."""
        labels = np.asarray(self.data[t])
        wanted = np.asarray(self.ids_by_frame[t], labels.dtype)
        return np.where(np.isin(labels, wanted), labels, labels.dtype.type(0))

    def masks(self, t: int, object_ids: Iterable[int]) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        """Masks of some objects on a frame; empty where an object is not.

        Parameters
        ----------
        t : int
            Frame.
        object_ids : iterable of int
            Objects.

        Yields
        ------
        int
            The object.
        ndarray
            (Y, X) bool.
        """
        labels = self.frame(t)
        for object_id in object_ids:
            if self.read_mask is not None and object_id in self.ids_by_frame[t]:
                yield object_id, self.read_mask(t, object_id)
            else:
                yield object_id, labels == object_id

    def judged(self, t: int, labels: Labels) -> Labels:
        """The labels of a result that count on a frame.

        Parameters
        ----------
        t : int
            Frame.
        labels : (Y, X) integers
            Labels of the result.

        Returns
        -------
        (Y, X) integers
            Without the objects that lie within the margin as a whole and on nothing of the truth:
            the Cell Tracking Challenge does not label cells there, so that the truth is unknown.
        """
        if not self.margin:
            return labels
        view = slice(self.margin, -self.margin)
        counted = np.union1d(labels[view, view], labels[self.frame(t) > 0])
        return np.where(np.isin(labels, counted), labels, labels.dtype.type(0))

    def shortened(self, frames: int) -> LabelledMovie:
        """The first frames only.

        Raises
        ------
        ValueError
            If there are fewer, or none is wanted.
        """
        if not 1 <= frames <= len(self.ids_by_frame):
            raise ValueError(
                f"the movie has {len(self.ids_by_frame)} frames; {frames} cannot be taken from it"
            )
        return replace(
            self,
            ids_by_frame=self.ids_by_frame[:frames],
            annotated=frozenset(t for t in self.annotated if t < frames),
            markers=self.markers and self.markers.shortened(frames),
        )

    def thinned(self, count: int, seed: int = 0) -> LabelledMovie:
        """Choose some objects at random, or all if there are fewer.

        Raises
        ------
        ValueError
            If none is wanted.
        """
        if count < 1:
            raise ValueError(f"at least one object is needed; got {count}")
        ids = list(self.frames_of)
        if count < len(ids):
            drawn = np.random.default_rng(seed).choice(len(ids), count, replace=False)
            ids = [ids[index] for index in sorted(drawn.tolist())]
        return self._with_objects(frozenset(ids))

    def _with_objects(self, ids: frozenset[int]) -> LabelledMovie:
        kept = tuple(tuple(k for k in frame if k in ids) for frame in self.ids_by_frame)
        markers = self.markers and self.markers._with_objects(ids)
        return replace(self, ids_by_frame=kept, markers=markers)


def label_movie(
    data: ArrayLike,
    *,
    annotated: Iterable[int] | None = None,
    tracks: Iterable[Track] = (),
    is_markers: bool = False,
    name: str = "labels",
) -> LabelledMovie:
    """Look through labels once.

    Parameters
    ----------
    data : (T, Y, X) or (Y, X) array-like of integers
    annotated : iterable of int, optional
        Frames that were labelled. Default: those that hold an object.
    tracks : iterable of Track
        Mothers of the objects; their frames are taken from the labels.
    is_markers : bool
    name : str
        For messages.

    Raises
    ------
    ValueError
        If the labels have another shape or negative ids.
    TypeError
        If they are not integers.
    """
    if np.dtype(data.dtype).kind not in "uib":
        raise TypeError(f"{name} holds {data.dtype}; labels are one integer per pixel")
    if len(data.shape) == 2:
        data = np.asarray(data)[None]
    if len(data.shape) != 3:
        raise ValueError(f"{name} must be (T, Y, X); got an array of shape {tuple(data.shape)}")
    ids = tuple(_ids(np.asarray(data[t]), t, name) for t in range(data.shape[0]))
    there = {t for t, found in enumerate(ids) if found}
    return LabelledMovie(
        data,
        ids,
        frozenset(there if annotated is None else annotated),
        {track.object_id: track.parent for track in tracks if track.parent},
        is_markers,
        name=name,
    )


def _ids(labels: Labels, t: int, name: str) -> tuple[int, ...]:
    found = np.unique(labels)
    if found[0] < 0:
        raise ValueError(f"{name} has the id {found[0]} on frame {t}; object ids start at 1")
    return tuple(found[found != 0].tolist())


def open_labels(
    path: str | os.PathLike[str],
    *,
    tracks: str | os.PathLike[str] | None = None,
    is_markers: bool = False,
    length: int | None = None,
    margin: int = 0,
) -> LabelledMovie:
    """Open labels of any kind.

    Parameters
    ----------
    path : path
        A TIFF file, a folder of images, or a folder of the Cell Tracking Challenge: a result
        (``mask000.tif``, ``res_track.txt``), markers (``man_track000.tif``, ``man_track.txt``),
        segmented frames (``man_seg000.tif``), or the folder that holds ``TRA`` and ``SEG``.
    tracks : path, optional
        Table of tracks, for the mothers of daughters. Default: the one in the folder, if any.
    is_markers : bool
        Whether the labels show places and no shapes; always so for ``man_track000.tif``.
    length : int, optional
        Frames of the movie, where only some of them are labelled.
    margin : int
        Pixels at the border in which the labels leave objects out, see `LabelledMovie.judged`.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ValueError, TypeError
        If it holds no labels; if an object has pixels on a frame on which
        the table does not have it.

    Warns
    -----
    UserWarning
        If an object of the table has no pixels on one of its frames.
    """
    place = Path(path)
    if not place.exists():
        raise FileNotFoundError(f"there are no labels {place}")
    found = _open(place, Path(tracks) if tracks is not None else None, is_markers, length)
    if not 0 <= 2 * margin < min(found.shape[1:]):
        raise ValueError(
            f"a margin of {margin} pixels leaves nothing of frames of {found.shape[1]} x "
            f"{found.shape[2]}"
        )
    return replace(
        found, margin=margin, markers=found.markers and replace(found.markers, margin=margin)
    )


def _open(place: Path, table: Path | None, is_markers: bool, length: int | None) -> LabelledMovie:
    if place.is_dir() and (place / "SEG").is_dir():
        return _open_ground_truth(place, table, length)
    if place.is_dir() and _numbered(place, "man_seg"):
        return _open_sparse(place, length)
    table = table or _table_of(place)
    markers = is_markers or (place.is_dir() and bool(_numbered(place, "man_track")))
    movie = open_movie(place, as_labels=True)
    if movie.rgb:
        raise TypeError(f"{place.name} holds colours; labels are one integer per pixel")
    known = read_tracks(table) if table else ()
    found = label_movie(
        movie.data,
        tracks=known,
        is_markers=markers,
        annotated=range(movie.shape[0]) if table and place.is_dir() else None,
        name=place.name,
    )
    if table is not None:
        TableCheck(known, table.name, place.name).check(dict(enumerate(found.ids_by_frame)))
    return found


def _table_of(place: Path) -> Path | None:
    tables = [place / "man_track.txt", place / "res_track.txt"]
    return next((table for table in tables if place.is_dir() and table.is_file()), None)


def _numbered(folder: Path, stem: str) -> dict[int, Path]:
    """Files ``stem000.tif`` by number."""
    found = {}
    for file in folder.iterdir():
        match = re.fullmatch(rf"{stem}(\d+)", file.stem)
        if match and file.suffix.lower() in _TIFF:
            found[int(match[1])] = file
    return dict(sorted(found.items()))


def _open_sparse(folder: Path, length: int | None) -> LabelledMovie:
    files = _numbered(folder, "man_seg")
    if not files:
        raise ValueError(f"no man_seg000.tif in {folder}: is it a folder of segmented frames?")
    last = max(files)
    if length is not None and last >= length:
        raise ValueError(f"{files[last].name} is beyond the {length} frames of the movie")
    first = read_image(files[min(files)])
    blank = np.zeros_like(first)

    def read_frame(t: int) -> Labels:
        return read_image(files[t]) if t in files else blank

    stack = lazy_stack(read_frame, (length or last + 1, *first.shape), first.dtype)
    return label_movie(stack, annotated=files, name=folder.name)


def _open_ground_truth(folder: Path, table: Path | None, length: int | None) -> LabelledMovie:
    """Shapes of SEG under the names of TRA."""
    if not (folder / "TRA").is_dir():
        return _open_sparse(folder / "SEG", length)
    markers = open_labels(folder / "TRA", tracks=table)
    shapes = _open_sparse(folder / "SEG", length or markers.shape[0])
    if shapes.shape != markers.shape:
        raise ValueError(
            f"in {folder.name}, TRA has the shape {markers.shape} and SEG {shapes.shape}"
        )
    named = lazy_stack(
        lambda t: _named(shapes.frame(t), markers.frame(t), t), shapes.shape, np.dtype(np.int64)
    )
    found = label_movie(named, annotated=shapes.annotated, name=folder.name)
    return replace(found, parents=markers.parents, markers=markers)


def _named(shapes: Labels, markers: Labels, t: int) -> Labels:
    """Shapes with the ids of the markers that lie in them; a shape without marker keeps none.

    Such a shape gets a separate id on this frame, far from those of the markers.
    """
    table = overlap(markers, shapes)
    names = {}
    for column, shape_id in enumerate(table.label_ids.tolist()):
        inside = 2 * table.common[:, column] > table.truth_areas
        single = np.flatnonzero(inside)
        known = len(single) == 1
        names[shape_id] = int(table.truth_ids[single[0]]) if known else (t + 1) << 32 | shape_id
    result = np.zeros(shapes.shape, np.int64)
    for shape_id, name in names.items():
        result[shapes == shape_id] = name
    return result


def count_frame(counter: CtcCounter, truth: LabelledMovie, t: int, labels: Labels) -> None:
    """Compare the labels of a frame with whatever the truth knows of it: places, shapes or both."""
    if truth.markers is not None:
        counter.add(t, truth.markers.frame(t), truth.markers.judged(t, labels), shapes=False)
    if t in truth.annotated:
        has_places, is_shape = truth.markers is None, not truth.is_markers
        seen = truth.judged(t, labels)
        counter.add(t, truth.frame(t), seen, places=has_places, shapes=is_shape)


def check_pair(shape: tuple[int, int, int], truth: LabelledMovie, what: str = "movie") -> None:
    """Whether a movie and its truth belong together.

    Parameters
    ----------
    shape : tuple of int
        (T, Y, X) of the movie or the labels.
    truth : LabelledMovie
    what : str
        "movie" or "labels", for the message.

    Raises
    ------
    ValueError
        If lengths or sizes differ, or there is no object in the truth.
    """
    if shape[0] != truth.shape[0]:
        raise ValueError(
            f"the {what} has {shape[0]} frames, the truth {truth.shape[0]}: "
            "they must be of the same movie"
        )
    if shape[1:] != truth.shape[1:]:
        raise ValueError(
            f"the {what} has images of {shape[1]} x {shape[2]} pixels (y, x), the truth of "
            f"{truth.shape[1]} x {truth.shape[2]}: they must be alike"
        )
    if not truth.frames_of:
        raise ValueError(f"there is no object in the truth {truth.name}: all labels are 0")

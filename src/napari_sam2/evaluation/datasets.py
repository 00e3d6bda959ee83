"""Data sets of video object segmentation: DAVIS, MOSE, YouTube-VOS and SA-V."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.evaluation.ground_truth import LabelledMovie
from napari_sam2.io.image_folder import frame_files, read_image
from napari_sam2.io.movie import Movie, lazy_stack
from napari_sam2.io.movies import open_movie

Labels = NDArray[Any]
Mask = NDArray[np.bool_]

_DAVIS, _SA_V = "480p", "JPEGImages_24fps"


@dataclass(frozen=True)
class Sequence:
    """A movie of a data set, and its ground truth; files are read when they are needed.

    Attributes
    ----------
    name : str
    images, annotations : Path
        Folder of the frames and folder of the labels. The file of a label has the name of its
        frame; frames without one are not labelled.
    overlaps : bool
        Whether `annotations` has a folder of masks for each object, which may overlap.
    categories : mapping of int to str
        What an object is, by its id; empty where the data set does not tell.
    """

    name: str
    images: Path
    annotations: Path
    overlaps: bool = False
    categories: Mapping[int, str] = field(default_factory=dict)

    def movie(self) -> Movie:
        """Open the frames.

        Raises
        ------
        FileNotFoundError
            If there are none.
        """
        if not self.images.is_dir():
            raise FileNotFoundError(f"{self.name} has no frames: there is no folder {self.images}")
        return open_movie(self.images)

    def truth(self) -> LabelledMovie:
        """Open the labels, and look once through those that there are.

        Raises
        ------
        FileNotFoundError
            If there are no labels or no frames.
        ValueError
            If a label has no frame, or its size is not that of the frames.
        """
        shape = self.movie().shape
        if not self.annotations.is_dir():
            raise FileNotFoundError(
                f"{self.name} has no labels: there is no folder {self.annotations}"
            )
        frames = {file.stem: t for t, file in enumerate(frame_files(self.images))}
        if self.overlaps:
            return _overlapping(self, frames, shape)
        files = _by_frame(self.name, self.annotations, frames)
        read = partial(_read_labels, self.name, files, shape[1:])
        found = {t: _ids(read(t)) for t in files}
        return _labelled(self.name, read, found, shape)


@dataclass(frozen=True)
class DataSet:
    """Sequences of one data set.

    Attributes
    ----------
    name : str
        Name of its folder.
    sequences : tuple of Sequence
    """

    name: str
    sequences: tuple[Sequence, ...]


def open_data_set(folder: str | os.PathLike[str]) -> DataSet:
    """List the sequences of a data set.

    Parameters
    ----------
    folder : path
        DAVIS (``JPEGImages/480p``, ``Annotations/480p``, ``ImageSets/2017/val.txt``); MOSE or
        YouTube-VOS (``JPEGImages``, ``Annotations``, where ``meta.json`` may hold the categories
        of objects); SA-V (``JPEGImages_24fps``, ``Annotations_6fps``, and ``sav_val.txt`` or
        ``sav_test.txt``).

    Returns
    -------
    DataSet
        In the order of the list, or of the names. Frames are not read yet.

    Raises
    ------
    FileNotFoundError
        If the folder, its frames or the list of its sequences is missing.
    ValueError
        If the list is empty, or ``meta.json`` is no list of videos.
    """
    place = Path(folder)
    if not place.is_dir():
        raise FileNotFoundError(f"there is no data set {place}")
    if (place / _SA_V).is_dir():
        found = _sa_v(place)
    elif (place / "JPEGImages" / _DAVIS).is_dir():
        found = _davis(place)
    elif (place / "JPEGImages").is_dir():
        found = _youtube(place)
    else:
        raise FileNotFoundError(
            f"{place} is no data set: it has no folder JPEGImages (DAVIS, MOSE, YouTube-VOS) and "
            f"no folder {_SA_V} (SA-V)"
        )
    if not found:
        raise ValueError(f"the data set {place} has no sequence")
    return DataSet(place.resolve().name, found)


def _davis(place: Path) -> tuple[Sequence, ...]:
    images, annotations = place / "JPEGImages" / _DAVIS, place / "Annotations" / _DAVIS
    names = _listed(place / "ImageSets" / "2017" / "val.txt")
    return tuple(Sequence(name, images / name, annotations / name) for name in names)


def _youtube(place: Path) -> tuple[Sequence, ...]:
    images, annotations = place / "JPEGImages", place / "Annotations"
    if not annotations.is_dir():
        raise FileNotFoundError(f"there are no labels: {place} has no folder Annotations")
    categories = read_categories(place / "meta.json") if (place / "meta.json").is_file() else {}
    names = sorted(folder.name for folder in annotations.iterdir() if folder.is_dir())
    return tuple(
        Sequence(name, images / name, annotations / name, categories=categories.get(name, {}))
        for name in names
    )


def _sa_v(place: Path) -> tuple[Sequence, ...]:
    lists = [place / "sav_val.txt", place / "sav_test.txt"]
    names = _listed(next((file for file in lists if file.is_file()), lists[0]))
    images, annotations = place / _SA_V, place / "Annotations_6fps"
    return tuple(Sequence(name, images / name, annotations / name, overlaps=True) for name in names)


def _listed(file: Path) -> list[str]:
    """Names of sequences, one a line."""
    if not file.is_file():
        raise FileNotFoundError(f"the list of sequences is missing: there is no file {file}")
    return file.read_text(encoding="utf-8").split()


def read_categories(file: Path) -> dict[str, dict[int, str]]:
    """Categories of objects from the ``meta.json`` of YouTube-VOS.

    Returns
    -------
    dict
        By sequence, then by object id. Objects without a category are left out.

    Raises
    ------
    ValueError
        If the file does not list objects of videos.
    """
    try:
        videos = json.loads(file.read_text(encoding="utf-8"))["videos"]
        return {
            name: {
                int(object_id): str(known["category"])
                for object_id, known in video["objects"].items()
                if "category" in known
            }
            for name, video in videos.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{file} is not as the meta.json of YouTube-VOS: it must hold videos, their objects "
            f"and a category for each ({error!r})"
        ) from error


def _by_frame(name: str, folder: Path, frames: Mapping[str, int]) -> dict[int, Path]:
    """PNG files by the index of their frame."""
    files = sorted(file for file in folder.glob("*.png") if not file.name.startswith("."))
    if not files:
        raise FileNotFoundError(f"{name} has no labels: there are no PNG files in {folder}")
    lost = [file.name for file in files if file.stem not in frames]
    if lost:
        raise ValueError(
            f"{name} has labels without a frame: {lost[0]} ({len(lost)} in all) has no image of "
            "the same name"
        )
    return {frames[file.stem]: file for file in files}


def _read_labels(name: str, files: Mapping[int, Path], shape: tuple[int, ...], t: int) -> Labels:
    if t not in files:
        return np.zeros(shape, np.int32)
    labels = read_image(files[t], as_labels=True)
    if labels.shape != shape:
        raise ValueError(
            f"in {name}, the labels {files[t].name} have the size {_size(labels.shape)} and the "
            f"frames {_size(shape)}"
        )
    return labels.astype(np.int32, copy=False)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _ids(labels: Labels) -> tuple[int, ...]:
    found = np.unique(labels)
    return tuple(found[found != 0].tolist())


def _labelled(
    name: str, read: Any, found: Mapping[int, tuple[int, ...]], shape: tuple[int, int, int]
) -> LabelledMovie:
    ids = tuple(found.get(t, ()) for t in range(shape[0]))
    data = lazy_stack(read, shape, np.dtype(np.int32))
    return LabelledMovie(data, ids, frozenset(found), name=name)


def _overlapping(
    sequence: Sequence, frames: Mapping[str, int], shape: tuple[int, int, int]
) -> LabelledMovie:
    """Truth of SA-V: a folder of masks for each object, whose name is a number from 0.

    Ids are these numbers plus 1. Where objects overlap, the labels show the first of them.
    """
    folders = {
        int(folder.name) + 1: folder
        for folder in sorted(sequence.annotations.iterdir())
        if folder.is_dir() and folder.name.isdecimal()
    }
    files = {k: _by_frame(sequence.name, folder, frames) for k, folder in folders.items()}
    if not files:
        raise FileNotFoundError(
            f"{sequence.name} has no labels: {sequence.annotations} has no folder of an object"
        )

    def read_mask(t: int, object_id: int) -> Mask:
        return _read_labels(sequence.name, files[object_id], shape[1:], t) > 0

    def read(t: int) -> Labels:
        labels = np.zeros(shape[1:], np.int32)
        for object_id in sorted(files, reverse=True):
            labels[read_mask(t, object_id)] = object_id
        return labels

    annotated = sorted({t for of_object in files.values() for t in of_object})
    found = {t: tuple(k for k in sorted(files) if read_mask(t, k).any()) for t in annotated}
    base = _labelled(sequence.name, read, found, shape)
    return LabelledMovie(
        base.data, base.ids_by_frame, base.annotated, name=base.name, read_mask=read_mask
    )

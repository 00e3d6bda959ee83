"""Data sets of satisfactory masklets, collected from many projects.

A data set is a folder with a part for training and a part for validation, split by movie::

    DATASET/README.md               data card
    DATASET/statistics.json         movies and figures
    DATASET/train/images/NAME.tif   movies, and in labels/ and masklets/ their labels and JSON
    DATASET/validation/...          the same
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_sam2.annotation import Annotation, Status
from napari_sam2.arrays import ArrayLike
from napari_sam2.io.atomic import atomic_folder
from napari_sam2.io.masklets import Masklet, MaskletSource, measure, statistics, write_masklets
from napari_sam2.io.project.dataset_card import data_card
from napari_sam2.io.project.effort import effort_of
from napari_sam2.io.project.images import FoundImage
from napari_sam2.io.project.manifest import Manifest
from napari_sam2.io.project.parts import Deed
from napari_sam2.io.tiff import write_labels, write_stack
from napari_sam2.version import __version__

TRAIN, VALIDATION = "train", "validation"
STATISTICS, CARD = "statistics.json", "README.md"
KINDS: Final = ("images", "labels", "masklets")
VALIDATION_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class ReadProject:
    """A project with everything that a data set needs of it.

    Attributes
    ----------
    path : Path
        Its folder.
    manifest : Manifest
        Its ``session.json``.
    annotation : Annotation
        The document.
    image : FoundImage
        The image.
    deeds : sequence of Deed
        Its history.
    """

    path: Path
    manifest: Manifest
    annotation: Annotation
    image: FoundImage
    deeds: Sequence[Deed]


@dataclass(frozen=True)
class CollectedMovie:
    """A movie of a data set.

    Attributes
    ----------
    name : str
        Name of its files without the suffix.
    project : str
        Name of the project that it is from.
    model : str
        Model of the project.
    fingerprint : str
        Digest of its pixels; movies with the same digest come into the same part.
    frames, height, width : int
        Its size.
    left_out : int
        Objects of the project that are not in the data set.
    masklets : tuple of Masklet
        The masklets.
    """

    name: str
    project: str
    model: str
    fingerprint: str
    frames: int
    height: int
    width: int
    left_out: int
    masklets: tuple[Masklet, ...]


class NothingToCollectError(ValueError):
    """No project holds a satisfactory masklet."""


class Collector:
    """Writes movies into a data set one after the other; used by `collecting`.

    Parameters
    ----------
    folder : Path
        Empty folder.
    validation : float
        Share of the movies for validation, 0..1.

    Attributes
    ----------
    movies : list of CollectedMovie
        Movies so far.
    """

    def __init__(self, folder: Path, validation: float = VALIDATION_SHARE) -> None:
        if not 0 <= validation < 1:
            raise ValueError(f"the share for validation is from 0 up to 1; got {validation}")
        self.movies: list[CollectedMovie] = []
        self._folder = folder
        self._validation = validation
        for kind in KINDS:
            (folder / TRAIN / kind).mkdir(parents=True)

    def add(self, project: ReadProject) -> CollectedMovie | None:
        """Add the satisfactory masklets of a project; None if there are none.

        Raises
        ------
        OSError
            If the image cannot be read, or a file cannot be written.
        """
        sources = _sources(project)
        labels = _Chosen(project.annotation.labels, [source.object_id for source in sources])
        masklets = measure(labels, sources) if sources else ()
        if not any(masklet.masks for masklet in masklets):
            return None
        name = self._free_name(project.manifest.image.name)
        self._write(name, project, labels, masklets)
        length, height, width = labels.shape
        movie = CollectedMovie(
            name,
            project.path.name,
            str(project.manifest.model),
            project.manifest.image.fingerprint,
            length,
            height,
            width,
            len(project.annotation.objects) - len(sources),
            masklets,
        )
        self.movies.append(movie)
        return movie

    def _free_name(self, title: str) -> str:
        stem = re.sub(r"(\.ome)?\.(tiff?|zarr|mp4|avi|gif)$", "", title, flags=re.IGNORECASE)
        plain = re.sub(r"[^\w.-]+", "_", stem)[:60].strip("._") or "movie"
        taken = {movie.name for movie in self.movies}
        names = (plain if n == 1 else f"{plain}_{n}" for n in range(1, len(taken) + 2))
        return next(name for name in names if name not in taken)

    def _write(
        self, name: str, project: ReadProject, labels: _Chosen, masklets: Sequence[Masklet]
    ) -> None:
        part, scale, rgb = self._folder / TRAIN, project.image.scale, project.manifest.image.rgb
        images = _colours(project.image.data) if rgb else project.image.data
        is_still = labels.shape[0] == 1
        if is_still and len(images.shape) - rgb == 3:
            images = np.asarray(images[0])
        write_stack(part / "images" / f"{name}.tif", images, scale, rgb=rgb)
        pixels = labels[0] if is_still else labels
        write_labels(part / "labels" / f"{name}.tif", pixels, scale, compress=False)
        write_masklets(
            part / "masklets" / f"{name}.json",
            name,
            labels,
            masklets,
            project=project.path.name,
            pixel_size=scale.pixel_size,
            unit=scale.unit,
            interval_s=scale.interval_s,
        )

    def finish(self) -> dict[str, Any]:
        """Split the movies, and write statistics and data card.

        Returns
        -------
        dict
            The content of ``statistics.json``.

        Raises
        ------
        NothingToCollectError
            If there is no movie.
        OSError
            If a file cannot be written.
        """
        if not self.movies:
            raise NothingToCollectError("no project holds a satisfactory cell: review some first")
        aside = validation_movies([movie.fingerprint for movie in self.movies], self._validation)
        parts: dict[str, list[CollectedMovie]] = {TRAIN: [], VALIDATION: []}
        for movie in self.movies:
            parts[VALIDATION if movie.fingerprint in aside else TRAIN].append(movie)
        self._move(parts[VALIDATION])
        content = _statistics(parts)
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (self._folder / STATISTICS).write_text(text, encoding="utf-8")
        (self._folder / CARD).write_text(data_card(content), encoding="utf-8")
        return content

    def _move(self, movies: Sequence[CollectedMovie]) -> None:
        for kind in KINDS if movies else ():
            (self._folder / VALIDATION / kind).mkdir(parents=True)
            for movie in movies:
                file = f"{movie.name}.{'json' if kind == 'masklets' else 'tif'}"
                (self._folder / TRAIN / kind / file).rename(self._folder / VALIDATION / kind / file)


def is_dataset(folder: Path) -> bool:
    """Whether a folder is a data set that `Collector` has written."""
    return (folder / STATISTICS).is_file() and (folder / TRAIN / "masklets").is_dir()


def validation_movies(fingerprints: Sequence[str], share: float) -> frozenset[str]:
    """Movies for validation: the same ones each time, at least one of two movies or more.

    Parameters
    ----------
    fingerprints : sequence of str
        Digests of the movies; those that come more than once count once.
    share : float
        Share of the movies, 0..1; 0 takes none.
    """
    different = sorted(set(fingerprints), key=lambda text: blake2b(text.encode()).digest())
    if share == 0 or len(different) < 2:
        return frozenset()
    return frozenset(different[: min(max(round(len(different) * share), 1), len(different) - 1)])


def outdated(annotation: Annotation) -> list[int]:
    """Objects that changed after a person found them satisfactory: they must be judged again."""
    return [
        object_id
        for object_id, known in annotation.objects.items()
        if known.status is Status.REVIEWED and not annotation.is_satisfactory(object_id)
    ]


@contextmanager
def collecting(path: Path, validation: float = VALIDATION_SHARE) -> Iterator[Collector]:
    """Lend a collector for a data set that appears complete or not at all."""
    with atomic_folder(path, is_dataset) as folder:
        yield Collector(folder, validation)


def _sources(project: ReadProject) -> list[MaskletSource]:
    annotation = project.annotation
    edited = {
        row.object_id: row.edited_frames for row in effort_of(project.deeds, annotation).objects
    }
    return [
        _source(annotation, object_id, edited[object_id])
        for object_id in annotation.objects
        if annotation.is_satisfactory(object_id)
    ]


def _source(annotation: Annotation, object_id: int, edited_frames: int) -> MaskletSource:
    verdict = annotation.objects[object_id].verdict
    if verdict is None:
        return MaskletSource(object_id, edited_frames, None, None)
    moment = datetime.fromtimestamp(verdict.at, UTC).isoformat(timespec="seconds")
    return MaskletSource(object_id, edited_frames, verdict.by, moment)


def _statistics(parts: dict[str, list[CollectedMovie]]) -> dict[str, Any]:
    movies = [
        {
            **{name: value for name, value in asdict(movie).items() if name != "masklets"},
            "split": split,
            **statistics(movie.masklets),
        }
        for split, found in parts.items()
        for movie in found
    ]
    everything = [movie for found in parts.values() for movie in found]
    masklets = [masklet for movie in everything for masklet in movie.masklets]
    judges = sorted({m.source.judged_by for m in masklets if m.source.judged_by})
    return {
        "program": f"napari-sam2 {__version__}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "judged_by": judges,
        **{split: _total(found) for split, found in parts.items()},
        "total": _total(everything),
        "movies": movies,
    }


def _total(movies: Sequence[CollectedMovie]) -> dict[str, Any]:
    figures = statistics(masklet for movie in movies for masklet in movie.masklets)
    return {"movies": len(movies), "frames": sum(movie.frames for movie in movies), **figures}


def _colours(data: ArrayLike) -> ArrayLike:
    """An image in colour without its alpha channel."""
    return data if data.shape[-1] == 3 else _WithoutAlpha(data)


class _Lazy(ABC):
    """Base of arrays that are computed a frame at a time."""

    shape: tuple[int, ...]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray([self[t] for t in range(self.shape[0])], dtype)

    @abstractmethod
    def __getitem__(self, key: Any, /) -> Any: ...


class _WithoutAlpha(_Lazy):
    def __init__(self, data: ArrayLike) -> None:
        self._data = data
        self.shape = (*data.shape[:-1], 3)
        self.dtype = data.dtype

    def __getitem__(self, key: Any, /) -> Any:
        return np.asarray(self._data[key])[..., :3]


class _Chosen(_Lazy):
    """Labels of some objects, which are numbered from 1 on in their order."""

    def __init__(self, labels: ArrayLike, object_ids: Sequence[int]) -> None:
        self._labels = labels
        self._ids = np.array(object_ids, np.int64)
        self.shape = tuple(int(size) for size in labels.shape)
        self.dtype = np.dtype(np.uint16)

    def __getitem__(self, key: Any, /) -> Any:
        found = np.asarray(self._labels[key])
        if not len(self._ids):
            return np.zeros(found.shape, np.uint16)
        places = np.minimum(np.searchsorted(self._ids, found), len(self._ids) - 1)
        return np.where(self._ids[places] == found, places + 1, 0).astype(np.uint16)

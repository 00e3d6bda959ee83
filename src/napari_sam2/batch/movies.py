"""The movies of a batch, and their names in the results."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_sam2.batch.plan import Plan
from napari_sam2.io.file_names import natural_order
from napari_sam2.io.formats import is_zarr, stem_of
from napari_sam2.io.image_folder import FRAME_SUFFIXES
from napari_sam2.io.movies import MOVIE_SUFFIXES, TIFF_SUFFIXES
from napari_sam2.io.tiff_series import count_of_movies
from napari_sam2.io.zarr_movie import plate_fields

_UNSAFE = r'[<>:"/\\|?*\x00-\x1f]'  # in names of files, on any system


@dataclass(frozen=True)
class BatchMovie:
    """A movie of a batch.

    Attributes
    ----------
    name : str
        Name of its folder in the results; every movie of a batch has another one.
    path : Path
        File or folder of the movie, absolute.
    plate, well, field : str
        Place on an OME-Zarr plate, such as ``"B3"`` and ``"0"``; empty for other movies.
    series : int or None
        Number of the movie in a file that holds several.
    """

    name: str
    path: Path
    plate: str = ""
    well: str = ""
    field: str = ""
    series: int | None = None

    @property
    def source(self) -> tuple[Path, int | None]:
        """File and number, which no other movie has."""
        return self.path, self.series


def movies_of(plan: Plan) -> tuple[BatchMovie, ...]:
    """All movies that a plan names, in natural order of their paths.

    Results of the batch, and files that are the prompts of another movie, are left out.

    Parameters
    ----------
    plan : Plan
        Its patterns are looked up on the disk.

    Raises
    ------
    ValueError
        If a pattern stands for no movie.
    """
    found: dict[tuple[Path, int | None], BatchMovie] = {}
    for pattern in plan.movies:
        movies = [movie for path in _paths(plan, pattern) for movie in _movies_at(path)]
        if not movies:
            raise ValueError(f"there is no movie {plan.home / pattern}")
        found |= {movie.source: movie for movie in movies}
    movies = _with_names(sorted(found.values(), key=_place_in_list))
    prompts = {plan.prompts_of(movie.name) for movie in movies}
    return tuple(movie for movie in movies if movie.path not in prompts)


def _place_in_list(movie: BatchMovie) -> tuple[Any, int]:
    return natural_order(str(movie.path)), movie.series or 0


def _paths(plan: Plan, pattern: str) -> Iterator[Path]:
    """Files and folders that a pattern stands for; a folder that is named stands for its movies."""
    whole = plan.home / pattern
    if whole.is_dir() and not is_zarr(whole):
        found = _inside(whole) or ([whole] if _has_images(whole) else [])
    else:
        names = [str(whole)] if whole.exists() else glob.glob(str(whole), recursive=True)
        found = [Path(name) for name in names]
    for path in found:
        absolute = path.absolute()
        if not absolute.is_relative_to(plan.output_folder):
            yield absolute


def _inside(folder: Path) -> list[Path]:
    """Movies of a folder, else the folders of images in it; none if it has neither."""
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    movies = [path for path in visible if is_zarr(path) or path.suffix.lower() in MOVIE_SUFFIXES]
    return movies or [path for path in visible if path.is_dir() and _has_images(path)]


def _has_images(folder: Path) -> bool:
    return any(path.suffix.lower() in FRAME_SUFFIXES for path in folder.iterdir())


def _movies_at(path: Path) -> list[BatchMovie]:
    """The movie of a path, the movies of all wells of a plate, or all images of a TIFF file."""
    if path.suffix.lower() in TIFF_SUFFIXES and (count := _count_of_movies(path)) > 1:
        return [BatchMovie(f"{_stem(path)}_{k}", path, series=k) for k in range(count)]
    if not (fields := plate_fields(path) if is_zarr(path) else ()):
        return [BatchMovie(_stem(path), path)]
    return [
        BatchMovie(
            f"{_stem(path)}_{each.well}_{each.field}",
            each.path,
            plate=each.plate,
            well=each.well,
            field=each.field,
        )
        for each in fields
    ]


def _count_of_movies(path: Path) -> int:
    """Number of movies in a TIFF file; 1 where it cannot be read, which its own task reports."""
    try:
        return count_of_movies(path)
    except (OSError, ValueError):
        return 1


def _stem(path: Path) -> str:
    """Name of a file without the suffixes of movies and of TIFF dialects."""
    name = stem_of(path.name)
    ends = [suffix for suffix in MOVIE_SUFFIXES if name.lower().endswith(suffix)]
    return name[: len(name) - max(map(len, ends), default=0)].removesuffix(".ome") or path.name


def _with_names(movies: Sequence[BatchMovie]) -> list[BatchMovie]:
    """Movies with names that differ: where two are alike, both get the names of their folders."""
    counts = Counter(movie.name.casefold() for movie in movies)
    clashing = {movie.source for movie in movies if counts[movie.name.casefold()] > 1}
    root = Path(os.path.commonpath([path.parent for path, _ in clashing])) if clashing else Path()
    named = []
    for movie in movies:
        is_unique = movie.source not in clashing
        name = movie.name if is_unique else "_".join(movie.path.relative_to(root).parts)
        if not is_unique and movie.series is not None:
            name = f"{name}_{movie.series}"
        named.append(replace(movie, name=re.sub(_UNSAFE, "_", name)))
    again = Counter(movie.name.casefold() for movie in named)
    if clashes := [str(movie.path) for movie in named if again[movie.name.casefold()] > 1]:
        raise ValueError(f"these movies need names that differ: {', '.join(clashes)}")
    return named

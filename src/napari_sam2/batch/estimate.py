"""Preview of a batch: what there is to do, and how long it takes by one measured frame."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_sam2.batch.movie_task import (
    MovieTask,
    finished_record,
    network_of,
    opened,
    task_key,
    tracking_steps,
    volume_tracker,
    weights_digest,
)
from napari_sam2.batch.movies import movies_of
from napari_sam2.batch.plan import Plan
from napari_sam2.io.volumes import VolumeMovie


@dataclass(frozen=True)
class MoviePreview:
    """What a batch would do with a movie.

    Attributes
    ----------
    name : str
        Name of the movie.
    path : Path
        Its file or folder.
    frames : int
        Its length; 0 if it cannot be opened.
    is_finished : bool
        Whether its results are there and would be kept.
    error : str
        Why it would fail; empty if nothing speaks against it.
    """

    name: str
    path: Path
    frames: int
    is_finished: bool
    error: str = ""


@dataclass(frozen=True)
class Pace:
    """Time that one measured movie takes.

    Attributes
    ----------
    begin_s : float
        Seconds from the first prompt or search to the first frame.
    frame_s : float
        Seconds for each further frame.
    """

    begin_s: float
    frame_s: float


@dataclass(frozen=True)
class Preview:
    """What a batch would do.

    Attributes
    ----------
    movies : tuple of MoviePreview
        All movies of the plan.
    pace : Pace or None
        Of the first movie to track; None if there is none.
    """

    movies: tuple[MoviePreview, ...]
    pace: Pace | None

    @property
    def to_track(self) -> tuple[MoviePreview, ...]:
        """Movies that would be tracked."""
        return tuple(each for each in self.movies if not each.is_finished and not each.error)

    @property
    def seconds(self) -> float:
        """Time on one worker, if all movies are like the one that was measured."""
        if self.pace is None:
            return 0.0
        frames = sum(movie.frames for movie in self.to_track)
        return len(self.to_track) * self.pace.begin_s + frames * self.pace.frame_s


def preview_batch(plan: Plan, *, resume: bool = True) -> Preview:
    """Look up what a batch would do, and measure one frame; nothing is written.

    Parameters
    ----------
    plan : Plan
        The plan.
    resume : bool
        As for `run_batch`.

    Raises
    ------
    FileNotFoundError
        If the model has not been downloaded.
    ValueError
        If the plan names no movies or an unknown model.
    """
    weights = weights_digest(plan)
    tasks = [MovieTask(movie, plan, weights, resume) for movie in movies_of(plan)]
    movies = tuple(map(_preview, tasks))
    chosen = next((task for task, each in zip(tasks, movies, strict=True) if _is_open(each)), None)
    return Preview(movies, None if chosen is None else measure_pace(chosen))


def _is_open(movie: MoviePreview) -> bool:
    return not movie.is_finished and not movie.error


def _preview(task: MovieTask) -> MoviePreview:
    name, path = task.movie.name, task.movie.path
    try:
        movie = opened(task)
        record = finished_record(task, task_key(task, movie))
    except (OSError, ValueError) as error:
        return MoviePreview(name, path, 0, False, str(error))
    return MoviePreview(name, path, movie.shape[0], record is not None)


def measure_pace(task: MovieTask) -> Pace:
    """Track the first frames of a movie, and measure their time.

    Raises
    ------
    OSError, ValueError
        If movie, prompts or model cannot be read or do not fit.
    """
    network_of(task.plan)  # the time to load it does not count
    movie = opened(task)
    if isinstance(movie, VolumeMovie):
        return _pace_of_volumes(task, movie)
    _, steps = tracking_steps(task, movie)
    start = begun = time.perf_counter()
    with closing(steps):
        for step in steps:
            now = time.perf_counter()
            if step.stage in ("prompts", "replay") or step.done <= 1:
                begun = now
            else:
                ways = 2 if task.plan.verify else 1  # the way back takes about as long
                return Pace(begun - start, ways * (now - begun))
    return Pace(begun - start, 0.0)


def _pace_of_volumes(task: MovieTask, movie: VolumeMovie) -> Pace:
    """Time to the first tracked volume, and from there to the next."""
    start = time.perf_counter()
    begun: float | None = None
    labels = np.zeros(movie.shape, np.uint32)
    for step in volume_tracker(task, movie).track(labels, task.plan.direction):
        now = time.perf_counter()
        if step.is_written and begun is not None:
            return Pace(begun - start, now - begun)
        begun = now if step.is_written else begun
    return Pace((begun or time.perf_counter()) - start, 0.0)

"""One movie of a batch: open it, track it, and write all its results at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path

from napari_sam2.annotation import Annotation
from napari_sam2.batch.movies import BatchMovie
from napari_sam2.batch.outputs import write_exports, write_results
from napari_sam2.batch.plan import AUTO, Plan
from napari_sam2.batch.record import (
    MovieRecord,
    is_corrected,
    project_of,
    read_record,
    write_record,
)
from napari_sam2.batch.siblings import replay_steps, work_digest
from napari_sam2.batch.summary import record_of
from napari_sam2.batch.tracking_run import (
    RunStep,
    check_backward,
    track_changed,
    track_found_objects,
    track_prompts,
)
from napari_sam2.batch.volume_task import prompted_tracker, track_in_3d
from napari_sam2.batch.windows import windows_of_run
from napari_sam2.io.atomic import atomic_folder
from napari_sam2.io.movie import Movie
from napari_sam2.io.movie_frames import MovieFrames
from napari_sam2.io.movies import open_selection, open_stack
from napari_sam2.io.project import PROJECT_SUFFIX
from napari_sam2.io.project.fingerprint import image_fingerprint
from napari_sam2.io.project.manifest import read_manifest
from napari_sam2.io.project.reading import is_same_model
from napari_sam2.io.prompt_files import files_of_prompts, read_prompts
from napari_sam2.io.selection import Selection
from napari_sam2.io.volumes import VolumeMovie, volumes_of
from napari_sam2.model import Sam2, load_model
from napari_sam2.model.checkpoint import named_or_file
from napari_sam2.model.registry import checkpoint_path
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.volumes import VolumeStep, VolumeTracker

_FORMAT = 1  # of the results; another number makes all movies be tracked again

Tell = Callable[[RunStep], None]


@dataclass(frozen=True)
class MovieTask:
    """The work on one movie, in a form that travels to another computer.

    Attributes
    ----------
    movie : BatchMovie
        The movie.
    plan : Plan
        The plan of the batch.
    weights : str
        From `weights_digest`.
    resume : bool
        Whether results that are there and unchanged are kept.
    only_corrected : bool
        Whether only a project that was corrected is tracked again, from its corrections.
    run : str
        Identifier of the run of the batch. A worker may die after it has written the results of a
        movie and before the scheduler has heard of it: then they are recognised, and kept.
    """

    movie: BatchMovie
    plan: Plan
    weights: str
    resume: bool = True
    only_corrected: bool = False
    run: str = ""

    @property
    def part(self) -> Selection:
        """The part of the file that is the movie."""
        series = self.movie.series
        return self.plan.part if series is None else replace(self.plan.part, series=series)

    @property
    def folder(self) -> Path:
        """Folder of the results."""
        return self.plan.output_folder / self.movie.name


@dataclass(frozen=True)
class Done:
    """Outcome of a task.

    Attributes
    ----------
    record : MovieRecord
        Of the results.
    is_new : bool
        Whether they were computed in this run; False if they were there before.
    """

    record: MovieRecord
    is_new: bool


def do_task(task: MovieTask, tell: Tell | None = None) -> Done:
    """Track a movie, or track its project again from its corrections.

    Parameters
    ----------
    task : MovieTask
        The work to do.
    tell : callable, optional
        Gets every step.

    Raises
    ------
    OSError, ValueError
        As `track_movie` and `track_corrected` do.
    """
    return track_corrected(task, tell) if task.only_corrected else track_movie(task, tell)


def track_movie(task: MovieTask, tell: Tell | None = None) -> Done:
    """Track a movie and write its results, all at once or not at all.

    Parameters
    ----------
    task : MovieTask
        The work to do.
    tell : callable, optional
        Gets every step.

    Returns
    -------
    Done
        With the record of results that are there already, if they are those of this task.

    Raises
    ------
    FileNotFoundError
        If the movie or its prompts are not there.
    FileExistsError
        If the folder of the results holds something else, or a project that was corrected.
    ValueError
        If movie, prompts or model cannot be read or do not fit.
    OSError
        If the results cannot be written.
    """
    start = time.perf_counter()
    movie = opened(task)
    key = task_key(task, movie)
    record = finished_record(task, key)
    if record is not None:
        return Done(record, is_new=record.run == task.run)
    with atomic_folder(task.folder, _is_ours) as folder:
        if isinstance(movie, VolumeMovie):
            found = _track_volumes(task, movie, folder, tell)
        else:
            found = _track_frames(task, movie, folder, tell)
        seconds = time.perf_counter() - start
        record = found.model_copy(update={"key": key, "seconds": seconds, "run": task.run})
        write_record(folder, record)
    return Done(record, is_new=True)


def opened(task: MovieTask) -> Movie | VolumeMovie:
    """Open the movie of a task, or its volumes where the plan tracks in 3D; nothing is read.

    Raises
    ------
    FileNotFoundError, ValueError
        As `open_movie` and `open_volumes` do.
    """
    if not task.plan.is_3d:
        return open_selection(task.movie.path, task.part)
    stack = open_stack(task.movie.path, series=task.part.series)
    return replace(volumes_of(stack, task.part), path=task.movie.path)


def _track_frames(task: MovieTask, movie: Movie, folder: Path, tell: Tell | None) -> MovieRecord:
    annotation, steps = tracking_steps(task, movie)
    _follow(steps, tell)
    if task.plan.verify:
        _follow(check_backward(annotation), tell)
    return write_results(folder, task.movie, task.plan, movie, annotation)


def _track_volumes(
    task: MovieTask, movie: VolumeMovie, folder: Path, tell: Tell | None
) -> MovieRecord:
    def pass_on(step: VolumeStep) -> None:
        if tell is not None:
            tell(RunStep("planes", step.done, step.total))

    if tell is not None:
        tell(RunStep("planes", 0, 0))
    tracker = volume_tracker(task, movie)
    return track_in_3d(folder, task.movie, task.plan, movie, tracker, pass_on)


def volume_tracker(task: MovieTask, movie: VolumeMovie) -> VolumeTracker:
    """A tracker of volumes with the prompts of a task.

    Raises
    ------
    FileNotFoundError, ValueError
        As `prompted_tracker` does.
    """
    prompts = task.plan.prompts_of(task.movie.name)
    assert prompts is not None  # the plan was checked
    return prompted_tracker(network_of(task.plan), movie, prompts)


def track_corrected(task: MovieTask, tell: Tell | None = None) -> Done:
    """Track the changed objects of a corrected project, save it, and write all exports again.

    Parameters
    ----------
    task : MovieTask
        The movie.
    tell : callable, optional
        Gets every step.

    Returns
    -------
    Done
        With the record that is there if the project was not corrected.

    Raises
    ------
    FileNotFoundError
        If the movie was not tracked yet.
    ProjectError
        If the project is open in another program, damaged or of another image.
    OSError
        If the results cannot be written.
    """
    start = time.perf_counter()
    record = read_record(task.folder)
    if record is None:
        raise FileNotFoundError(f"{task.movie.name} was not tracked yet: run the batch first")
    if not is_corrected(task.folder, record):
        return Done(record, is_new=record.run == task.run)
    movie, project = open_selection(task.movie.path, task.part), project_of(task.folder)
    with Annotation.load(project, _network_for(project, task.plan), movie=movie) as annotation:
        _follow(track_changed(annotation), tell)
        if task.plan.verify:
            _follow(check_backward(annotation), tell)
        annotation.save()
        write_exports(task.folder, task.plan, movie, annotation)
        found = record_of(task.movie, movie, annotation, project)
    seconds = time.perf_counter() - start
    known = {"key": record.key, "seconds": seconds, "run": task.run}
    after = found.model_copy(update=known)
    write_record(task.folder, after)
    return Done(after, is_new=True)


def _network_for(project: Path, plan: Plan) -> Sam2 | None:
    """The network of the plan; None if the project was continued with another one."""
    network = network_of(plan)
    return network if is_same_model(read_manifest(project), network) else None


def _follow(steps: Iterable[RunStep], tell: Tell | None) -> None:
    for step in steps:
        if tell is not None:
            tell(step)


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds results of a batch whose project was not corrected."""
    record = read_record(folder)
    return record is not None and not is_corrected(folder, record)


def finished_record(task: MovieTask, key: str) -> MovieRecord | None:
    """Record of results that are there already; None if the movie has to be tracked.

    Parameters
    ----------
    task : MovieTask
        The work on a movie.
    key : str
        From `task_key`.

    Raises
    ------
    FileExistsError
        If the movie has to be tracked and its project was corrected: that work is never replaced.
    """
    record = read_record(task.folder)
    if record is None:
        return None
    if record.key == key and (task.resume or record.run == task.run):
        return record
    if is_corrected(task.folder, record):
        raise FileExistsError(
            f"the project in {task.folder} was corrected since it was tracked: move the folder "
            "away, then the movie is tracked from the beginning"
        )
    return None


def tracking_steps(task: MovieTask, movie: Movie) -> tuple[Annotation, Generator[RunStep]]:
    """An annotation of an opened movie, and the steps that track its objects.

    Raises
    ------
    FileNotFoundError
        If the prompts are not there.
    ValueError
        If movie, prompts or model do not fit.
    """
    plan, prompts = task.plan, task.plan.prompts_of(task.movie.name)
    network = network_of(plan)
    if prompts is not None and prompts.suffix == PROJECT_SUFFIX:
        return replay_steps(prompts, network, movie)
    frames = MovieFrames(movie)
    given = [] if prompts is None else read_prompts(prompts, movie.shape)
    windows = plan.windows or windows_of_run(network, movie.shape, given, plan.cell_size)
    annotation = Annotation(Tracker(network, frames, windows=windows))
    if prompts is None:
        return annotation, track_found_objects(annotation, network, frames, plan.finding)
    return annotation, track_prompts(annotation, given, plan.direction)


def task_key(task: MovieTask, movie: Movie | VolumeMovie) -> str:
    """Digest of all that the results of a movie depend on.

    Parameters
    ----------
    task : MovieTask
        Its settings, the weights and the prompts count, with the mask images that they name.
    movie : Movie or VolumeMovie
        The opened movie; three frames or volumes of it are read.

    Raises
    ------
    FileNotFoundError
        If the prompts are not there.
    """
    elsewhere = {"movies", "output", "home", "model", "device", "prompts", "exports"}
    elsewhere |= {"measurements"}  # the table of all movies is written anew each time
    elsewhere |= {"axes", "channel", "z", "frame_range"}  # the fingerprint tells other pixels
    if not task.plan.verify:  # results of plans that did not know the key stay
        elsewhere |= {"verify"}
    if task.plan.windows is None:
        elsewhere |= {"windows"}
    prompts = task.plan.prompts_of(task.movie.name)
    parts = {
        "format": _FORMAT,
        "plan": task.plan.model_dump(mode="json", exclude=elsewhere),
        "exports": sorted(set(task.plan.exports)),
        "prompts": AUTO if prompts is None else _prompts_digest(prompts),
        "weights": task.weights,
        "movie": image_fingerprint(movie.data),
    }
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _prompts_digest(prompts: Path) -> str | list[str]:
    """Digest of a project, or of a prompt file and each of its mask images."""
    if prompts.suffix == PROJECT_SUFFIX:
        return work_digest(prompts)
    return [_file_digest(path) for path in files_of_prompts(prompts)]


def weights_digest(plan: Plan) -> str:
    """Digest of the checkpoint file of a plan.

    Raises
    ------
    FileNotFoundError
        If it has not been downloaded.
    ValueError
        If there is no such model.
    """
    source = named_or_file(plan.model_name)
    return _file_digest(source if isinstance(source, Path) else checkpoint_path(source))


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def network_of(plan: Plan) -> Sam2:
    """The network of a plan, which is loaded once in each process."""
    return _network(plan.model_name, plan.device, plan.image_size, plan.fast, plan.local)


@lru_cache(maxsize=1)
def _network(name: str, device: str, image_size: int | None, fast: bool, local: bool) -> Sam2:
    return load_model(
        named_or_file(name),
        device,
        image_size=image_size,
        precision="fast" if fast else "exact",
        memory_reach="local" if local else "whole",
    )

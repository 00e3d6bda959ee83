"""Run a batch: all movies of a plan, and the report."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from filelock import FileLock, Timeout

from napari_sam2.batch.measurements import write_measurement_table
from napari_sam2.batch.movie_task import MovieTask, do_task, weights_digest
from napari_sam2.batch.movies import movies_of
from napari_sam2.batch.plan import Plan
from napari_sam2.batch.report import write_report
from napari_sam2.batch.results import (
    TRIES,
    BatchReport,
    MovieResult,
    failure,
    may_pass,
    not_reached,
    sorted_report,
    success,
)
from napari_sam2.batch.watcher import Quiet, Watcher

if TYPE_CHECKING:
    from distributed import Client

_LOCK = ".batch.lock"
_TEMPORARY = re.compile(r"\.[0-9a-f]{8}-(?:old-)?(.+)")  # folders of `napari_sam2.io.atomic`


def run_batch(
    plan: Plan,
    client: Client | None = None,
    *,
    resume: bool = True,
    only_corrected: bool = False,
    watcher: Watcher | None = None,
) -> BatchReport:
    """Track all movies of a plan, each with its own folder of results, and write the report.

    Parameters
    ----------
    plan : Plan
        From `read_plan` or `plan_of_folder`.
    client : distributed.Client, optional
        Its workers track the movies. By default this process does, one movie after the other.
    resume : bool
        Whether results of an earlier run are kept if plan, model and movie are unchanged.
    only_corrected : bool
        Whether, in place of all this, the projects that were corrected since the batch wrote them
        are tracked again from their corrections, saved and exported again.
    watcher : Watcher, optional
        Sees how far the batch is.

    Returns
    -------
    BatchReport
        With a result for every movie. A movie that cannot be tracked does not end the batch.

    Raises
    ------
    FileNotFoundError
        If the model has not been downloaded.
    ValueError
        If the plan names no movies or an unknown model.
    RuntimeError
        If another program runs a batch with the same folder of results.
    OSError
        If the folder of the results or the report cannot be written.
    """
    weights = weights_digest(plan)
    movies, run = movies_of(plan), uuid4().hex
    tasks = [MovieTask(movie, plan, weights, resume, only_corrected, run) for movie in movies]
    results = {task.movie.name: not_reached(task) for task in tasks}
    watcher = watcher or Quiet()
    plan.output_folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(plan.output_folder, results):
        watcher.begun(list(results))
        try:
            for result in _outcomes(tasks, client, watcher):
                results[result.name] = result
                watcher.ended(result)
        finally:
            report = sorted_report(plan.output_folder, list(results.values()))
            write_report(report)
            write_measurement_table(report, plan.measurements)
    return report


def _outcomes(
    tasks: Sequence[MovieTask], client: Client | None, watcher: Watcher
) -> Iterator[MovieResult]:
    if client is None:
        return _track_here(tasks, watcher)
    from napari_sam2.batch.workers import track_on_workers  # with packages of an extra

    return track_on_workers(client, tasks, watcher)


def _track_here(tasks: Sequence[MovieTask], watcher: Watcher) -> Iterator[MovieResult]:
    """Track the movies in this process, one after the other."""
    for task in tasks:
        tell = partial(watcher.step, task.movie.name)
        for tries in range(1, TRIES + 1):
            try:
                yield success(task, do_task(task, tell), tries)
                break
            except Exception as error:
                if tries == TRIES or not may_pass(error):
                    yield failure(task, error, tries)
                    break


@contextmanager
def _alone_in(output: Path, names: Collection[str]) -> Iterator[None]:
    """Keep other batches out of a folder; remove what killed ones have left there."""
    lock = FileLock(output / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RuntimeError(f"another program runs a batch in {output}; wait for its end") from None
    try:
        _remove_incomplete(output, names)
        yield
    finally:
        _remove_incomplete(output, names)
        lock.release()


def _remove_incomplete(output: Path, names: Collection[str]) -> None:
    """Remove the temporary folders of movies whose worker was killed."""
    for path in output.glob(".*"):
        found = _TEMPORARY.fullmatch(path.name)
        if found is not None and found[1] in names and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)

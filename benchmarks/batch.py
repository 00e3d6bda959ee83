"""Measure what a batch costs: beside a plain loop, and for each of many movies in the scheduler.

The first part tracks the same movies by a plain loop, which opens a movie, tracks it and writes its
labels, measurements and possible divisions, and as a batch. The second part sends many movies,
whose work is a pause of a random length, through a scheduler with its workers.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from distributed import Client, LocalCluster, Worker, WorkerPlugin

from napari_sam2.annotation import Annotation
from napari_sam2.batch import Plan, run_batch, workers
from napari_sam2.batch.movie_task import Done, MovieTask, network_of
from napari_sam2.batch.movies import BatchMovie, movies_of
from napari_sam2.batch.record import MovieRecord
from napari_sam2.batch.tracking_run import track_prompts
from napari_sam2.batch.watcher import Quiet
from napari_sam2.io.measure import write_measurements
from napari_sam2.io.movies import open_movie
from napari_sam2.io.prompt_files import read_prompts
from napari_sam2.io.samples import synthetic_movie
from napari_sam2.io.tables import write_divisions
from napari_sam2.io.tiff import write_images, write_labels
from napari_sam2.io.tracked import TrackedLabels
from napari_sam2.tracking import Frames, Tracker

SPREAD = 0.5  # of the logarithm of a movie's time: most take half to twice the median
THUMBNAIL = "x" * 8000  # as long as the picture in a real record


def main() -> None:
    """Run both parts and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--movies", type=int, default=3)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--cells", type=int, default=6)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pause-ms", type=float, default=10.0, help="median of a stand-in movie")
    parser.add_argument("--threads", action="store_true", help="workers in this process")
    arguments = parser.parse_args()
    if arguments.movies:
        with TemporaryDirectory() as folder:
            compare_with_loop(Path(folder), arguments)
    if arguments.tasks:
        simulate(arguments)


def compare_with_loop(home: Path, arguments: argparse.Namespace) -> None:
    """Track the movies by a loop and as a batch, in turns, and print the times of each movie."""
    for name in ("movies", "prompts"):
        (home / name).mkdir()
    size = (arguments.side, arguments.side)
    for number in range(arguments.movies):
        sample = synthetic_movie("phase", size, arguments.frames, arguments.cells, seed=number)
        write_images(home / f"movies/{number}.tif", sample.images, sample.scale)
        write_labels(home / f"prompts/{number}.tif", sample.labels[0])
    plan = Plan(
        movies=("movies/*.tif",), prompts="prompts/{name}.tif", output=Path("out"), home=home
    )
    network_of(plan)
    loop, batch = [], []
    for number, movie in enumerate(movies_of(plan)):
        one = plan.model_copy(update={"movies": (str(movie.path),), "output": Path(f"out{number}")})
        loop.append(timed(lambda movie=movie: track_by_hand(plan, movie, home / "labels.tif")))
        batch.append(timed(lambda one=one: run_batch(one)))
    for what, column in (("seconds that passed", 0), ("seconds of a core", 1)):
        plain, ours = np.median(loop, axis=0)[column], np.median(batch, axis=0)[column]
        print(
            f"{what}, for each movie of {arguments.frames} frames: loop {plain:.2f}, batch "
            f"{ours:.2f}, {ours - plain:+.2f} ({(ours - plain) / plain:+.1%})"
        )


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that pass while work is done, and those of a core."""
    start, core = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - core


def track_by_hand(plan: Plan, movie: BatchMovie, output: Path) -> None:
    """Track a movie as ``track --divisions`` does, and measure it as ``export`` does."""
    opened, prompts = open_movie(movie.path), plan.prompts_of(movie.name)
    assert prompts is not None
    annotation = Annotation(Tracker(network_of(plan), Frames(opened.data)))
    for _ in track_prompts(annotation, read_prompts(prompts, opened.shape)):
        pass
    write_labels(output, annotation.labels, opened.scale)
    tracked = TrackedLabels(annotation.labels, scale=opened.scale, channels={"image": opened.data})
    write_measurements(output.with_suffix(".csv"), tracked)
    write_divisions(output.with_suffix(".divisions.csv"), annotation.propose_divisions())


class Pauses(WorkerPlugin):
    """Workers pause in place of tracking.

    Parameters
    ----------
    seconds : dict of str to float
        Length of the pause by the name of the movie.
    """

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds

    def setup(self, worker: Worker) -> None:
        """Replace the work in a worker that starts."""

        def pause(task: MovieTask, tell: object) -> Done:
            seconds = self.seconds[task.movie.name]
            time.sleep(seconds)
            return Done(record_of(task, seconds), is_new=True)

        workers.do_task = pause


def record_of(task: MovieTask, seconds: float) -> MovieRecord:
    """A record as large as a real one."""
    counts = dict.fromkeys(
        ("frames", "cells", "divisions", "possible_divisions", "masks", "doubtful", "worst_frame"),
        1,
    )
    return MovieRecord(
        name=task.movie.name,
        movie=str(task.movie.path),
        key="",
        thumbnail=THUMBNAIL,
        seconds=seconds,
        finished=datetime.now(UTC),
        project="",
        **counts,
    )


def simulate(arguments: argparse.Namespace) -> None:
    """Send stand-ins of movies through a scheduler, and print the overhead of each."""
    numbers = np.random.default_rng(0).normal(size=arguments.tasks)
    lengths = arguments.pause_ms / 1000 * np.exp(SPREAD * numbers)
    plan = Plan(movies=("*.tif",), output=Path("out"))
    tasks = [
        MovieTask(BatchMovie(f"movie{number:05}", Path(f"/movie{number:05}.tif")), plan, "")
        for number in range(arguments.tasks)
    ]
    seconds = {task.movie.name: float(s) for task, s in zip(tasks, lengths, strict=True)}
    work = workers.do_task
    cluster = LocalCluster(
        n_workers=arguments.workers,
        threads_per_worker=1,
        processes=not arguments.threads,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )
    with cluster, Client(cluster, set_as_default=False) as client:
        client.register_plugin(Pauses(seconds))
        start = time.perf_counter()
        results = list(workers.track_on_workers(client, tasks, Quiet()))
        wall = time.perf_counter() - start
    workers.do_task = work
    share = sum(seconds.values()) / arguments.workers
    done = sum(result.state == "done" for result in results)
    print(f"{done} of {len(tasks)} stand-in movies on {arguments.workers} workers: {wall:.1f} s")
    print(f"pauses alone: {share:.1f} s; overhead {1000 * (wall - share) / len(tasks):.2f} ms each")


if __name__ == "__main__":
    main()

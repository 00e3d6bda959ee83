"""Track the movies of a batch on the workers of Dask."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

import dask
from distributed import Client, Future, KilledWorker, Worker, get_worker
from distributed.client import FutureCancelledError

from napari_sam2.batch.movie_task import Done, MovieTask, do_task
from napari_sam2.batch.results import TRIES, MovieResult, failure, may_pass, success
from napari_sam2.batch.tracking_run import RunStep
from napari_sam2.batch.watcher import Watcher

_INTERVAL_S = 0.5  # between two messages about the progress of a movie
_PATIENCE_S = 20.0  # until the workers have left the frame that they track when a batch is stopped
_GPU = "GPU"  # name of the resource that workers with a GPU declare
_CHECK_S = 2.0  # from one look whether the scheduler is there to the next
_WITHOUT_WORKERS_S = 300.0  # that a scheduler may have no worker after it was started again
_NO_WORKERS = "the scheduler was started again and has no workers: start them again, too"
_BEGUN, _ENDED = "begun", "ended"  # in place of a stage, when a worker takes and leaves a movie
_one_movie_at_a_time = threading.Lock()  # in each process: a network serves one movie


def track_on_workers(
    client: Client, tasks: Sequence[MovieTask], watcher: Watcher
) -> Iterator[MovieResult]:
    """Track each movie on a worker; results come in the order in which they are ready.

    If a worker declares the resource ``GPU``, every movie asks for one. A movie whose worker died
    is given to another worker by the scheduler, as often as the scheduler allows. A movie whose
    disk or memory was short is tried again, three times in all, and so is one on its way when the
    scheduler is started again. If the scheduler does not come back, or comes back without workers,
    the movies that are left fail.

    Parameters
    ----------
    client : Client
        A client of the scheduler.
    tasks : sequence of MovieTask
        The movies.
    watcher : Watcher
        Sees the steps of all movies, in the thread of the client.

    Yields
    ------
    MovieResult
        One for each movie.
    """
    run = _Run(client, watcher)
    for task in tasks:
        run.submit(task, 1)
    try:
        while run.waiting:
            result = run.next_result()
            if result is not None:
                yield result
    finally:
        run.close()


class _Run:
    """Gives movies to the workers, and hears of their steps.

    Attributes
    ----------
    waiting : dict of Future to (MovieTask, int)
        Movies without a result, and which try of each it is.
    """

    def __init__(self, client: Client, watcher: Watcher) -> None:
        self.waiting: dict[Future, tuple[MovieTask, int]] = {}
        self._begun: Counter[str] = Counter()
        self._running: set[str] = set()
        self._without_workers_since: float | None = None  # after the connection was lost
        self._done: SimpleQueue[Future] = SimpleQueue()
        self._client, self._watcher = client, watcher
        self._resources = _resources(client)
        self._topic = f"batch-{uuid4().hex[:8]}"
        client.subscribe_topic(self._topic, self._hear)

    def submit(self, task: MovieTask, tries: int) -> None:
        """Give a movie to the scheduler."""
        key = f"track-movie-{self._topic}-{task.movie.name}-{tries}"
        future = self._client.submit(
            work_on, task, self._topic, key=key, pure=False, resources=self._resources
        )
        self.waiting[future] = (task, tries)
        future.add_done_callback(self._done.put)

    def next_result(self) -> MovieResult | None:
        """Wait for the next movie; None if it is tried again, or none is ready yet."""
        future = self._next_future()
        if future is None or future not in self.waiting:
            return None
        task, tries = self.waiting.pop(future)
        if self._has_no_workers and future.status != "finished":
            return failure(task, ConnectionError(_NO_WORKERS), max(tries, 1))
        begun = max(tries, self._begun[task.movie.name])
        try:
            return success(task, future.result(timeout=_PATIENCE_S), begun)
        except FutureCancelledError:  # the scheduler was started again or is gone
            error: Exception = ConnectionError("the connection to the scheduler was lost")
            self._lost()
        except Exception as raised:
            error = raised
        if tries < TRIES and may_pass(error) and self._is_connected:
            self.submit(task, tries + 1)
            return None
        return failure(task, _readable(error), begun)

    def _lost(self) -> None:
        """Begin anew after the connection was lost."""
        self._without_workers_since = time.monotonic()
        self._running.clear()  # the workers of the scheduler before end by themselves
        if self._is_connected:  # the new scheduler does not know that somebody listens
            self._client.unsubscribe_topic(self._topic)
            self._client.subscribe_topic(self._topic, self._hear)

    def _next_future(self) -> Future | None:
        try:
            return self._done.get(timeout=_CHECK_S)
        except Empty:
            is_working = self._is_connected and not self._has_no_workers
            return None if is_working else next(iter(self.waiting))

    @property
    def _has_no_workers(self) -> bool:
        """Whether the scheduler was started again, and has had no worker for too long."""
        since = self._without_workers_since
        if since is None:
            return False
        if self._client.status == "running" and self._client.nthreads():
            self._without_workers_since = None
            return False
        return time.monotonic() - since > _WITHOUT_WORKERS_S

    @property
    def _is_connected(self) -> bool:
        return self._client.status in ("running", "connecting")

    def _hear(self, event: tuple[float, Any]) -> None:
        name, stage, done, total = event[1]
        if stage == _BEGUN:
            self._begun[name] += 1
            self._running.add(name)
        elif stage == _ENDED:
            self._running.discard(name)
        else:
            self._watcher.step(name, RunStep(stage, done, total))

    def close(self) -> None:
        """Cancel what is left, and wait until the workers have left these movies."""
        if self._client.status != "running":
            return
        self._client.cancel(list(self.waiting), force=True)
        end = time.monotonic() + _PATIENCE_S
        while self._running and time.monotonic() < end and self._client.status == "running":
            time.sleep(0.1)
        self._client.unsubscribe_topic(self._topic)


def _resources(client: Client) -> dict[str, int] | None:
    """What each movie asks of its worker: a GPU, if any worker declares one."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return {_GPU: 1} if any(worker["resources"].get(_GPU) for worker in workers) else None


def work_on(task: MovieTask, topic: str) -> Done:
    """Track a movie in the process of a worker, and send its steps to the client.

    Parameters
    ----------
    task : MovieTask
        The movie.
    topic : str
        Topic of the messages.
    """
    worker, name = get_worker(), task.movie.name
    # frames are read here, not as tasks of the cluster, which is what Dask does within a worker
    with _one_movie_at_a_time, dask.config.set(scheduler="synchronous"):
        worker.log_event(topic, (name, _BEGUN, 0, 0))
        try:
            return do_task(task, _Teller(worker, topic, name))
        finally:
            worker.log_event(topic, (name, _ENDED, 0, 0))


class _Teller:
    """Sends steps of a movie to the client, not more than two a second; ends cancelled work."""

    def __init__(self, worker: Worker, topic: str, name: str) -> None:
        self._worker, self._topic, self._name = worker, topic, name
        self._key = worker.get_current_task()
        self._last = 0.0

    def __call__(self, step: RunStep) -> None:
        task = self._worker.state.tasks.get(self._key)
        if task is None or task.state == "cancelled":
            raise RuntimeError("the batch was stopped")
        if time.monotonic() - self._last >= _INTERVAL_S:
            self._last = time.monotonic()
            message = (self._name, step.stage, step.done, step.total)
            self._worker.log_event(self._topic, message)


def _readable(error: Exception) -> Exception:
    """An error in words for the user."""
    if isinstance(error, KilledWorker):
        return RuntimeError(
            f"{error.allowed_failures + 1} workers died while they tracked this movie: it may need "
            "more memory than a worker has"
        )
    return error

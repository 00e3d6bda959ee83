"""A scheduler of Dask in a process of its own, which ends or starts again in the middle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, Worker

from napari_sam2.annotation.recovery import tracker_of
from napari_sam2.batch import movie_task, read_plan, run_batch, workers
from napari_sam2.batch.results import MovieResult
from napari_sam2.batch.watcher import Quiet
from tests.batch.scheduler_process import SchedulerProcess


@pytest.fixture
def scheduler() -> Iterator[SchedulerProcess]:
    scheduler = SchedulerProcess()
    yield scheduler
    scheduler.kill()


@pytest.fixture
def client(scheduler: SchedulerProcess) -> Iterator[Client]:
    with Client(scheduler.address, timeout="60s", set_as_default=False) as client:
        add_worker(client, scheduler.address)
        yield client


def add_worker(client: Client, address: str) -> None:
    """Start a worker in this process, which has the tiny network."""

    async def start(**_: Any) -> None:
        await Worker(address, nthreads=1, dashboard=False)

    client.sync(start)


class AfterTheFirst(Quiet):
    """Does something when movie a is done, while movie b is on its way; then b goes on."""

    def __init__(self, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
        self._act = act
        self._may_go_on = threading.Event()
        self._track = movie_task.track_prompts
        monkeypatch.setattr(movie_task, "track_prompts", self._held)

    def _held(self, annotation: Any, *arguments: Any) -> Iterator[Any]:
        if Path(tracker_of(annotation).frames.movie.path).stem == "b":
            assert self._may_go_on.wait(60)
        yield from self._track(annotation, *arguments)

    def ended(self, result: MovieResult) -> None:
        if result.name == "a":
            self._act()
            self._may_go_on.set()


@pytest.fixture
def outcome(
    wells: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], None]], dict[str, MovieResult]]:
    """Run a batch of two movies in which something happens after the first one."""

    def run(act: Callable[[], None]) -> dict[str, MovieResult]:
        watcher = AfterTheFirst(act, monkeypatch)
        report = run_batch(read_plan(wells / "plan.toml"), client, watcher=watcher)
        assert (wells / "out/report.html").is_file()
        return {each.name: each for each in report.results}

    return run


def test_a_movie_on_its_way_is_tried_again(
    scheduler: SchedulerProcess, client: Client, outcome: Any
) -> None:
    def restart() -> None:
        scheduler.kill()
        scheduler.start()
        add_worker(client, scheduler.address)

    results = outcome(restart)
    assert [(results[name].state, results[name].tries) for name in "ab"] == [
        ("done", 1),
        ("done", 2),
    ]


def test_a_batch_without_its_scheduler_ends_with_a_report(
    scheduler: SchedulerProcess, client: Client, outcome: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_timeout", 1.0)
    results = outcome(scheduler.kill)
    assert (results["a"].state, results["b"].state) == ("done", "failed")
    assert results["b"].error == "the connection to the scheduler was lost"


def test_a_scheduler_that_comes_back_without_workers_is_not_waited_for_without_end(
    scheduler: SchedulerProcess, outcome: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_WITHOUT_WORKERS_S", 0.5)

    def restart() -> None:
        scheduler.kill()
        scheduler.start()

    results = outcome(restart)
    assert (results["a"].state, results["b"].state) == ("done", "failed")
    assert "has no workers" in results["b"].error

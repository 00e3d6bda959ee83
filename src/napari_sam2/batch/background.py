"""The process of a batch: ``python -m napari_sam2.batch.background PLAN.toml WORKERS``.

With a third argument ``corrected``, only corrected projects are tracked again.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.batch.listening import listening
from napari_sam2.batch.plan import Plan, read_plan
from napari_sam2.batch.process import (
    CORRECTED,
    LINES,
    BatchBegun,
    BatchEnded,
    Message,
    MovieAdvanced,
    MovieEnded,
)
from napari_sam2.batch.record import project_of
from napari_sam2.batch.report import REPORT_PAGE, sentence_of
from napari_sam2.batch.results import MovieResult
from napari_sam2.batch.run import run_batch
from napari_sam2.batch.tracking_run import RunStep

if TYPE_CHECKING:
    from distributed import Client

POLITENESS = 5  # of the process towards others, as the command `nice` counts it
_INTERVAL_S = 0.3  # between two messages about the progress of a movie

Say = Callable[[Message], None]


class Reporter:
    """A watcher that sends messages.

    Parameters
    ----------
    output : Path
        Folder of the results.
    say : callable
        Takes the messages; it may be called in several threads.
    """

    def __init__(self, output: Path, say: Say) -> None:
        self._output, self._say = output, say
        self._last: dict[str, float] = {}  # when the last message about a movie was sent

    def begun(self, names: Sequence[str]) -> None:
        """Send the names of the movies."""
        self._say(BatchBegun(tuple(names)))

    def step(self, name: str, step: RunStep) -> None:
        """Send how far a movie is, a few times a second."""
        now = time.monotonic()
        if now - self._last.get(name, 0.0) >= _INTERVAL_S:
            self._last[name] = now
            self._say(MovieAdvanced(name, step.stage, step.done, step.total))

    def ended(self, result: MovieResult) -> None:
        """Send the outcome of a movie."""
        self._say(ended_of(result, self._output))


def ended_of(result: MovieResult, output: Path) -> MovieEnded:
    """The outcome of a movie as a message."""
    name, record = result.name, result.record
    if record is None:
        return MovieEnded(name, result.state, result.error)
    project = str(project_of(output / name))
    share = record.doubtful_share
    return MovieEnded(name, result.state, result.error, record.cells, share, project)


def run(plan: Plan, workers: int, say: Say, *, only_corrected: bool = False) -> None:
    """Run a batch; a KeyboardInterrupt ends it, and the report is written nevertheless.

    Parameters
    ----------
    plan : Plan
        The plan.
    workers : int
        Movies at a time; 1 tracks them in this process.
    say : callable
        Takes the messages.
    only_corrected : bool
        Whether only corrected projects are tracked again.

    Raises
    ------
    ValueError, RuntimeError, OSError, ImportError
        As `run_batch`, and if Dask is not installed but needed.
    """
    page = plan.output_folder / REPORT_PAGE
    try:
        with _client(workers) as client:
            watcher = Reporter(plan.output_folder, say)
            report = run_batch(plan, client, only_corrected=only_corrected, watcher=watcher)
    except KeyboardInterrupt:
        say(BatchEnded("Stopped. Start again to track the other movies.", _if_there(page)))
    else:
        say(BatchEnded(sentence_of(report), str(page)))


def _if_there(path: Path) -> str:
    return str(path) if path.exists() else ""


def _client(workers: int) -> AbstractContextManager[Client | None]:
    if workers == 1:
        return nullcontext()
    from napari_sam2.batch.clusters import local_client  # with packages of an extra

    return local_client(workers)


def main(plan: Path, workers: int, *, only_corrected: bool = False) -> None:
    """Run a batch and report on standard output."""
    if hasattr(os, "nice"):
        os.nice(POLITENESS)
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries and workers print goes to the log
    lock = threading.Lock()

    def say(message: Message | str) -> None:
        with lock, suppress(OSError):  # the window may be gone
            pipe.write(f"{LINES.to_line(message)}\n")
            pipe.flush()

    with listening():
        try:
            run(read_plan(plan), workers, say, only_corrected=only_corrected)
        except Exception as error:  # every failure must reach the window in words
            traceback.print_exc()
            text = " ".join(str(error).split()) or type(error).__name__
            say(f"{text[0].upper()}{text[1:]}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), only_corrected=CORRECTED in sys.argv[3:])

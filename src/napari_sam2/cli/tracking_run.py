"""Tracking with a progress bar."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from napari_sam2.batch.tracking_run import RunStep


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on stderr, gone when it is done; nothing where stderr is not a screen."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        yield bar


def follow(steps: Iterable[RunStep]) -> float:
    """Do the work of a generator with a progress bar for each of its stages.

    Parameters
    ----------
    steps : iterable of RunStep
        From `napari_sam2.batch.tracking_run`.

    Returns
    -------
    float
        Steps of the last stage per second: frames, for all objects together.
    """
    start, done, task = time.perf_counter(), 0, None
    with progress_bar() as bar:
        for step in steps:
            if step.done == 0:
                start = time.perf_counter()
                task = bar.add_task(step.stage, total=step.total, rate="")
            if task is not None:
                rate = "" if step.stage == "prompts" else f"{_rate(step.done, start):.2f} frames/s"
                bar.update(task, completed=step.done, total=step.total, rate=rate)
            done = step.done
    return _rate(done, start)


def _rate(done: int, start: float) -> float:
    return done / max(time.perf_counter() - start, 1e-9)

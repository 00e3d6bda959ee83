"""What a batch shows on the screen: progress bars, and the preview of a dry run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from types import TracebackType
from typing import Self

import typer
from rich.progress import TaskID

from napari_sam2.batch.estimate import MoviePreview, Preview
from napari_sam2.batch.results import MovieResult
from napari_sam2.batch.tracking_run import RunStep
from napari_sam2.cli.tracking_run import progress_bar


class BatchScreen:
    """A bar for all movies, and one for each movie that is being tracked.

    A watcher of `napari_sam2.batch.run_batch`, and a context manager.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._bars: dict[str, TaskID] = {}
        self._ended: set[str] = set()

    def __enter__(self) -> Self:
        self._progress = self._stack.enter_context(progress_bar())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def begun(self, names: Sequence[str]) -> None:
        """Show the bar for all movies."""
        self._all = self._progress.add_task("movies", total=len(names), rate="")

    def step(self, name: str, step: RunStep) -> None:
        """Show how far a movie is."""
        if name in self._ended:  # a message that was on its way
            return
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, rate="")
        self._progress.update(
            self._bars[name], completed=step.done, total=step.total, rate=step.stage
        )

    def ended(self, result: MovieResult) -> None:
        """Remove the bar of a movie, and count the movie."""
        self._ended.add(result.name)
        if result.name in self._bars:
            self._progress.remove_task(self._bars.pop(result.name))
        self._progress.advance(self._all)


def say_preview(preview: Preview, workers: int = 1) -> None:
    """List the movies of a dry run, and how long they take.

    Parameters
    ----------
    preview : Preview
        From `napari_sam2.batch.preview_batch`.
    workers : int
        Movies that are tracked at the same time.
    """
    for movie in preview.movies:
        typer.echo(f"{movie.name}: {_plain(movie)}")
    count = len(preview.to_track)
    seconds = preview.seconds / max(1, min(workers, count))
    typer.echo(
        f"{count} of {len(preview.movies)} movies to track, about "
        f"{timedelta(seconds=round(seconds))} (h:mm:ss)"
    )


def _plain(movie: MoviePreview) -> str:
    if movie.error:
        return f"would fail: {movie.error}"
    return "finished" if movie.is_finished else f"{movie.frames} frames to track"

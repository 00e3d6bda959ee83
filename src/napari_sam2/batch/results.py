"""Results of a batch: the outcome of each movie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_sam2.batch.movie_task import Done, MovieTask
from napari_sam2.batch.record import MovieRecord, read_record

TRIES = 3  # of a movie whose worker died or whose disk failed
_LASTING = (FileNotFoundError, FileExistsError, PermissionError, NotADirectoryError)
State = Literal["done", "unchanged", "failed", "stopped"]


@dataclass(frozen=True)
class MovieResult:
    """Outcome of one movie of a batch.

    Attributes
    ----------
    name : str
        Name of the movie.
    movie : str
        Its file or folder.
    state : str
        ``"done"``, ``"unchanged"`` where the results were there already, ``"failed"``, or
        ``"stopped"`` where the batch ended before.
    record : MovieRecord or None
        Of the results, if there are any.
    error : str
        Reason of a failure.
    tries : int
        How often the work was begun.
    """

    name: str
    movie: str
    state: State
    record: MovieRecord | None = None
    error: str = ""
    tries: int = 1


@dataclass(frozen=True)
class BatchReport:
    """Outcome of a batch.

    Attributes
    ----------
    output : Path
        Folder of all results.
    results : tuple of MovieResult
        One for each movie, the ones to look at first in front: failed ones, those without cells,
        and then by the share of doubtful masks.
    """

    output: Path
    results: tuple[MovieResult, ...]

    @property
    def failed(self) -> tuple[MovieResult, ...]:
        """Movies without results: those that failed, and those that were not reached."""
        return tuple(each for each in self.results if each.state in ("failed", "stopped"))

    @property
    def is_complete(self) -> bool:
        """Whether all movies have results."""
        return not self.failed

    def count(self, state: State) -> int:
        """How many movies are in a state."""
        return sum(each.state == state for each in self.results)


def sorted_report(output: Path, results: Sequence[MovieResult]) -> BatchReport:
    """A report in which the movies to look at first are in front."""
    return BatchReport(output, tuple(sorted(results, key=_urgency)))


def _urgency(result: MovieResult) -> tuple[int, float, str]:
    record = result.record
    if result.state == "failed" or record is None:
        return (0 if result.state == "failed" else 1), 0.0, result.name
    return (2 if record.cells == 0 else 3), -record.doubtful_share, result.name


def success(task: MovieTask, done: Done, tries: int) -> MovieResult:
    """Result of a movie that was tracked, or that was there already."""
    state: State = "done" if done.is_new else "unchanged"
    return MovieResult(task.movie.name, str(task.movie.path), state, done.record, tries=tries)


def failure(task: MovieTask, error: BaseException, tries: int) -> MovieResult:
    """Result of a movie that could not be tracked; a corrected one keeps the results it has."""
    reason = " ".join(str(error).split()) or type(error).__name__
    record = read_record(task.folder) if task.only_corrected else None
    return MovieResult(task.movie.name, str(task.movie.path), "failed", record, reason, tries)


def not_reached(task: MovieTask) -> MovieResult:
    """Result of a movie before the work on it has begun."""
    return MovieResult(task.movie.name, str(task.movie.path), "stopped", tries=0)


def may_pass(error: BaseException) -> bool:
    """Whether a second try may succeed: memory or disk were short, not the movie wrong."""
    return isinstance(error, OSError | MemoryError) and not isinstance(error, _LASTING)

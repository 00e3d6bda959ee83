"""Run a batch in a separate process, so that a window stays fluid and survives its end.

The process reads the plan from a file. It ends as with Ctrl+C when it is asked to stop, and when
its input ends: the process and its workers end with the program that started them, however that
ends. Finished movies are kept, and the report is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_sam2.io.worker_process import MessageLines, WorkerProcess

MODULE = "napari_sam2.batch.background"
PLAN, LOG = "plan.toml", "batch.log"  # in the folder of the results
CORRECTED = "corrected"  # argument of the process


class BatchFailedError(Exception):
    """A batch could not be run; the message is a sentence for the user."""


@dataclass(frozen=True)
class BatchRequest:
    """What to do with the movies of a folder.

    Attributes
    ----------
    folder : Path
        Folder of the movies.
    output : Path
        Folder of the results.
    prompts : str
        As in `napari_sam2.batch.Plan`.
    workers : int
        Movies at a time; with 1, they are tracked without Dask.
    settings : mapping of str to object
        Other keys of the plan.
    only_corrected : bool
        Whether, in place of all this, the corrected projects of an earlier batch with these results
        are tracked again, by the plan of that batch.
    """

    folder: Path
    output: Path
    prompts: str
    workers: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    only_corrected: bool = False


@dataclass(frozen=True)
class BatchBegun:
    """The batch has begun with these movies."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class MovieAdvanced:
    """The work on a movie has come a step further; see `napari_sam2.batch.tracking_run.RunStep`."""

    name: str
    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class MovieEnded:
    """The work on a movie has ended.

    Attributes
    ----------
    name : str
        Name of the movie.
    state : str
        As in `napari_sam2.batch.MovieResult`.
    error : str
        Reason of a failure.
    cells : int or None
        Cells that were tracked; None without results.
    doubtful_share : float
        Share of masks that are doubtful, 0 to 1.
    project : str
        Path of the project; empty without results.
    """

    name: str
    state: str
    error: str = ""
    cells: int | None = None
    doubtful_share: float = 0.0
    project: str = ""


@dataclass(frozen=True)
class BatchEnded:
    """The batch has ended, and its report is written.

    Attributes
    ----------
    text : str
        The counts as a sentence for the user.
    report : str
        Path of the report; empty if there is none.
    """

    text: str
    report: str


Message = BatchBegun | MovieAdvanced | MovieEnded | BatchEnded
LINES: MessageLines[Message] = MessageLines(
    (BatchBegun, MovieAdvanced, MovieEnded, BatchEnded), BatchFailedError
)


class BatchProcess(WorkerProcess[Message]):
    """A batch that runs in another process.

    Parameters
    ----------
    output : Path
        Folder of the results, with the plan in `PLAN`.
    workers : int
        Movies at a time.
    only_corrected : bool
        Whether only corrected projects are tracked again.

    Raises
    ------
    OSError
        If no process can be started.
    """

    def __init__(self, output: Path, workers: int, *, only_corrected: bool = False) -> None:
        threads = max(1, (os.cpu_count() or 2) - 1)  # one core is left to the window
        arguments = [str(output / PLAN), str(workers), *([CORRECTED] if only_corrected else [])]
        super().__init__(MODULE, arguments, output / LOG, threads, LINES)

    @classmethod
    def start(cls, request: BatchRequest) -> BatchProcess:
        """Write the plan of a request, and start its process.

        For corrected projects, the plan that is there is used.

        Raises
        ------
        FileNotFoundError
            If there are no corrected projects because no batch has run with these results.
        ValueError
            If the folder has no movies, or a setting is wrong.
        OSError
            If the folder of the results cannot be written, or no process can be started.
        """
        if request.only_corrected:
            if not (request.output / PLAN).is_file():
                raise FileNotFoundError(
                    f"there are no results in {request.output} yet: press Start first"
                )
            return cls(request.output, request.workers, only_corrected=True)
        from napari_sam2.batch.movies import movies_of  # needs torch
        from napari_sam2.batch.plan import plan_of_folder, write_plan

        plan = plan_of_folder(
            request.folder, request.prompts, request.output.absolute(), **request.settings
        )
        movies_of(plan)  # so that an empty folder is reported before a process starts
        request.output.mkdir(parents=True, exist_ok=True)
        write_plan(request.output / PLAN, plan)
        return cls(request.output, request.workers)

    def messages(self) -> Iterator[Message]:
        """Messages until the batch has ended; waits for each of them.

        Raises
        ------
        BatchFailedError
            If it fails, or its process ends without a word.
        """
        try:
            yield from self.messages_until(
                BatchEnded,
                "The program that tracks the movies ended too early (code {code}). The computer "
                "may have run out of memory: close other programs, or track fewer movies at the "
                "same time. Finished movies are kept: press Start again for the others.",
            )
        finally:
            self.wait()

"""What the workers of a test have in place of the network, and how one of them dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distributed import Worker, WorkerPlugin

from napari_sam2.annotation.recovery import tracker_of
from napari_sam2.batch import movie_task
from tests.tracking.tiny import build_tiny_model


class TinyWorker(WorkerPlugin):
    """Workers have a tiny network, log what they write, and die once in the middle of a movie.

    Parameters
    ----------
    log : Path
        Gets a line with the name of each movie whose results were written.
    fatal : str
        Name of the movie that kills the first worker that tracks it.
    """

    def __init__(self, log: Path, fatal: str = "") -> None:
        self.log, self.fatal = log, fatal

    def setup(self, worker: Worker) -> None:
        track, write = movie_task.track_prompts, movie_task.write_record

        def track_prompts(annotation: Any, *arguments: Any) -> Iterator[Any]:
            name = Path(tracker_of(annotation).frames.movie.path).stem
            for step in track(annotation, *arguments):
                yield step
                if name == self.fatal and (step.stage, step.done) == ("tracking", 1):
                    self._die_once()

        def write_record(folder: Path, record: Any) -> None:
            write(folder, record)
            with self.log.open("a") as file:
                file.write(f"{record.name}\n")

        movie_task.load_model = lambda *_, **__: build_tiny_model()
        movie_task.track_prompts = track_prompts
        movie_task.write_record = write_record

    def _die_once(self) -> None:
        marker = self.log.with_suffix(".died")
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

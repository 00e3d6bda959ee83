"""Work on all frames of an image, in the inference thread: progress, and an end by the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from napari_sam2.plugin.protocol.messages import Report, Work, WorkAdvanced, WorkEnded

CANCELLED: Mapping[Work, str] = {
    "import": "Import cancelled; no labels were imported.",
    "divisions": "The search for possible divisions was cancelled.",
    "check": "Verifying was cancelled.",
}


class WorkCancelledError(Exception):
    """The user cancelled work on all frames; nothing was changed."""

    def __init__(self, work: Work) -> None:
        super().__init__(CANCELLED[work])


@dataclass(frozen=True, eq=False)
class LongWork:
    """Work on all frames of an image.

    Parameters
    ----------
    work : Work
        What is done.
    image : int
        Number of the image.
    frames : int
        Number of its frames.
    report : callable
        Called with every report of the progress.
    is_cancelled : callable
        Returns whether the user cancelled the work.
    """

    work: Work
    image: int
    frames: int
    report: Callable[[Report], None]
    is_cancelled: Callable[[], bool]

    @contextmanager
    def begun(self) -> Iterator[Callable[[int, int], None]]:
        """Report begin and end, and give what is called with the frames done and all frames."""
        self.report(WorkAdvanced(self.image, 0, self.frames, self.work))
        try:
            yield self._advance
        finally:
            self.report(WorkEnded(self.image))

    def _advance(self, done: int, total: int) -> None:
        self.report(WorkAdvanced(self.image, done, total, self.work))
        if self.is_cancelled():
            raise WorkCancelledError(self.work)

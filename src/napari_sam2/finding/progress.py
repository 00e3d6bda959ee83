"""Progress of a search for objects, and the way to stop it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with the steps that are done and the number of steps known so far."""
ShouldStop = Callable[[], bool]


class FindingStopped(Exception):
    """The search for objects was stopped by `should_stop`; nothing was changed."""


class Steps:
    """Counts the steps of a search, reports them, and stops the search when asked to.

    Parameters
    ----------
    progress : callable, optional
        Called with (done, total) after each step.
    should_stop : callable, optional
        Asked before each step.
    """

    def __init__(
        self, progress: Progress | None = None, should_stop: ShouldStop | None = None
    ) -> None:
        self._progress = progress
        self._should_stop = should_stop
        self._done = 0
        self._total = 0

    def expect(self, count: int) -> None:
        """Add steps to the total."""
        self._total += count
        self.check()

    def advance(self, count: int = 1) -> None:
        """Report that steps are done.

        Raises
        ------
        FindingStopped
            If the search shall stop.
        """
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)
        self.check()

    def check(self) -> None:
        """Raise `FindingStopped` if the search shall stop."""
        if self._should_stop is not None and self._should_stop():
            raise FindingStopped("the search was stopped; nothing was changed")

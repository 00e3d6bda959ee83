"""Propagation: an iterator of results that does its work while the results are taken."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator, Iterator
from typing import Any

from napari_sam2.tracking.results import FrameResult

UNUSED = (
    "a propagation was dropped before its first result, so nothing was tracked: each frame is "
    "tracked when its result is taken, as in `for result in tracker.propagate(): ...`"
)


class Propagation(Generator[FrameResult, None, None]):
    """Results that warn if they are dropped before the first one was taken.

    Nothing has been computed then, as with a coroutine that is never awaited. A propagation that
    is closed does not warn.

    Parameters
    ----------
    results : generator of FrameResult
        Does the work.
    source : iterator of FrameResult, optional
        The propagation that `results` takes its own results from; it is closed together with this
        one, so that only one of the two warns.
    """

    def __init__(
        self,
        results: Generator[FrameResult, None, None],
        source: Iterator[FrameResult] | None = None,
    ) -> None:
        self._results = results
        self._source = source
        self._is_used = False

    def send(self, value: None) -> FrameResult:
        """Compute the next result."""
        self._is_used = True
        return self._results.send(value)

    def throw(self, *error: Any) -> FrameResult:
        """Raise an error inside the propagation."""
        self._is_used = True
        return self._results.throw(*error)

    def close(self) -> None:
        """End the propagation; the results so far are kept."""
        self._is_used = True
        self._results.close()
        if isinstance(self._source, Generator):
            self._source.close()

    def __del__(self) -> None:
        """Warn, unless a result was taken or the propagation was closed."""
        if getattr(self, "_is_used", True) or sys.is_finalizing():
            return
        self.close()
        warnings.warn(UNUSED, RuntimeWarning, stacklevel=2)

"""Watchers see how far a batch is, for a progress bar or a log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from napari_sam2.batch.results import MovieResult
from napari_sam2.batch.tracking_run import RunStep


class Watcher(Protocol):
    """Sees how far a batch is; `step` may be called in another thread than `run_batch`."""

    def begun(self, names: Sequence[str]) -> None:
        """The batch has begun with these movies."""
        ...

    def step(self, name: str, step: RunStep) -> None:
        """The work on a movie has come a step further."""
        ...

    def ended(self, result: MovieResult) -> None:
        """The work on a movie has ended."""
        ...


class Quiet:
    """A watcher that does nothing."""

    def begun(self, names: Sequence[str]) -> None:
        """Do nothing."""

    def step(self, name: str, step: RunStep) -> None:
        """Do nothing."""

    def ended(self, result: MovieResult) -> None:
        """Do nothing."""

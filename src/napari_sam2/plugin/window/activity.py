"""The progress bar of a run in napari's activity dock."""

from __future__ import annotations

from typing import Any

from napari.utils import cancelable_progress


class ActivityBar:
    """Shows at most one progress bar; napari requires that it is made in the GUI thread."""

    def __init__(self) -> None:
        self._bar: Any = None

    @property
    def is_cancelled(self) -> bool:
        """Whether the user pressed Cancel beside the bar."""
        return self._bar is not None and bool(self._bar.is_canceled)

    def begin(self, total: int, work: str) -> None:
        """Show a bar with `total` steps and the name of the work."""
        self.end()
        self._bar = cancelable_progress(total=total, desc=f"SAM 2: {work}")

    def advance(self, done: int) -> None:
        """Show how many steps are done."""
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def end(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

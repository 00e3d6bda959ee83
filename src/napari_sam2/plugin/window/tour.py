"""The tour of the first run: four tips, each of which waits until the user has done it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Deeds:
    """What the user has done, as far as the tour asks for it.

    Parameters
    ----------
    cells : int
        Number of cells.
    is_tracked : bool
        Whether the cells were tracked since the last change.
    t : int
        The shown frame.
    """

    cells: int = 0
    is_tracked: bool = False
    t: int = 0


@dataclass(frozen=True)
class Tip:
    """A tip of the tour.

    Parameters
    ----------
    text : str
        What to do.
    is_done : callable
        Returns whether it is done, given what the user had done when the tip was shown, and now.
    """

    text: str
    is_done: Callable[[Deeds, Deeds], bool]


TIPS = (
    Tip("Click a dark cell in the image: it is outlined.", lambda _, now: now.cells >= 1),
    Tip("Press N, then click another cell.", lambda _, now: now.cells >= 2),
    Tip("Press K: both cells are tracked through the movie.", lambda _, now: now.is_tracked),
    Tip("Drag the slider below the image: check the outlines.", lambda was, now: now.t != was.t),
)
END = "That was the tour. A click corrects a mask, then K tracks again. Export… writes the result."


class Tour:
    """Goes from tip to tip.

    Parameters
    ----------
    on_end : callable
        Called with whether the tour was taken to its end, once it is over.
    """

    def __init__(self, on_end: Callable[[bool], None]) -> None:
        self._on_end = on_end
        self._number: int | None = None
        self._before = Deeds()

    @property
    def text(self) -> str | None:
        """The tip to show; None while there is no tour."""
        if self._number is None:
            return None
        return f"Tour, {self._number + 1} of {len(TIPS)}: {TIPS[self._number].text}"

    def start(self) -> None:
        """Begin with the first tip."""
        self._number, self._before = 0, Deeds()

    def look(self, now: Deeds) -> None:
        """Go on if the user has done what the tip says."""
        while self._number is not None and TIPS[self._number].is_done(self._before, now):
            self._before = now
            self._number = self._number + 1 if self._number + 1 < len(TIPS) else None
            if self._number is None:
                self._on_end(True)

    def skip(self) -> None:
        """End the tour."""
        if self._number is not None:
            self._number = None
            self._on_end(False)

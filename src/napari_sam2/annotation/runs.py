"""A running propagation or backward check, with the number of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam2.annotation.backward_check import CheckStep
    from napari_sam2.tracking import FrameResult


@dataclass
class TrackingRun:
    """A propagation or backward check, and how far it has come.

    Parameters
    ----------
    steps : iterator of FrameResult or CheckStep
        From `Annotation.propagate` or `Annotation.check_backward`.
    total : int
        How many steps there are at most.

    Attributes
    ----------
    done : int
        How many steps were made.
    damaged : set of int
        Frames that were left out because they cannot be read.
    """

    steps: Iterator[FrameResult | CheckStep]
    total: int
    done: int = 0
    damaged: set[int] = field(default_factory=set)

    def advance(self) -> FrameResult | CheckStep | None:
        """Make one step; None at the end.

        Raises
        ------
        FrameOutOfReach
            If the drive of the images is gone. What was done stays, and a later propagation of
            what changed continues there.
        """
        result = next(self.steps, None)
        if result is not None:
            self.done += 1
            if result.problem is not None and result.t is not None:
                self.damaged.add(result.t)
        return result

    def close(self) -> None:
        """End the propagation; what was done stays."""
        close = getattr(self.steps, "close", None)
        if close is not None:
            close()

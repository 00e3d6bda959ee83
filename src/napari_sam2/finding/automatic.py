"""Automatic masklets: objects are found on a frame, tracked, and new ones are looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam2.finding.proposals import Proposal
from napari_sam2.tracking.results import FrameResult

KNOWN = 0.2  # share of a proposal on tracked objects, from here on it is none that is new

Find = Callable[[int], Sequence[Proposal]]
LabelsOf = Callable[[int], NDArray[Any]]


class MaskTracker(Protocol):
    """The calls of a tracker or an annotation that are made here."""

    def add_mask(self, t: int, object_id: int, mask: ArrayLike) -> FrameResult:
        """Give an object its mask on a frame."""
        ...

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Any = "forward",
        object_ids: Any = None,
        *,
        only_changed: bool = False,
    ) -> Iterator[FrameResult]:
        """Track objects through frames."""
        ...


def track_found(
    tracker: MaskTracker,
    find: Find,
    labels_of: LabelsOf,
    length: int,
    look_every: int | None = None,
) -> Iterator[FrameResult]:
    """Find objects on the first frame, track them, and look for new ones every few frames.

    A proposal that lies beside all tracked objects becomes an object from its frame on.

    Parameters
    ----------
    tracker : Tracker or Annotation
        Without objects.
    find : callable
        Gives the proposals of a frame.
    labels_of : callable
        Gives the (Y, X) labels of a frame that was tracked.
    length : int
        Frames of the movie.
    look_every : int, optional
        Frames from one search to the next. Default: only the first frame is searched.

    Yields
    ------
    FrameResult
        Masks of the objects on one frame.

    Raises
    ------
    ValueError
        If `look_every` is not positive.
    """
    if look_every is not None and look_every < 1:
        raise ValueError(f"look_every must be at least 1 frame; got {look_every}")
    step = look_every or length
    count = 0
    for start in range(0, length, step):
        taken = labels_of(start) > 0
        for proposal in find(start):
            if is_new(proposal, taken):
                count += 1
                tracker.add_mask(start, count, proposal.mask.full())
        if count:
            stop = min(start + step + 1, length)  # the next search sees what was tracked
            yield from tracker.propagate(start, stop, "forward", only_changed=True)


def is_new(proposal: Proposal, taken: NDArray[np.bool_]) -> bool:
    """Whether a proposal lies beside what is tracked already, (Y, X) bool."""
    covered = int((taken[proposal.mask.window] & proposal.mask.crop).sum())
    return covered < KNOWN * proposal.area

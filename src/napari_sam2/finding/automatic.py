"""Automatic masklets: objects are found on a frame, tracked, and compared with what is found later.

While objects are tracked, the frames are searched for cells again. A cell beside all objects
becomes a new object. An object that has drifted off its cell, or was lost a moment ago, takes the
outline of the cell that is found there. Where two cells lie in one mask, as after a division, the
object keeps one of them, and the other one becomes a new object. Objects that few of the searches
find again are taken for dirt or shadows, and are removed at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam2.arrays import is_at_border
from napari_sam2.finding.comparison import compare
from napari_sam2.finding.proposals import Proposal
from napari_sam2.tracking.results import FrameResult

KNOWN = 0.2  # share of a proposal on tracked objects, from here on it is none that is new
GAP = 3  # frames for which an object may be lost, and still be found again at its place
LEAST_FOUND = 0.25  # share of searches that find a cell; dirt and shadows had 0.12 at most

Find = Callable[[int], Sequence[Proposal]]
LabelsOf = Callable[[int], NDArray[Any]]


class MaskTracker(Protocol):
    """The calls of a tracker or an annotation that are made here."""

    def add_mask(self, t: int, object_id: int, mask: ArrayLike) -> FrameResult:
        """Give an object its mask on a frame."""
        ...

    def remove_object(self, object_id: int) -> None:
        """Forget an object."""
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
    """Find objects on the first frame, track them, and search again every few frames.

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
    register = _Register(tracker, labels_of)
    for start in range(0, length, step):
        register.search(start, find(start))
        if register.count:
            stop = min(start + step + 1, length)  # the next search sees what was tracked
            yield from tracker.propagate(start, stop, "forward", only_changed=True)
    for object_id in register.unconfirmed():
        tracker.remove_object(object_id)


class _Register:
    """The objects that were found, and how often searches have found them again.

    Parameters
    ----------
    tracker : MaskTracker
        Gets the objects.
    labels_of : callable
        Gives the (Y, X) labels of a frame.

    Attributes
    ----------
    count : int
        Number of objects so far, which is the number of the last one.
    """

    def __init__(self, tracker: MaskTracker, labels_of: LabelsOf) -> None:
        self._tracker = tracker
        self._labels_of = labels_of
        self._looked: Counter[int] = Counter()  # searches on frames on which an object has a mask
        self._found: Counter[int] = Counter()  # those of them that found the object
        self._last = 0  # frame of the last search
        self._births: dict[int, int] = {}  # frame of the first mask
        self.count = 0

    def search(self, t: int, proposals: Sequence[Proposal]) -> None:
        """Compare the objects of a frame with its proposals, and give them to the tracker."""
        labels = self._labels_of(t)
        seen = compare(proposals, labels)
        present = [int(key) for key in np.unique(labels) if key]
        lost = found_again(dict(enumerate(seen.new)), self._vanished(t, present))
        again = {object_id: seen.new[number] for number, object_id in lost.items()}
        new = {}
        for number, proposal in enumerate(seen.new):
            if number not in lost:
                self.count += 1
                new[self.count] = proposal
                self._births[self.count] = t
        for object_id, proposal in {**seen.redrawn, **again, **new}.items():
            self._tracker.add_mask(t, object_id, proposal.mask.full())
        self._last = t
        self._looked.update([*present, *again, *new])
        self._found.update([*seen.confirmed, *seen.redrawn, *again, *new])

    def _vanished(self, t: int, present: Sequence[int]) -> dict[int, NDArray[np.bool_]]:
        """Last mask of each object that was lost on the last frames."""
        vanished: dict[int, NDArray[np.bool_]] = {}
        for before in range(t - 1, max(t - 1 - GAP, -1), -1):
            labels = self._labels_of(before)
            for object_id in np.unique(labels).tolist():
                if object_id and object_id not in present and object_id not in vanished:
                    vanished[object_id] = labels == object_id
        return vanished

    def unconfirmed(self) -> list[int]:
        """Objects that hardly any search has found again, or none of several.

        A search that takes a shadow for a cell seldom finds one again where it was tracked to. The
        share is small, since a dim cell may be overlooked on most frames, and an object too much is
        removed with one click.
        """
        return [
            object_id
            for object_id, birth in self._births.items()
            if self._found[object_id] < LEAST_FOUND * self._looked[object_id]
            or (self._found[object_id] < 2 and birth < self._last)
        ]


def found_again(
    proposals: Mapping[int, Proposal], vanished: Mapping[int, NDArray[np.bool_]]
) -> dict[int, int]:
    """Proposals that lie where an object was lost, nearer to its place than their own diameter.

    Objects at the border of the image are not found again, since they may have left.

    Parameters
    ----------
    proposals : mapping of int to Proposal
        Proposals beside all objects, by number.
    vanished : mapping of int to ndarray
        Last (Y, X) mask of each lost object.

    Returns
    -------
    dict of int to int
        Numbers of proposals, and the lost object that each of them is; each object once.
    """
    found: dict[int, int] = {}
    for object_id, mask in vanished.items():
        if is_at_border(mask):
            continue
        place = np.argwhere(mask).mean(axis=0)
        distances = {
            number: float(np.hypot(*(place - one.centre)))
            for number, one in proposals.items()
            if number not in found
        }
        nearest = min(distances, key=distances.__getitem__, default=None)
        if nearest is not None and distances[nearest] < proposals[nearest].diameter:
            found[nearest] = object_id
    return found


def is_new(proposal: Proposal, taken: NDArray[np.bool_]) -> bool:
    """Whether a proposal lies beside what is tracked already, (Y, X) bool."""
    covered = int((taken[proposal.mask.window] & proposal.mask.crop).sum())
    return covered < KNOWN * proposal.area

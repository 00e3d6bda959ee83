"""Possible swaps: objects that touched and parted again, and may have exchanged their identity.

The object pointers of the network tell how an object looks. If each of two objects looks after
their contact more like the other one did before it, they may have been exchanged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_sam2.annotation.document import Document

REACH = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0))  # rows and columns: so near is touching
FRAMES_BESIDE = 3  # before and after a contact, whose pointers are averaged
LEAST_BESIDE = 2  # of these there must be so many
LONGEST_GAP = 1  # frames apart within one contact


@dataclass(frozen=True)
class SwapProposal:
    """Two objects that may have been exchanged.

    Attributes
    ----------
    t : int
        First frame on which each is likely the other one.
    object_id, other : int
        The objects.
    score : float
        How much more alike they are if they are exchanged, 0 to 4.
    """

    t: int
    object_id: int
    other: int
    score: float


@dataclass(frozen=True)
class Contact:
    """Two objects that touch from frame `first` to frame `last`, and not beside it."""

    one: int
    other: int
    first: int
    last: int

    def before(self) -> range:
        """Frames before the contact that tell how the objects looked."""
        return range(max(self.first - FRAMES_BESIDE, 0), self.first)

    def after(self, length: int) -> range:
        """Frames after the contact of a movie of some length."""
        return range(self.last + 1, min(self.last + 1 + FRAMES_BESIDE, length))


def touching_pairs(labels: NDArray[np.integer]) -> set[tuple[int, int]]:
    """Pairs of objects of a (Y, X) frame that are at most two pixels apart, lower id first."""
    found: set[tuple[int, int]] = set()
    height, width = labels.shape
    for rows, columns in REACH:
        right = max(columns, 0), width + min(columns, 0)
        one = labels[: height - rows, right[0] - columns : right[1] - columns]
        other = labels[rows:, right[0] : right[1]]
        differ = (one != other) & (one > 0) & (other > 0)
        pairs = np.unique(np.stack([one[differ], other[differ]], axis=1), axis=0)
        found |= {(min(a, b), max(a, b)) for a, b in pairs.tolist()}
    return found


def contacts_of(frames: Iterable[NDArray[np.integer]]) -> list[Contact]:
    """All contacts of a movie, by their first frame."""
    seen: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for t, frame in enumerate(frames):
        for pair in touching_pairs(np.asarray(frame)):
            seen[pair].append(t)
    found = [
        Contact(*pair, first, last) for pair, there in seen.items() for first, last in _runs(there)
    ]
    return sorted(found, key=lambda one: (one.first, one.one, one.other))


def _runs(frames: list[int]) -> Iterator[tuple[int, int]]:
    """First and last frame of each run; a short gap does not end it."""
    first = last = frames[0]
    for t in frames[1:]:
        if t - last > LONGEST_GAP + 1:
            yield first, last
            first = t
        last = t
    yield first, last


class SwapProposals:
    """Finds objects that may have been exchanged.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._state = document.state

    def propose_swaps(self) -> tuple[SwapProposal, ...]:
        """Objects that touched and parted, and then look like each other before, surest first.

        A pair is left out if a person prompted, locked or reviewed one of the two on the frames
        after the contact.
        """
        self._state.check_movie("search for swaps")
        found = filter(None, map(self._proposal, contacts_of(self._state.labels)))
        return tuple(sorted(found, key=lambda one: (-one.score, one.t)))

    def _proposal(self, contact: Contact) -> SwapProposal | None:
        pair, length = (contact.one, contact.other), len(self._state.labels)
        after = contact.after(length)
        if any(self._is_vouched(object_id, after) for object_id in pair):
            return None
        old = [self._look(object_id, contact.before()) for object_id in pair]
        new = [self._look(object_id, after) for object_id in pair]
        if any(look is None for look in (*old, *new)):
            return None
        one, other = (np.asarray(look) for look in old)
        one_after, other_after = (np.asarray(look) for look in new)
        kept = float(one @ one_after + other @ other_after)
        exchanged = float(one @ other_after + other @ one_after)
        if exchanged <= kept:
            return None
        return SwapProposal(self._frame_of(contact), *pair, exchanged - kept)

    def _is_vouched(self, object_id: int, frames: range) -> bool:
        found = self._state.object_state(object_id)
        prompted = () if found is None else found.prompted
        reviewed = self._state.reviewed.get(object_id, frozenset())
        return any(
            t in prompted or t in reviewed or t in self._state.locked_frames(object_id)
            for t in frames
        )

    def _look(self, object_id: int, frames: range) -> NDArray[np.float64] | None:
        """(C,) mean direction of the object pointers on some frames; None if there are too few."""
        if object_id not in self._state.tracker.object_ids:
            return None
        pointers = [self._state.tracker.pointer(t, object_id) for t in frames]
        known = [np.asarray(one, np.float64) for one in pointers if one is not None]
        if len(known) < LEAST_BESIDE:
            return None
        lengths = [max(float(np.linalg.norm(one)), 1e-9) for one in known]
        directions = [one / length for one, length in zip(known, lengths, strict=True)]
        return np.asarray(np.mean(directions, axis=0))

    def _frame_of(self, contact: Contact) -> int:
        """The frame on which an exchange needs the shortest steps."""
        self._state.stale |= self._state.measures.update(self._state.labels)
        one, other = (
            self._state.measures.trace(key).centre for key in (contact.one, contact.other)
        )
        frames = range(contact.first, contact.last + 2)
        steps = [
            float(np.linalg.norm(one[t] - other[t - 1]) + np.linalg.norm(other[t] - one[t - 1]))
            for t in frames
        ]
        return frames[int(np.argmin(steps))]

"""Possible swaps: objects that met, and may have exchanged their identity.

Objects meet where they touch, and where they exchange their places from one frame to the next, as
objects do that are exchanged without touching.

The object pointers of the network tell how an object looks. If each of two objects looks after
their contact more like the other one did before it, they may have been exchanged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sam2.annotation.measures import Trace

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
    """Two objects that touch, or exchange places, from frame `first` to frame `last`."""

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


def exchanging_pairs(traces: Mapping[int, Trace]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Frames and pairs of objects that seem to exchange their places on the way to the frame.

    The steps of the two cross, or each is nearer to the last place of the other one than to its
    own.

    Parameters
    ----------
    traces : mapping of int to Trace
        By object.

    Yields
    ------
    (t, (object_id, other))
        Lower id first; in the order of the frames.
    """
    ids = np.array(sorted(traces))
    if len(ids) < 2:
        return
    is_there = np.stack([traces[key].area > 0 for key in ids.tolist()])  # (N, T)
    centre = np.stack([traces[key].centre for key in ids.tolist()])  # (N, T, 2)
    for t in range(1, is_there.shape[1]):
        there = np.flatnonzero(is_there[:, t] & is_there[:, t - 1])
        for one, other in _exchanged(centre[there, t - 1], centre[there, t]).tolist():
            yield t, (int(ids[there[one]]), int(ids[there[other]]))


def _exchanged(before: NDArray[np.floating], now: NDArray[np.floating]) -> NDArray[np.intp]:
    """(P, 2) pairs of indices of N places, (N, 2) before and now, that seem to be exchanged."""
    from scipy.spatial import cKDTree  # slow to import, and seldom needed

    steps = np.linalg.norm(now - before, axis=1)
    if len(steps) < 2 or not steps.any():
        return np.zeros((0, 2), np.intp)
    pairs = cKDTree(before).query_pairs(2 * steps.max(), output_type="ndarray")
    one, other = np.sort(pairs, axis=1).T
    to_other = np.linalg.norm(now[one] - before[other], axis=1)
    to_one = np.linalg.norm(now[other] - before[one], axis=1)
    is_nearer = (to_other < steps[one]) & (to_one < steps[other])
    crosses = _separates(before[one], now[one], before[other], now[other])
    crosses &= _separates(before[other], now[other], before[one], now[one])
    is_exchanged = is_nearer | crosses
    return np.stack([one[is_exchanged], other[is_exchanged]], axis=1)


def _separates(
    start: NDArray[np.floating],
    end: NDArray[np.floating],
    one: NDArray[np.floating],
    other: NDArray[np.floating],
) -> NDArray[np.bool_]:
    """(P,) whether the line through `start` and `end` passes between two places, all (P, 2)."""

    def side(place: NDArray[np.floating]) -> NDArray[np.floating]:
        along, across = (end - start).T, (place - start).T
        return np.asarray(along[0] * across[1] - along[1] * across[0])

    return np.asarray(side(one) * side(other) < 0)


def contacts_of(
    frames: Iterable[NDArray[np.integer]], traces: Mapping[int, Trace] | None = None
) -> list[Contact]:
    """All contacts of a movie, by their first frame.

    Parameters
    ----------
    frames : iterable of (Y, X) integers
        Labels.
    traces : mapping of int to Trace, optional
        Traces of the objects, so that exchanges of places without touching are contacts, too.
    """
    seen: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for t, frame in enumerate(frames):
        for pair in touching_pairs(np.asarray(frame)):
            seen[pair].add(t)
    for t, pair in exchanging_pairs(traces or {}):
        seen[pair].add(t)
    found = [
        Contact(*pair, first, last)
        for pair, there in seen.items()
        for first, last in _runs(sorted(there))
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
        """Objects that met and parted, and then look like each other before, surest first.

        A pair is left out if a person prompted, locked or reviewed one of the two on the frames
        after the contact.
        """
        self._state.check_movie("search for swaps")
        self._state.stale |= self._state.measures.update(self._state.labels)
        traces = {key: self._state.measures.trace(key) for key in self._state.objects}
        found = filter(None, map(self._proposal, contacts_of(self._state.labels, traces)))
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
        one, other = (
            self._state.measures.trace(key).centre for key in (contact.one, contact.other)
        )
        frames = range(contact.first, contact.last + 2)
        steps = [
            float(np.linalg.norm(one[t] - other[t - 1]) + np.linalg.norm(other[t] - one[t - 1]))
            for t in frames
        ]
        return frames[int(np.argmin(steps))]

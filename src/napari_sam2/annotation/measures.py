"""Measures: areas, positions and overlaps of all objects on all frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.memory_use import releasing_memory

if TYPE_CHECKING:
    from napari_sam2.annotation.packed_labels import LabelArray

SMALL_ID = 2**20  # up to here ids are counted in a table, beyond it they are sorted
SIDES = 16  # of the polygon around a mask; that of a disc has 1.3 % more pixels than the disc


@dataclass(frozen=True, eq=False)
class Trace:
    """One object on each of T frames, zeros where it has no pixels.

    Attributes
    ----------
    area : (T,) float32
        Pixels.
    y, x : (T,) float32
        Centre of the mask.
    on_border : (T,) bool
        Whether it touches the border of the image.
    shared_1, shared_2 : (T,) float32
        Pixels that it has in common with its mask one and two frames (or volumes) earlier.
    second_piece : (T,) float32
        Pixels of the second largest piece of its mask, 0 if it is in one piece.
    hull_area : (T,) float32
        Pixels of the polygon of `SIDES` sides around the mask, about those of its convex hull.
    """

    area: NDArray[np.float32]
    y: NDArray[np.float32]
    x: NDArray[np.float32]
    on_border: NDArray[np.bool_]
    shared_1: NDArray[np.float32]
    shared_2: NDArray[np.float32]
    second_piece: NDArray[np.float32]
    hull_area: NDArray[np.float32]

    @property
    def centre(self) -> NDArray[np.float32]:
        """(T, 2) float32 y and x of the centre of the mask."""
        return np.stack([self.y, self.x], axis=1)

    @classmethod
    def empty(cls, length: int) -> Trace:
        """An object without pixels."""
        area, y, x, one, two, piece, hull = (np.zeros(length, np.float32) for _ in range(7))
        return cls(area, y, x, np.zeros(length, bool), one, two, piece, hull)

    def longer(self, more: int) -> Trace:
        """The same object on more frames, on which it has no pixels."""
        return Trace(*(np.pad(getattr(self, one.name), (0, more)) for one in fields(self)))


class Measures:
    """Traces of the objects of some labels.

    Changed frames are only marked, and measured by the next `update`.

    Parameters
    ----------
    length : int
        T frames, all without labels.
    lag : int
        Frames from a frame to the one that is compared with it: 1 for a movie, Z for the planes of
        volumes over time.
    """

    def __init__(self, length: int, lag: int = 1) -> None:
        self._length = length
        self._lag = lag
        self._traces: dict[int, Trace] = {}
        self._present: list[NDArray[np.int64]] = [np.zeros(0, np.int64)] * length
        self._marked: set[int] = set()

    def grow(self, length: int) -> None:
        """Add frames without labels at the end."""
        more = length - self._length
        self._length = length
        self._present += [np.zeros(0, np.int64)] * more
        self._traces = {key: trace.longer(more) for key, trace in self._traces.items()}

    def mark(self, frames: Iterable[int]) -> None:
        """Mark frames whose labels changed."""
        self._marked.update(frames)

    def trace(self, object_id: int) -> Trace:
        """The trace of an object as last measured; do not change it."""
        return self._traces.get(object_id) or Trace.empty(self._length)

    def update(self, labels: LabelArray) -> set[int]:
        """Measure the marked frames.

        Parameters
        ----------
        labels : (T, Y, X) integers
            The labels as they are now.

        Returns
        -------
        set of int
            Objects whose traces may have changed.
        """
        changed: set[int] = set()
        for t in releasing_memory(sorted(self._marked)):
            changed.update(self._measure(labels, t))
        self._marked.clear()
        return changed

    def _measure(self, labels: LabelArray, t: int) -> set[int]:
        """Measure one frame, and what its neighbours share with it; the objects on it."""
        frame = labels[t]
        places = np.flatnonzero(frame)
        ids = frame.ravel()[places]
        rows, columns = np.divmod(places, frame.shape[1])
        present, index = ranked(ids)
        count = len(present)

        def shared_with(other: int) -> NDArray[np.int64]:
            if not 0 <= other < self._length:
                return np.zeros(count, np.int64)
            return np.bincount(index[labels[other].ravel()[places] == ids], minlength=count)

        area = np.bincount(index, minlength=count)
        edges = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
        values: dict[str, tuple[int, NDArray[Any]]] = {
            "area": (t, area),
            "y": (t, np.bincount(index, rows, count) / area),
            "x": (t, np.bincount(index, columns, count) / area),
            "on_border": (t, np.isin(present, edges)),
            "shared_1": (t, shared_with(t - self._lag)),
            "shared_2": (t, shared_with(t - 2 * self._lag)),
            "second_piece": (t, _second_pieces(frame, places, index, count)),
            "hull_area": (t, _hull_areas(rows, columns, index, count)),
        }
        self._write(t, present, values)
        for lag, name in ((1, "shared_1"), (2, "shared_2")):
            later = t + lag * self._lag
            if later < self._length and later not in self._marked:
                self._write(t, present, {name: (later, shared_with(later))})
        on_frame = {*self._present[t].tolist(), *present.tolist()}
        self._present[t] = present
        return on_frame

    def _write(
        self,
        t: int,
        present: NDArray[np.int64],
        values: dict[str, tuple[int, NDArray[Any]]],
    ) -> None:
        """Set values of the objects that are on frame `t`, and zeros of those that were."""
        ids = present.tolist()
        gone = set(self._present[t].tolist()).difference(ids)
        for object_id in {*ids, *gone} - self._traces.keys():
            self._traces[object_id] = Trace.empty(self._length)
        for name, (at, column) in values.items():
            for object_id, value in zip(ids, column.tolist(), strict=True):
                getattr(self._traces[object_id], name)[at] = value
            for object_id in gone:
                getattr(self._traces[object_id], name)[at] = 0


def _second_pieces(
    frame: NDArray[Any], places: NDArray[np.intp], index: NDArray[np.intp], count: int
) -> NDArray[np.int64]:
    """(n,) pixels of the second largest piece of each object; 0 if it is in one piece.

    Pieces that other objects connect count as one piece.
    """
    regions, _ = ndimage.label(frame)
    pieces, sizes = np.unique(regions.ravel()[places] * count + index, return_counts=True)
    owners = pieces % max(count, 1)
    order = np.lexsort((-sizes, owners))
    owners, sizes = owners[order], sizes[order]
    firsts = np.searchsorted(owners, np.arange(count))
    is_second = np.isin(np.arange(len(owners)), firsts + 1) & ~np.isin(
        np.arange(len(owners)), firsts
    )
    second = np.zeros(count, np.int64)
    second[owners[is_second]] = sizes[is_second]
    return second


def _hull_areas(
    rows: NDArray[np.intp], columns: NDArray[np.intp], index: NDArray[np.intp], count: int
) -> NDArray[np.float64]:
    """(n,) area of the polygon of `SIDES` tangents around the pixels of each object.

    The length of a side follows from h, the distances of the tangents from the origin: that of the
    side itself and those of the two sides beside it.
    """
    if not count:
        return np.zeros(0)
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(count))
    y, x = rows[order], columns[order]
    angle = 2 * np.pi / SIDES
    distances = []
    for direction in angle * np.arange(SIDES):
        down, right = np.sin(direction), np.cos(direction)
        farthest = np.maximum.reduceat(down * y + right * x, starts)
        distances.append(farthest + (abs(down) + abs(right)) / 2)  # the corner of a pixel
    h = np.stack(distances)
    sides = (np.roll(h, 1, axis=0) + np.roll(h, -1, axis=0) - 2 * h * np.cos(angle)) / np.sin(angle)
    area: NDArray[np.float64] = (h * sides).sum(axis=0) / 2
    return area


def ranked(ids: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """The different ids, ascending, and the rank of each given one among them."""
    if not len(ids) or ids.max() >= SMALL_ID:
        different, rank = np.unique(ids, return_inverse=True)
        return different.astype(np.int64), rank
    table = np.bincount(ids)
    different = np.flatnonzero(table)
    table[different] = np.arange(len(different))
    return different.astype(np.int64), table[ids]

"""Areas, places and overlaps of all objects, kept up to date where frames change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALL_ID = 2**20  # up to here ids are counted in a table, beyond it they are sorted


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
        Pixels that it has in common with its mask one and two frames earlier.
    """

    area: NDArray[np.float32]
    y: NDArray[np.float32]
    x: NDArray[np.float32]
    on_border: NDArray[np.bool_]
    shared_1: NDArray[np.float32]
    shared_2: NDArray[np.float32]

    @classmethod
    def empty(cls, length: int) -> Trace:
        """An object without pixels."""
        area, y, x, one, two = (np.zeros(length, np.float32) for _ in range(5))
        return cls(area, y, x, np.zeros(length, bool), one, two)


class Measures:
    """Traces of the objects of some labels.

    Frames that changed are only marked, and measured when somebody asks.

    Parameters
    ----------
    length : int
        T frames, all without labels.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._traces: dict[int, Trace] = {}
        self._present: list[NDArray[np.int64]] = [np.zeros(0, np.int64)] * length
        self._marked: set[int] = set()

    def mark(self, frames: Iterable[int]) -> None:
        """Say that the labels of some frames changed."""
        self._marked.update(frames)

    def trace(self, object_id: int) -> Trace:
        """The trace of an object as last measured; do not change it."""
        return self._traces.get(object_id) or Trace.empty(self._length)

    def update(self, labels: NDArray[Any]) -> set[int]:
        """Measure the marked frames anew.

        Parameters
        ----------
        labels : (T, Y, X) integers
            The labels as they are now.

        Returns
        -------
        set of int
            Objects whose traces may have changed.
        """
        concerned = {t + lag for t in self._marked for lag in range(3) if t + lag < self._length}
        changed: set[int] = set()
        for t in sorted(concerned):
            changed.update(self._measure(labels, t))
        self._marked.clear()
        return changed

    def _measure(self, labels: NDArray[Any], t: int) -> set[int]:
        """Measure one frame; the objects that are or were there."""
        frame = labels[t]
        places = np.flatnonzero(frame)
        ids = frame.ravel()[places]
        rows, columns = np.divmod(places, frame.shape[1])
        present, index = _ranked(ids)
        count = len(present)
        area = np.bincount(index, minlength=count)
        y = np.bincount(index, rows, count) / area
        x = np.bincount(index, columns, count) / area
        edges = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
        on_border = np.isin(present, edges)
        shared = [
            np.bincount(index[labels[t - lag].ravel()[places] == ids], minlength=count)
            if t >= lag
            else np.zeros(count)
            for lag in (1, 2)
        ]
        gone = np.setdiff1d(self._present[t], present)
        for object_id in gone.tolist():
            self._write(object_id, t, 0, 0, 0, False, 0, 0)
        self._present[t] = present
        columns_of = (area, y, x, on_border, *shared)
        for object_id, *values in zip(
            present.tolist(), *(column.tolist() for column in columns_of), strict=True
        ):
            self._write(object_id, t, *values)
        return {*gone.tolist(), *present.tolist()}

    def _write(self, object_id: int, t: int, *values: float) -> None:
        trace = self._traces.get(object_id)
        if trace is None:
            trace = self._traces[object_id] = Trace.empty(self._length)
        trace.area[t], trace.y[t], trace.x[t], trace.on_border[t] = values[:4]
        trace.shared_1[t], trace.shared_2[t] = values[4:]


def _ranked(ids: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """The different ids, ascending, and the rank of each given one among them."""
    if not len(ids) or ids.max() >= SMALL_ID:
        different, rank = np.unique(ids, return_inverse=True)
        return different.astype(np.int64), rank
    table = np.bincount(ids)
    different = np.flatnonzero(table)
    table[different] = np.arange(len(different))
    return different.astype(np.int64), table[ids]

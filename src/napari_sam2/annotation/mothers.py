"""Mothers: the object from which new objects most likely came by division."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.errors import ObjectError

if TYPE_CHECKING:
    from napari_sam2.annotation.document import Document
    from napari_sam2.annotation.state import DocumentState

REACH = 1.5  # diameters of a mother, from her centre to a daughter on the next frame
LEAST_OVERLAP = 0.1  # of the pixels of the daughters, that were the mother's on the frame before


class Mothers:
    """Finds the mother of new objects; it changes nothing.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._state = document.state

    def find_mother(
        self, t: int, position: tuple[float, float], likely: int | None = None
    ) -> int | None:
        """The object that a new object at a position most likely came from by division.

        It has a mask on the frame before. The object whose mask is at the position is preferred,
        first on frame `t` and then on the frame before, then the likely one and then the nearest
        one, if they are near enough.

        Parameters
        ----------
        t : int
            First frame of the daughter.
        position : (y, x)
            A place inside the daughter.
        likely : int, optional
            An object to prefer, if no mask is at the position.

        Returns
        -------
        int or None
            The mother; None if no object is near.

        Raises
        ------
        ValueError
            If frame `t` is not in the stack.
        """
        t = self._state.checked_frame(t)
        self._state.check_movie("division")
        distances = self._distances(t, position) if t else {}
        inside = self._mother_at(t, position, distances)
        if inside is not None or not distances:
            return inside
        near = [key for key, distance in distances.items() if distance <= REACH]
        if likely in near:
            return likely
        return min(near, key=distances.__getitem__, default=None)

    def mother_at(self, t: int, position: tuple[float, float]) -> int | None:
        """The object that has a mask at a position on frame `t` or the frame before.

        Only objects that have a mask on the frame before are counted; in 3D there is none.

        Raises
        ------
        ValueError
            If frame `t` is not in the stack.
        """
        t = self._state.checked_frame(t)
        if not t or self._state.planes > 1:
            return None
        return self._mother_at(t, position, self._distances(t, position))

    def _mother_at(
        self, t: int, position: tuple[float, float], candidates: Collection[int]
    ) -> int | None:
        _, height, width = self._state.shape
        y, x = (round(float(value)) for value in position)
        place = (min(max(y, 0), height - 1), min(max(x, 0), width - 1))
        for frame in (t, t - 1):
            found = int(self._state.labels[frame][place])
            if found in candidates:
                return found
        return None

    def _distances(self, t: int, position: tuple[float, float]) -> dict[int, float]:
        """Distance of each possible mother on the frame before, in diameters of her mask."""
        found = {}
        for object_id in self._candidates(t):
            trace = self._state.measures.trace(object_id)
            away = np.hypot(trace.y[t - 1] - position[0], trace.x[t - 1] - position[1])
            found[object_id] = float(away / np.sqrt(4 / np.pi * trace.area[t - 1]))
        return found

    def _candidates(self, t: int) -> list[int]:
        """Objects that may divide at frame `t`: they have a mask on the frame before."""
        measures = self._state.measures
        self._state.stale |= measures.update(self._state.labels)
        return [
            key
            for key, known in sorted(self._state.objects.items())
            if measures.trace(key).area[t - 1] and known.end in (None, t - 1)
        ]

    def propose_mother(self, daughters: Iterable[int], t: int | None = None) -> int | None:
        """The object that some objects most likely came from, by overlap and then by distance.

        It may be one of them, if its masks before the division are the mother's.

        Parameters
        ----------
        daughters : iterable of int
            The daughters.
        t : int, optional
            Their first frame; by default the first one on which all of them are seen.

        Returns
        -------
        int or None
            The mother; None if no object is near.

        Raises
        ------
        ValueError
            If there is no such object or frame, or one of them has no mask.
        """
        children = sorted(set(daughters))
        t = seen_from(self._state, children) if t is None else self._state.checked_frame(t)
        candidates = self._candidates(t) if t else []
        both = np.isin(self._state.labels[t], children)
        if not candidates or not both.any():
            return None
        ids, pixels = np.unique(self._state.labels[t - 1][both], return_counts=True)
        overlaps = dict(zip(ids.tolist(), pixels.tolist(), strict=True))
        shares = {key: overlaps.get(key, 0) / np.count_nonzero(both) for key in candidates}
        best = max(candidates, key=shares.__getitem__)
        if shares[best] >= LEAST_OVERLAP:
            return best
        rows, columns = np.nonzero(both)
        return self.find_mother(t, (float(rows.mean()), float(columns.mean())))


def seen_from(state: DocumentState, object_ids: Iterable[int]) -> int:
    """First frame on which all objects are seen; a ValueError if one has no mask."""
    firsts = []
    for key in object_ids:
        state.known(key)
        visible = state.visible_frames(key)
        if not visible:
            raise ObjectError("{0} has no mask yet: click it first", key)
        firsts.append(min(visible))
    return max(firsts)

"""Proposals of divisions: frames on which a tracked object may have divided.

Three signs are looked for. The mask of an object falls into two large pieces. Or its area falls,
and a body of its brightness, which no object has, appears beside it. Or another object begins
beside it. Each proposal has a score from 0 to 1 and a place in each daughter, where a person would
click.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.annotation.track_edits import two_pieces
from napari_sam2.tracking.frames import DamagedFrame

if TYPE_CHECKING:
    from napari_sam2.annotation.document import Document
    from napari_sam2.annotation.measures import Trace
    from napari_sam2.tracking.frames import Frames

Place = tuple[float, float]

LEAST_SCORE = 0.5
USUAL_FRAMES = 8  # before the division, whose median area is the usual one
REACH = 2.0  # diameters between the centres of the mother and a daughter
LEAST_MOTHER = 0.25  # of the usual area of all objects
APART = 6  # frames between a proposal and one that a person declined
LEAST_AREA, MOST_AREA = 0.3, 3.0  # of a daughter, in areas of the other one
LEAST_NEW = 0.6  # share of a body that was no body of the other side of the threshold before


@dataclass(frozen=True)
class DivisionProposal:
    """A frame on which an object may have divided.

    Attributes
    ----------
    t : int
        First frame of the daughters.
    mother : int
        The object.
    score : float
        0 to 1; the higher, the surer.
    daughter_1, daughter_2 : (y, x)
        A place in each daughter, in pixels.
    sister : int or None
        The object at the place of the second daughter; None if no object is there.
    """

    t: int
    mother: int
    score: float
    daughter_1: Place
    daughter_2: Place
    sister: int | None = None


@dataclass(frozen=True, eq=False)
class _Body:
    """A part of a frame: its area, its centre and a place inside it."""

    area: float
    centre: Place
    inside: Place

    @classmethod
    def of(cls, mask: NDArray[np.bool_], corner: tuple[int, int] = (0, 0)) -> _Body:
        """The body of a mask that is cut out at a corner."""
        rows, columns = np.nonzero(mask)
        centre = (rows.mean(), columns.mean())
        nearest = np.hypot(rows - centre[0], columns - centre[1]).argmin()
        y, x = corner
        return cls(
            float(len(rows)),
            (float(centre[0] + y), float(centre[1] + x)),
            (float(rows[nearest] + y), float(columns[nearest] + x)),
        )


class DivisionProposals:
    """Looks for divisions in the labels and images of an annotation, and changes nothing.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._state = document.state
        self._images: dict[int, NDArray[np.float32] | None] = {}  # of the last two frames

    def propose_divisions(
        self,
        least_score: float = LEAST_SCORE,
        *,
        frames: range | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> tuple[DivisionProposal, ...]:
        """Find frames on which objects without daughters may have divided.

        Parameters
        ----------
        least_score : float
            Proposals with a lower score are left out.
        frames : range, optional
            Possible first frames of daughters; by default all frames.
        on_progress : callable, optional
            Gets the number of searched frames and the number of all frames. It may raise, to
            cancel.

        Returns
        -------
        tuple of DivisionProposal
            At most one for each object, the surest first. A frame near one on which a person said
            that the object does not divide is not proposed.
        """
        self._state.check_movie("search for divisions")
        state = self._state
        state.stale |= state.measures.update(state.labels)
        found: list[DivisionProposal] = []
        try:
            for t in frames or range(1, len(state.labels)):
                found += self._on_frame(t)
                if on_progress is not None:
                    on_progress(t + 1, len(state.labels))
        finally:
            self._images.clear()
        best: dict[int, DivisionProposal] = {}
        for one in sorted(found, key=lambda one: (-one.score, one.t, one.mother)):
            declined = state.objects[one.mother].undivided
            if one.score >= least_score and all(abs(t - one.t) >= APART for t in declined):
                best.setdefault(one.mother, one)
        return tuple(best.values())

    def _on_frame(self, t: int) -> Iterator[DivisionProposal]:
        usual_areas = {
            key: _usual_area(self._state.measures.trace(key), t) for key in self._candidates(t)
        }
        least = LEAST_MOTHER * float(np.median(list(usual_areas.values()) or [0]))
        for object_id, usual in usual_areas.items():
            if usual < least:
                continue
            found = (
                self._in_pieces(t, object_id, usual),
                self._beside(t, object_id, usual),
                self._unclaimed(t, object_id, usual),
            )
            sure = max((one for one in found if one), key=lambda one: one.score, default=None)
            if sure is not None:
                yield sure

    def _candidates(self, t: int) -> list[int]:
        """Objects with a mask on the frame before that do not divide yet."""
        mothers = {known.parent for known in self._state.objects.values()}
        return [
            key
            for key, known in sorted(self._state.objects.items())
            if key not in mothers
            and known.end is None
            and self._state.measures.trace(key).area[t - 1]
        ]

    def _image(self, t: int) -> NDArray[np.float32] | None:
        """(Y, X) brightness of a frame; None if it cannot be read."""
        if t not in self._images:
            self._images = {k: v for k, v in self._images.items() if abs(k - t) <= 1}
            frames: Frames | None = getattr(self._state.tracker, "frames", None)
            try:
                self._images[t] = None if frames is None else frames.read(t).mean(axis=-1)
            except DamagedFrame:
                self._images[t] = None
        return self._images[t]

    # Signs

    def _in_pieces(self, t: int, object_id: int, usual: float) -> DivisionProposal | None:
        """The mask falls into two pieces of similar area."""
        now = self._pieces(t, object_id, usual)
        if now is None:
            return None
        before = self._pieces(t - 1, object_id, usual)
        likeness, was = _likeness(*now), 0.0 if before is None else _likeness(*before)
        score = 0.95 * likeness * (1 - was / 2)
        return DivisionProposal(t, object_id, score, now[0].inside, now[1].inside)

    def _pieces(self, t: int, object_id: int, usual: float) -> tuple[_Body, _Body] | None:
        """The two large pieces of a mask; None if it is in one piece."""
        part, corner = self._around(t, object_id, usual)
        pieces = two_pieces(part == object_id)
        if pieces is None:
            return None
        return _Body.of(pieces[0], corner), _Body.of(pieces[1], corner)

    def _beside(self, t: int, object_id: int, usual: float) -> DivisionProposal | None:
        """Another object without a mother begins beside it."""
        part, corner = self._around(t, object_id, usual)
        if not (part == object_id).any():
            return None
        mine = _Body.of(part == object_id, corner)
        best: DivisionProposal | None = None
        for other in np.unique(part[part > 0]).tolist():
            trace = self._state.measures.trace(other)
            known = self._state.objects.get(other)
            if other == object_id or known is None or known.parent is not None:
                continue
            if trace.area[:t].any() or trace.on_border[t]:
                continue
            theirs = _Body.of(part == other, corner)
            score = self._pair_score(t, object_id, usual, mine, theirs)
            if best is None or score > best.score:
                best = DivisionProposal(t, object_id, score, mine.inside, theirs.inside, other)
        return best

    def _unclaimed(self, t: int, object_id: int, usual: float) -> DivisionProposal | None:
        """A body that no object has appears beside it."""
        part, corner = self._around(t, object_id, usual)
        mask = part == object_id
        if not mask.any():
            return None
        before, frame = self._image(t - 1), self._image(t)
        if before is None or frame is None:
            return None
        window = tuple(slice(c, c + n) for c, n in zip(corner, part.shape, strict=True))
        now, then = frame[window], before[window]
        was_mine = self._state.labels[t - 1][window] == object_id
        level, sign = _threshold(now, mask, part > 0)
        bodies, count = ndimage.label(ndimage.binary_opening((sign * now > level) & (part == 0)))
        mine = _Body.of(mask, corner)
        best: DivisionProposal | None = None
        for number in range(1, count + 1):
            pixels = bodies == number
            area = np.count_nonzero(pixels)
            if not LEAST_AREA * mine.area <= area <= MOST_AREA * mine.area:
                continue
            if _touches_edge(pixels):
                continue
            new = np.mean((sign * then[pixels] <= level) | was_mine[pixels])
            if new < LEAST_NEW:
                continue
            body = _Body.of(pixels, corner)
            score = new * self._pair_score(t, object_id, usual, mine, body)
            if best is None or score > best.score:
                best = DivisionProposal(t, object_id, float(score), mine.inside, body.inside)
        return best

    def _pair_score(self, t: int, object_id: int, usual: float, one: _Body, two: _Body) -> float:
        """How much two bodies look like the daughters of an object: areas and distances."""
        trace = self._state.measures.trace(object_id)
        mother = np.array([trace.y[t - 1], trace.x[t - 1]])
        diameter = np.sqrt(4 / np.pi * usual)
        away = [np.linalg.norm(np.subtract(body.centre, mother)) for body in (one, two)]
        middle = np.linalg.norm(np.add(one.centre, two.centre) / 2 - mother)
        nearness = float(np.clip(2 - max(away) / diameter, 0, 1))
        centred = float(np.clip(1.6 - 1.6 * middle / diameter, 0, 1))
        smaller = float(np.clip((1.25 - max(one.area, two.area) / usual) / 0.4, 0, 1))
        return _likeness(one, two) * math.sqrt(nearness * centred * smaller)

    def _around(
        self, t: int, object_id: int, usual: float
    ) -> tuple[NDArray[np.integer], tuple[int, int]]:
        """Labels around the place of an object on the frame before, and their corner."""
        trace = self._state.measures.trace(object_id)
        reach = int(np.ceil(REACH * np.sqrt(4 / np.pi * usual))) + 2
        y, x = round(float(trace.y[t - 1])), round(float(trace.x[t - 1]))
        top, left = max(0, y - reach), max(0, x - reach)
        return self._state.labels[t][top : y + reach + 1, left : x + reach + 1], (top, left)


def _usual_area(trace: Trace, t: int) -> float:
    """Median area of an object on the frames before frame `t`."""
    before = trace.area[max(0, t - USUAL_FRAMES) : t]
    return float(np.median(before[before > 0]))


def _likeness(one: _Body, other: _Body) -> float:
    """1 if two areas are similar, 0 if one is less than a third of the other."""
    smaller, larger = sorted((one.area, other.area))
    return float(np.clip((smaller / larger - 0.3) / 0.4, 0, 1))


def _threshold(
    frame: NDArray[np.float32], mask: NDArray[np.bool_], is_taken: NDArray[np.bool_]
) -> tuple[float, int]:
    """Brightness between an object and its surroundings, and 1 if it is brighter, -1 if darker."""
    inside = float(np.median(frame[mask]))
    around = frame[~is_taken]
    outside = float(np.percentile(around, 30)) if around.size else 0.0
    sign = 1 if inside >= outside else -1
    return sign * (inside + outside) / 2, sign


def _touches_edge(mask: NDArray[np.bool_]) -> bool:
    edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    return any(bool(edge.any()) for edge in edges)

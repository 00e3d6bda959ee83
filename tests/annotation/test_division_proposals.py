"""Proposals of divisions on small movies of bright discs with known masks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.tracking.frames import Frames

from .stand_in import StandInTracker

LENGTH, SIDE, BIRTH = 12, 80, 6
MOTHER, FIRST, SECOND = (40.0, 40.0), (32.0, 40.0), (49.0, 40.0)
LARGE, SMALL = 9.0, 6.0


class PaintedTracker(StandInTracker):
    """A stand-in with images, whose masks are all painted."""

    def __init__(self, movie: np.ndarray) -> None:
        super().__init__(movie.shape)
        self.frames = Frames(movie)


def disc(centre: tuple[float, float], radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.hypot(rows - centre[0], columns - centre[1]) < radius


def cells(t: int) -> list[np.ndarray]:
    """Masks of a cell that becomes two on frame 6."""
    if t < BIRTH:
        return [disc(MOTHER, LARGE)]
    return [disc(FIRST, SMALL), disc(SECOND, SMALL)]


def movie(*extra: tuple[int, np.ndarray]) -> np.ndarray:
    """(T, Y, X) bright cells on a dark ground with some noise."""
    rng = np.random.default_rng(0)
    stack = rng.normal(100, 3, (LENGTH, SIDE, SIDE))
    for t in range(LENGTH):
        for mask in cells(t) + [mask for at, mask in extra if at <= t]:
            stack[t][mask] += 200
    return stack.astype(np.float32)


def annotated(masks: dict[int, list[np.ndarray]], images: np.ndarray | None = None) -> Annotation:
    """An annotation in which object k has a painted mask on each frame, unless it is empty."""
    annotation = Annotation(PaintedTracker(movie() if images is None else images))
    for object_id, of_frames in masks.items():
        for t, mask in enumerate(of_frames):
            if mask.any():
                annotation.add_mask(t, object_id, mask)
    return annotation


def follower() -> list[np.ndarray]:
    """The track of the mother goes on in the first daughter."""
    return [cells(t)[0] for t in range(LENGTH)]


def test_unclaimed_body_beside_a_cell_that_halves_is_a_daughter() -> None:
    (found,) = annotated({1: follower()}).propose_divisions()
    assert (found.t, found.mother) == (BIRTH, 1)
    assert cells(BIRTH)[0][tuple(map(round, found.daughter_1))]
    assert cells(BIRTH)[1][tuple(map(round, found.daughter_2))]


def test_mask_in_two_pieces_is_a_division() -> None:
    both = [np.any(cells(t), axis=0) for t in range(LENGTH)]
    (found,) = annotated({1: both}).propose_divisions()
    assert (found.t, found.mother) == (BIRTH, 1)
    assert found.score > 0.9


def test_object_that_begins_beside_a_cell_that_halves_is_a_daughter() -> None:
    nothing = np.zeros((SIDE, SIDE), bool)
    new = [cells(t)[-1] if t >= BIRTH else nothing for t in range(LENGTH)]
    (found,) = annotated({1: follower(), 2: new}).propose_divisions()
    assert (found.t, found.mother) == (BIRTH, 1)
    assert cells(BIRTH)[1][tuple(map(round, found.daughter_2))]


def test_only_the_given_frames_are_searched() -> None:
    annotation = annotated({1: follower()})
    assert annotation.propose_divisions(frames=range(1, BIRTH)) == ()
    assert len(annotation.propose_divisions(frames=range(BIRTH, BIRTH + 1))) == 1


def test_progress_of_the_search_is_told() -> None:
    told: list[tuple[int, int]] = []
    annotated({1: follower()}).propose_divisions(on_progress=lambda *done: told.append(done))
    assert told == [(t + 1, LENGTH) for t in range(1, LENGTH)]


def test_dark_cells_divide_too() -> None:
    (found,) = annotated({1: follower()}, 400 - movie()).propose_divisions()
    assert (found.t, found.mother) == (BIRTH, 1)


@pytest.mark.parametrize("shift", [0, 3])
def test_cell_that_only_moves_does_not_divide(shift: int) -> None:
    path = [disc((20 + shift * t, 40), LARGE) for t in range(LENGTH)]
    images = np.array([np.where(mask, 300, 100) for mask in path], np.float32)
    assert annotated({1: path}, images).propose_divisions() == ()


def test_neighbour_that_was_there_before_is_no_daughter() -> None:
    neighbour = disc((40, 58), SMALL)
    path = [disc(MOTHER, LARGE)] * LENGTH
    images = np.array([np.where(mask | neighbour, 300, 100) for mask in path], np.float32)
    assert annotated({1: path}, images).propose_divisions() == ()


def test_divided_cell_is_not_proposed() -> None:
    annotation = annotated({1: follower()})
    annotation.add_daughter(BIRTH, 2, [FIRST], [1], mother=1)
    assert annotation.propose_divisions() == ()


def test_declined_division_stays_declined_until_it_is_undone() -> None:
    annotation = annotated({1: follower()})
    annotation.decline_division(1, BIRTH)
    assert annotation.propose_divisions() == ()
    annotation.undo()
    assert len(annotation.propose_divisions()) == 1


def test_proposals_change_nothing() -> None:
    annotation = annotated({1: follower()})
    steps, labels = len(annotation.history), annotation.labels.copy()
    annotation.propose_divisions()
    assert len(annotation.history) == steps
    assert np.array_equal(annotation.labels, labels)

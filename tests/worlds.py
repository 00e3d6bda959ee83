"""Tiny named worlds with known truth: discs that move, touch, cross, leave, hide and divide.

Every world is the same at every call. Frames are wider than high, so that y and x cannot be
swapped unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

LENGTH = 8
HEIGHT, WIDTH = 40, 56
BACKGROUND, NOISE = 20.0, 4.0
BRIGHTNESS = (180.0, 130.0, 220.0, 100.0)  # of the discs, one after the other

Place = tuple[float, float]
Path = Callable[[int], Place | None]


@dataclass(frozen=True)
class Disc:
    """A disc that follows a path.

    Attributes
    ----------
    path : callable
        Frame -> (y, x) of the centre, or None where the disc is not there.
    radius : float
        In pixels.
    """

    path: Path
    radius: float = 6.0


@dataclass(frozen=True, eq=False)
class World:
    """A movie and its truth.

    Attributes
    ----------
    images : ndarray
        (T, Y, X) uint8.
    labels : ndarray
        (T, Y, X) uint16; where discs overlap the one with the lower id is in front.
    discs : mapping of int to Disc
        By object id, from 1.
    parents : mapping of int to int
        Daughter -> mother.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint16]
    discs: Mapping[int, Disc]
    parents: Mapping[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)

    def centre(self, t: int, object_id: int) -> Place:
        """(y, x) of a disc that is there."""
        place = self.discs[object_id].path(t)
        assert place is not None, f"disc {object_id} is not there on frame {t}"
        return place

    def mask(self, t: int, object_id: int) -> NDArray[np.bool_]:
        """(Y, X) visible pixels of a disc."""
        mask: NDArray[np.bool_] = self.labels[t] == object_id
        return mask

    def box(self, t: int, object_id: int) -> tuple[float, float, float, float]:
        """(y0, x0, y1, x1) edges of a disc."""
        (y, x), radius = self.centre(t, object_id), self.discs[object_id].radius
        return (y - radius, x - radius, y + radius, x + radius)


def build(*discs: Disc, length: int = LENGTH, parents: Mapping[int, int] | None = None) -> World:
    """Draw a world."""
    labels = np.zeros((length, HEIGHT, WIDTH), np.uint16)
    for object_id, disc in reversed(list(enumerate(discs, start=1))):
        for t in range(length):
            labels[t][_inside(disc, t)] = object_id
    levels = np.array([BACKGROUND, *BRIGHTNESS[: len(discs)]])
    noise = np.random.default_rng(0).normal(0, NOISE, labels.shape)
    images = np.clip(levels[labels] + noise, 0, 255).astype(np.uint8)
    return World(images, labels, dict(enumerate(discs, start=1)), parents or {})


def _inside(disc: Disc, t: int) -> NDArray[np.bool_]:
    place = disc.path(t)
    if place is None:
        return np.zeros((HEIGHT, WIDTH), bool)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside: NDArray[np.bool_] = (y - place[0]) ** 2 + (x - place[1]) ** 2 <= disc.radius**2
    return inside


def line(start: Place, step: Place) -> Path:
    """A path at constant speed."""
    return lambda t: (start[0] + t * step[0], start[1] + t * step[1])


def between(first: int, stop: int, path: Path) -> Path:
    """A path that is there on frames ``first <= t < stop`` only."""
    return lambda t: path(t) if first <= t < stop else None


def one_disc() -> World:
    """A disc that moves down and to the right."""
    return build(Disc(line((12, 12), (1.5, 3))))


def two_discs() -> World:
    """Two discs that stay well apart."""
    return build(Disc(line((11, 12), (0, 2))), Disc(line((28, 42), (0, -2))))


def discs_that_touch() -> World:
    """Two discs that come together until their edges meet, and stay so."""

    def left(t: int) -> Place:
        return (20, 14 + 2 * min(t, 4))

    def right(t: int) -> Place:
        return (20, 42 - 2 * min(t, 4))

    return build(Disc(left), Disc(right))


def discs_that_cross() -> World:
    """Two discs that pass one in front of the other halfway."""
    return build(Disc(line((20, 10), (0, 5))), Disc(line((20, 45), (0, -5))))


def disc_that_leaves() -> World:
    """A disc that is outside the image from frame 5 on."""
    return build(Disc(between(0, 5, line((20, 30), (0, 6)))))


def disc_that_hides() -> World:
    """A disc that is not there on frames 3 and 4 and comes back."""
    return build(
        Disc(lambda t: None if t in (3, 4) else (20, 10 + 4 * t)), Disc(line((8, 46), (0, 0)))
    )


def disc_that_divides() -> World:
    """A mother (1) until frame 3, then two daughters (2, 3)."""
    return build(
        Disc(between(0, 4, line((20, 20), (0, 2)))),
        Disc(between(4, LENGTH, line((15, 10), (-0.5, 4))), radius=4),
        Disc(between(4, LENGTH, line((25, 10), (0.5, 4))), radius=4),
        parents={2: 1, 3: 1},
    )

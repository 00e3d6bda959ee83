"""Scribbles: drawn lines that count as several clicks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Position = tuple[float, float]
MOST_POINTS = 8
SPACING = 10.0  # pixels between points; closer points made no outline better
CLOSED = 0.1  # a line whose ends are nearer than this share of its length encloses an area


def length_of(vertices: Sequence[Position]) -> float:
    """Length of a line in pixels."""
    return float(_steps(vertices).sum())


def is_closed(vertices: Sequence[Position]) -> bool:
    """Whether the ends of a line meet, so that it encloses an area."""
    ends = np.subtract(vertices[-1], vertices[0])
    return len(vertices) > 3 and bool(np.hypot(*ends) <= CLOSED * length_of(vertices))


def points_along(vertices: Sequence[Position]) -> tuple[Position, ...]:
    """Points at equal distances along a line, at least 2 and at most `MOST_POINTS`.

    Each point is in the middle of its part of the line, since the ends of a line often miss the
    cell. A line without a length gives one point.

    Parameters
    ----------
    vertices : sequence of (float, float)
        (y, x) of the line, in pixels.
    """
    length = length_of(vertices)
    if not length:
        return (vertices[0],)
    count = min(max(round(length / SPACING), 2), MOST_POINTS)
    wanted = (np.arange(count) + 0.5) / count * length
    passed = np.concatenate([[0.0], np.cumsum(_steps(vertices))])
    y, x = (np.interp(wanted, passed, axis) for axis in np.transpose(vertices))
    return tuple(zip(y.tolist(), x.tolist(), strict=True))


def _steps(vertices: Sequence[Position]) -> np.ndarray:
    return np.linalg.norm(np.diff(np.asarray(vertices, np.float64), axis=0), axis=1)

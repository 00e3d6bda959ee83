"""Annotation time: seconds that a user needs for clicks and for looking (paper §F.1.2)."""

from __future__ import annotations

from collections.abc import Sequence

LOCATE_SECONDS = 1.0  # T_loc, to find an object on a frame
CLICK_SECONDS = 1.5  # T_click, for each click
EXAMINE_SECONDS = 30.0  # T_exam, to look through a movie of EXAMINED_FRAMES
EXAMINED_FRAMES = 300


def frame_seconds(clicks: int) -> float:
    """To find an object on a frame and click it."""
    return LOCATE_SECONDS + CLICK_SECONDS * clicks


def offline_seconds(length: int, clicks: Sequence[int]) -> float:
    """For one object when the whole movie is looked at in each round.

    Parameters
    ----------
    length : int
        L, frames of the movie.
    clicks : sequence of int
        Clicks of each round.
    """
    return sum(_examine_seconds(length) + frame_seconds(count) for count in clicks)


def online_seconds(length: int, clicks: Sequence[int]) -> float:
    """For one object when the movie is followed once and stopped at bad frames.

    Parameters
    ----------
    length : int
        L, frames of the movie.
    clicks : sequence of int
        Clicks of each prompted frame.
    """
    return _examine_seconds(length) + sum(frame_seconds(count) for count in clicks)


def _examine_seconds(length: int) -> float:
    return EXAMINE_SECONDS * length / EXAMINED_FRAMES

"""Tiny labelled movies, drawn as text: a digit is three by three pixels of that object."""

from __future__ import annotations

import numpy as np

CELL = 3


def drawn(*frames: str) -> np.ndarray:
    """(T, Y, X) uint16 labels; one string a frame, all of one length, "." is background."""
    rows = [[0 if sign == "." else int(sign) for sign in frame] for frame in frames]
    cells = np.array(rows, np.uint16)[:, None, :]
    return cells.repeat(CELL, axis=1).repeat(CELL, axis=2)

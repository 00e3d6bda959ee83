"""Timelines drawn as text, one character a frame.

.  nothing      =  mask           p  prompted      L  locked
?  doubtful     v  doubtful, but accepted          x  lost
"""

from types import SimpleNamespace

import numpy as np


def timeline(drawing: str, measured=None):
    """What an annotation would tell of such an object, and its measurements."""
    frames = np.array(list(drawing))
    has_mask = np.isin(frames, list("=pL?v"))
    quality = np.where(np.isin(frames, list("?v")), 0.3, 0.9).astype(np.float32)
    return SimpleNamespace(
        has_mask=has_mask,
        is_prompted=frames == "p",
        is_locked=frames == "L",
        is_reviewed=frames == "v",
        is_lost=frames == "x",
        quality=np.where(has_mask, quality, np.nan).astype(np.float32),
        doubts=np.isin(frames, list("?v")).astype(np.uint16),
        error_probability=np.full(len(frames), np.nan, np.float32),
        reasons=("",) * len(frames),
        is_likely_wrong=np.zeros(len(frames), bool),
        is_stop=np.zeros(len(frames), bool),
        is_unusual=np.zeros(len(frames), bool),
        measurements=dict(measured or {}),
    )

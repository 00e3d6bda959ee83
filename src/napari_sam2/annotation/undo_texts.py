"""Words of the undo texts that menus and tooltips show: there an object is called a cell."""

from __future__ import annotations

import re
from collections.abc import Collection


def counted(number: int, noun: str) -> str:
    """Number and noun, such as "1 cell" and "24 cells"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def frames_text(frames: Collection[int]) -> str:
    """Frames as text: "frame 3", "frames 3 to 8", or "4 frames" where some between are missing."""
    first, last = min(frames), max(frames)
    if first == last:
        return f"frame {first}"
    if last - first + 1 == len(frames):
        return f"frames {first} to {last}"
    return counted(len(frames), "frame")


def worded_in_3d(text: str, planes: int) -> str:
    """A text about frames as the user reads it in 3D, where the frames are planes of volumes.

    "frame 38" becomes "plane 2 at time 3" for volumes of 12 planes, "frames 36 to 47" becomes
    "time 3", and "5 frames" becomes "5 planes".

    Parameters
    ----------
    text : str
        The text.
    planes : int
        Planes of each volume; for 1, the text stays as it is.
    """
    if planes == 1:
        return text

    def place(number: str) -> str:
        t, z = divmod(int(number), planes)
        return f"plane {z} at time {t}"

    def places(first: str, last: str) -> str:
        (t, z), (u, y) = divmod(int(first), planes), divmod(int(last), planes)
        if (z, y) == (0, planes - 1):
            return f"time {t}" if t == u else f"times {t} to {u}"
        if t == u:
            return f"planes {z} to {y} at time {t}"
        return f"{place(first)} to {place(last)}"

    text = re.sub(r"\bframes (\d+) to (\d+)", lambda found: places(*found.groups()), text)
    text = re.sub(r"\bframe (\d+)", lambda found: place(found[1]), text)
    return re.sub(r"(\d+) frames?\b", lambda found: counted(int(found[1]), "plane"), text)

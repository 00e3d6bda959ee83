"""Words of the undo texts that menus and tooltips show: there an object is called a cell."""

from __future__ import annotations

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

"""How much memory the program uses, and how much a run will need."""

from __future__ import annotations

import psutil


def used_bytes() -> int:
    """Memory of this program that is in the machine's RAM."""
    return int(psutil.Process().memory_info().rss)


def forecast_bytes(at_start: int, now: int, done: int, total: int) -> int:
    """Memory at the end of a run, if it goes on growing as it did in its first `done` steps."""
    growth = max(0, now - at_start)
    return now + (growth * (total - done) // done if done else 0)


def gigabytes(size_bytes: int) -> str:
    """A size as "1.3 GB"."""
    return f"{size_bytes / 1e9:.1f} GB"

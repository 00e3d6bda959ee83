"""Memory use of the program, and its forecast for the end of a run."""

from __future__ import annotations

import psutil


def used_bytes() -> int:
    """Resident memory of this program in bytes."""
    return int(psutil.Process().memory_info().rss)


def forecast_bytes(at_start: int, now: int, done: int, total: int) -> int:
    """Memory at the end of a run, extrapolated from the growth in its first `done` steps."""
    growth = max(0, now - at_start)
    return now + (growth * (total - done) // done if done else 0)


def gigabytes(size_bytes: int) -> str:
    """Format a size as "1.3 GB"."""
    return f"{size_bytes / 1e9:.1f} GB"

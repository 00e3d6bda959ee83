"""Release of freed memory to the system."""

from __future__ import annotations

import ctypes
import sys


def release_freed_memory() -> None:
    """Give freed memory back to the system.

    The C library of most Linux systems keeps it, in pieces between what is still in use: over a
    long movie that adds up. Elsewhere nothing is done.
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

"""Release of freed memory to the system."""

from __future__ import annotations

import ctypes
import sys


def release_freed_memory() -> None:
    """Return freed memory to the system.

    The C library of most Linux systems keeps freed memory in fragments, which adds up over a long
    movie. On other systems this function does nothing.
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

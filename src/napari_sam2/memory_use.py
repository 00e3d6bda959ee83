"""Release of freed memory to the system."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

RELEASE_EVERY_S = 1.0  # releasing memory takes some milliseconds


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


def releasing_memory(items: Iterable[T]) -> Iterator[T]:
    """Iterate over items of long work, and return freed memory to the system once a second.

    Memory is returned at the end too, but not if all of the work takes less than a second.

    Parameters
    ----------
    items : iterable
        Such as the frames of a movie, each of which needs some memory for a while.

    Yields
    ------
    object
        The items.
    """
    begun = released = time.monotonic()
    for item in items:
        if time.monotonic() - released >= RELEASE_EVERY_S:
            release_freed_memory()
            released = time.monotonic()
        yield item
    if released > begun:
        release_freed_memory()

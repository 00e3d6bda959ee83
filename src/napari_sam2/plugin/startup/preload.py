"""Preload the libraries of PyTorch without blocking the window.

Python holds its global lock while it loads an extension module. For PyTorch this takes a third of a
second, or more than a second from a cold disk, during which the window freezes although another
thread imports the module. A call through ctypes releases the lock. A later import of PyTorch finds
its libraries already loaded.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

logger = logging.getLogger(__name__)

SUFFIXES = {
    "linux": ".so",
    "darwin": ".dylib",
}  # on Windows torch loads its libraries through ctypes
LIBRARIES = ("libtorch_global_deps", "libtorch_python")  # in the order in which torch loads them


def preload_torch() -> bool:
    """Load the libraries of PyTorch; return whether they are loaded.

    A failure is not an error: the later import of PyTorch then takes longer, or raises the error.
    """
    spec = find_spec("torch")
    suffix = SUFFIXES.get(sys.platform)
    if "torch" in sys.modules or spec is None or spec.origin is None or suffix is None:
        return "torch" in sys.modules
    folder = Path(spec.origin).parent / "lib"
    return all(_load(folder / f"{name}{suffix}", name) for name in LIBRARIES)


def _load(path: Path, name: str) -> bool:
    if not path.is_file():
        return False
    mode = os.RTLD_NOW | (os.RTLD_GLOBAL if name == LIBRARIES[0] else os.RTLD_LOCAL)
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    is_loaded = dlopen(os.fsencode(path), mode) is not None
    if not is_loaded:
        logger.debug("could not load %s ahead of torch", path)
    return is_loaded


class _Pauses:
    """Who has put off garbage collection, in all threads, and the thresholds to go back to."""

    lock = threading.Lock()
    number = 0
    thresholds = gc.get_threshold()


@contextmanager
def uncollected() -> Iterator[None]:
    """Put off garbage collection while modules are imported.

    Imports create hundreds of thousands of objects that are never freed. Garbage collection would
    search all objects repeatedly, which takes a third of the import time and blocks every thread.
    Afterwards the new objects are moved to the oldest generation, as if they had been searched.

    Collection stays enabled, with a threshold that is never reached: dask.array notes when it is
    imported whether collection is enabled, and would otherwise disable it for good at its first
    slice, if another thread imports it meanwhile.
    """
    with _Pauses.lock:
        if not _Pauses.number:
            _Pauses.thresholds = gc.get_threshold()
            gc.set_threshold(0)
        _Pauses.number += 1
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # unfreeze would also release objects that other code froze
            gc.freeze()
            gc.unfreeze()
        with _Pauses.lock:
            _Pauses.number -= 1
            if not _Pauses.number:
                gc.set_threshold(*_Pauses.thresholds)

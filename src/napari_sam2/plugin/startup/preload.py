"""Bring modules in without holding up other threads more than they have to.

Python keeps its global lock while it loads an extension module. For torch that takes a third of a
second, and more than one from a cold disk, in which the window stands still although another thread
imports it. A call through ctypes gives the lock away: when torch is imported then, its libraries
are there already.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

logger = logging.getLogger(__name__)

SUFFIXES = {
    "linux": ".so",
    "darwin": ".dylib",
}  # on Windows torch loads its libraries through ctypes
LIBRARIES = ("libtorch_global_deps", "libtorch_python")  # in the order in which torch does


def preload_torch() -> bool:
    """Load the libraries of torch; returns whether they are there.

    It is no error if they are not: importing torch then takes longer, or tells what is wrong.
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


@contextmanager
def uncollected() -> Iterator[None]:
    """Load modules without a search for garbage among what they make.

    They make objects by the hundred thousand, which stay. Python would look through all that the
    program has again and again meanwhile, which takes a third of the time, while every thread
    stands still. In the end they count as old, as what has been looked through does.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # else somebody else has put objects aside for good
            gc.freeze()
            gc.unfreeze()
        if was_on:
            gc.enable()

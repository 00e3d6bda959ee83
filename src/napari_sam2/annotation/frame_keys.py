"""Indices into a stack of frames that are not in one array: which frames an index needs."""

from __future__ import annotations

from typing import Any

import numpy as np


def whole_key(key: Any, ndim: int) -> tuple[Any, ...]:
    """An index of numpy as a tuple with one entry per axis.

    Parameters
    ----------
    key : index
        Numbers, slices, ``...`` and arrays of numbers; or an array of bools for all axes.
    ndim : int
        Number of axes.

    Raises
    ------
    IndexError
        If there are more entries than axes.
    """
    if isinstance(key, np.ndarray) and key.dtype == bool and key.ndim == ndim:
        return tuple(np.nonzero(key))
    parts = key if isinstance(key, tuple) else (key,)
    missing = ndim - sum(part is not Ellipsis for part in parts)
    if missing < 0:
        raise IndexError(f"too many indices: there are {ndim} axes, and {len(parts)} were given")
    place = next((k for k, part in enumerate(parts) if part is Ellipsis), len(parts))
    return (*parts[:place], *[slice(None)] * missing, *parts[place + 1 :])


def frames_of_key(part: Any, length: int) -> tuple[list[int], Any]:
    """The frames that the entry for the axis of frames asks for.

    Parameters
    ----------
    part : int, slice or array of int
        The entry.
    length : int
        Frames of the stack.

    Returns
    -------
    frames : list of int
        The frames to read.
    entry : slice, int or ndarray
        The entry for the array of these frames alone.

    Raises
    ------
    IndexError
        If a frame is outside the stack.
    """
    if isinstance(part, slice):
        return list(range(length)[part]), slice(None)
    numbers = np.asarray(part)
    if numbers.dtype == bool:
        numbers = np.flatnonzero(numbers)
    numbers = numbers.astype(np.intp)
    if numbers.size and not -length <= numbers.min() <= numbers.max() < length:
        raise IndexError(f"a frame of {numbers} is outside the {length} frames")
    needed, places = np.unique(numbers % length, return_inverse=True)
    return needed.tolist(), int(places.item()) if not numbers.ndim else places.reshape(
        numbers.shape
    )

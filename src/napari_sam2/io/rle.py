"""Run-length encoding of masks, in the format of the COCO data set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.annotation.actions import run_lengths

_OFFSET = 48  # the characters of a compressed count begin at "0"
_CONTINUES = 0x20
_SIGN = 0x10


def encode_rle(mask: NDArray[np.bool_], *, compressed: bool = False) -> dict[str, Any]:
    """Run lengths of a mask.

    Parameters
    ----------
    mask : (Y, X) bool
    compressed : bool
        Whether the counts are a string, as COCO's tools write them.

    Returns
    -------
    dict
        ``{"size": [Y, X], "counts": [...]}``: lengths of runs down the columns, from the left
        column on, beginning with background, which may have length 0.
    """
    pixels = np.asarray(mask, dtype=bool)
    counts = run_lengths(pixels)
    return {"size": list(pixels.shape), "counts": _compress(counts) if compressed else counts}


def decode_rle(rle: dict[str, Any]) -> NDArray[np.bool_]:
    """Mask of run lengths, plain or compressed to a string.

    Parameters
    ----------
    rle : dict
        As `encode_rle` returns; ``counts`` may also be the string that COCO tools write.

    Returns
    -------
    (Y, X) bool

    Raises
    ------
    ValueError
        If something is missing, or the runs do not add up to the size.
    """
    height, width, counts = _checked(rle)
    if any(count < 0 for count in counts) or sum(counts) != height * width:
        raise ValueError(f"runs add up to {sum(counts)} pixels; expected {height} * {width}")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape((height, width), order="F")


def _checked(rle: dict[str, Any]) -> tuple[int, int, list[int]]:
    try:
        height, width = (int(size) for size in rle["size"])
        counts = rle["counts"]
        numbers = (
            _decompress(counts) if isinstance(counts, str) else [int(count) for count in counts]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError('a mask of run lengths is {"size": [Y, X], "counts": [...]}') from error
    return height, width, numbers


def _compress(counts: list[int]) -> str:
    """Counts as COCO's string; see `_decompress`."""
    characters = []
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        is_whole = False
        while not is_whole:
            bits = value & 0x1F
            value >>= 5
            is_whole = value == (-1 if bits & _SIGN else 0)
            characters.append(chr(bits + (0 if is_whole else _CONTINUES) + _OFFSET))
    return "".join(characters)


def _decompress(text: str) -> list[int]:
    """Counts from COCO's string: six bits per character, from the third count on the change from
    two before.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - _OFFSET
        if not 0 <= bits < 64:
            raise ValueError(f"{character!r} is no part of compressed run lengths")
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & _CONTINUES:
            if bits & _SIGN:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("compressed run lengths end in the middle of a number")
    return counts

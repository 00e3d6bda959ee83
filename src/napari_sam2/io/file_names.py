"""What the names of the images in a folder count: time, channels, planes, positions."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_WORDS = (  # what a number counts, by the word before it
    ("C", r"c|ch|channel|chan|w|wave|wavelength"),
    ("Z", r"z|slice|plane|depth|focus"),
    ("P", r"p|pos|position|xy|s|site|series|field|fov|well"),
    ("T", r"t|time|timepoint|frame|tp"),
)
_NAMES = {"C": "channels", "Z": "planes", "P": "positions", "T": "frames", "?": "numbers"}
_NAMED = 8  # missing numbers that a message lists


@dataclass(frozen=True)
class Counted:
    """Axes that the names of files count.

    Parameters
    ----------
    axes : str
        One letter per axis: T, Z and C.
    shape : tuple of int
        Lengths of the axes; the product is the number of files.
    """

    axes: str
    shape: tuple[int, ...]


def natural_order(name: str) -> list[tuple[int, str]]:
    """Key that sorts t2.tif before t10.tif.

    Examples
    --------
    >>> sorted(["t10", "t9", "t1"], key=natural_order)
    ['t1', 't9', 't10']
    """
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def counted_files(files: list[Path], source: str) -> tuple[list[Path], Counted]:
    """The files in the order of the axes that their names count.

    Parameters
    ----------
    files : list of Path
        In natural order.
    source : str
        Name of the folder, for messages.

    Raises
    ------
    ValueError
        If the names follow several patterns, or count positions, or not every channel and plane is
        there.

    Warns
    -----
    UserWarning
        If numbers are missing.
    """
    _check_patterns(files, source)
    fields = [[int(number) for number in re.findall(r"\d+", file.stem)] for file in files]
    varying = [
        place for place, values in enumerate(zip(*fields, strict=True)) if len({*values}) > 1
    ]
    letters = {place: _letter(files[0].stem, place) for place in varying}
    if any(letter in "CZP" for letter in letters.values()):
        return _grid(files, fields, letters, source)
    _warn_of_holes(files, fields, varying, source)
    return files, Counted("T", (len(files),))


def _check_patterns(files: list[Path], source: str) -> None:
    patterns = Counter(re.sub(r"\d+", "#", file.name) for file in files)
    if len(patterns) > 1 and any("#" in pattern for pattern in patterns):
        found = ", ".join(f"{count} as {pattern}" for pattern, count in patterns.most_common(4))
        raise ValueError(
            f"the images in {source} have names of {len(patterns)} kinds ({found}), where # is a "
            "number: keep one kind in the folder"
        )


def _letter(stem: str, place: int) -> str:
    """What the number at a place of a name counts; "?" if the word before it does not tell."""
    before = re.split(r"\d+", stem)[place]
    word = re.search(r"([a-z]*)[^a-z]*$", re.sub(r"([a-z])([A-Z])", r"\1_\2", before).lower())
    found = word[1] if word else ""
    return next((letter for letter, words in _WORDS if re.fullmatch(words, found)), "?")


def _grid(
    files: list[Path], fields: list[list[int]], letters: dict[int, str], source: str
) -> tuple[list[Path], Counted]:
    """Files whose names count channels, planes or positions, too."""
    values = {place: sorted({field[place] for field in fields}) for place in letters}
    counts = ", ".join(
        f"{_NAMES[letters[place]]} {found[0]} to {found[-1]}" for place, found in values.items()
    )
    if "P" in letters.values():
        raise ValueError(
            f"the images in {source} are of several positions ({counts}): keep those of one "
            "position in a folder"
        )
    axes = "".join("T" if letter == "?" else letter for letter in letters.values())
    size = 1
    for found in values.values():
        size *= len(found)
    if len({*axes}) < len(axes) or size != len(files):
        raise ValueError(
            f"the names of the images in {source} count {counts}, but there are {len(files)} "
            "images: keep those of one channel and plane in a folder"
        )
    order = sorted(range(len(files)), key=lambda i: [fields[i][place] for place in letters])
    if len({tuple(fields[i][place] for place in letters) for i in order}) < len(files):
        raise ValueError(f"the images in {source} count {counts} twice")
    for place in letters:
        _warn_of_missing(values[place], f"{source}: {_NAMES[letters[place]]}")
    return [files[i] for i in order], Counted(axes, tuple(len(found) for found in values.values()))


def _warn_of_holes(
    files: list[Path], fields: list[list[int]], varying: list[int], source: str
) -> None:
    counters = [p for p in varying if len({field[p] for field in fields}) == len(files)]
    if len(varying) == 1 and counters:
        _warn_of_missing([field[counters[0]] for field in fields], f"{source}: images")


def _warn_of_missing(numbers: list[int], source: str) -> None:
    """Warn where a few numbers of an even count are not there."""
    gaps = Counter(later - earlier for earlier, later in pairwise(numbers))
    if not gaps:
        return
    step = gaps.most_common(1)[0][0]
    if any(gap % step for gap in gaps):
        return
    present = {*numbers}
    missing = [n for n in range(numbers[0], numbers[-1], step) if n not in present]
    if 0 < len(missing) <= len(numbers):
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        warnings.warn(
            f"{source} with the numbers {', '.join(map(str, missing[:_NAMED]))}{more} are missing: "
            "the movie continues with the next one",
            stacklevel=2,
        )

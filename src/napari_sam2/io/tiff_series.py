"""The images (series) of a TIFF file: which of them is the movie."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import tifffile


def chosen_series(
    tif: tifffile.TiffFile, source: str, number: int | None = None
) -> list[tifffile.TiffPageSeries]:
    """The series that make up the movie; several where each holds one frame.

    Small copies of other images, which are marked as such, are passed over. Series that are alike
    are frames of one movie, unless the file says that they are images of their own, as OME does
    with positions.

    Parameters
    ----------
    tif : TiffFile
        The file.
    source : str
        Its name, for messages.
    number : int, optional
        The series to take.

    Raises
    ------
    ValueError
        If there are several and none was chosen, or there is none of this number.
    """
    whole = _whole_series(tif)
    if number is not None:
        if not 0 <= number < len(whole):
            raise ValueError(
                f"{source} has {len(whole)} images, 0 to {len(whole) - 1}; got {number}"
            )
        return [whole[number]]
    if _is_one_movie(tif, whole):
        return whole
    kinds = _kinds(whole)
    text = ", ".join(
        f"{count} of {_sizes(shape)} {dtype}" for (shape, dtype), count in kinds.items()
    )
    raise ValueError(
        f"{source} holds {len(whole)} images ({text}): choose one with --series 0 to "
        f"{len(whole) - 1} (in Python: series=0)"
    )


def count_of_movies(path: str | os.PathLike[str]) -> int:
    """Number of movies in a TIFF file: more than 1 where one must be chosen by its number.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read.
    """
    with tifffile.TiffFile(path) as tif:
        whole = _whole_series(tif)
        return 1 if not whole or _is_one_movie(tif, whole) else len(whole)


def missing_text(tif: tifffile.TiffFile, source: str, pages: list[Any]) -> str:
    """What to say of a set of files some of whose pages are not there."""
    folder = Path(tif.filehandle.dirname)
    named = re.findall(r'FileName="([^"]+)"', tif.ome_metadata or "")
    missing = sorted({name for name in named if not (folder / name).is_file()})
    count = sum(page is None for page in pages)
    where = f": the files {', '.join(missing)} are not beside it" if missing else ""
    return f"{source} lacks {count} of its {len(pages)} images{where}"


def _whole_series(tif: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """All series but the small copies of others."""
    return [series for series in tif.series if not _is_reduced(series)] or list(tif.series)


def _is_one_movie(tif: tifffile.TiffFile, whole: list[tifffile.TiffPageSeries]) -> bool:
    """Whether series are one movie: there is one, or they are frames that are alike."""
    if len(whole) == 1:
        return True
    is_alike = len(_kinds(whole)) == 1 and not tif.is_ome
    return is_alike and len(whole[0].shape) - _is_colour(whole[0]) < 3


def _kinds(whole: list[tifffile.TiffPageSeries]) -> Counter[tuple[tuple[int, ...], str]]:
    """How many series there are of each shape and dtype."""
    return Counter((tuple(series.shape), str(series.dtype)) for series in whole)


def _is_reduced(series: tifffile.TiffPageSeries) -> bool:
    return bool(getattr(series.keyframe, "is_reduced", False))


def _is_colour(series: tifffile.TiffPageSeries) -> bool:
    return "S" in series.axes


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))

"""Tables as CSV, among them those of scores and of possible divisions."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

from napari_sam2.io.atomic import atomic_path
from napari_sam2.memory_use import releasing_memory

if TYPE_CHECKING:
    from napari_sam2.annotation.division_proposals import DivisionProposal

_DIGITS = 7


@dataclass(frozen=True)
class ScoreRow:
    """Area and scores of one object on one frame.

    Parameters
    ----------
    frame : int
        Index from 0.
    object_id : int
        Value in the labels.
    area_px : int
        Number of pixels in the labels.
    predicted_iou : float or None
        Overlap that the model predicts for its mask, 0 to 1; None where the model did not see the
        object.
    occlusion_score : float or None
        Logit that the object is visible; below 0 the mask is empty.
    prompted : bool
        Whether a person prompted the object on this frame.
    error_probability : float or None
        Chance that the IoU with the true mask is below 0.75, 0 to 1; None where it is unknown.
    backward_iou : float or None
        IoU with the mask that tracking back from the end gives; None where this was not checked.
    """

    frame: int
    object_id: int
    area_px: int
    predicted_iou: float | None
    occlusion_score: float | None
    prompted: bool
    error_probability: float | None = None
    backward_iou: float | None = None


def write_scores(
    path: str | os.PathLike[str],
    rows: Iterable[ScoreRow],
    frame_column: str = "frame",
    *,
    was_checked: bool = False,
) -> None:
    """Write scores as CSV with a header, one line per object and frame; None is left blank.

    Parameters
    ----------
    path : path
        .csv file.
    rows : iterable of ScoreRow
    frame_column : str
        Name of the first column: "z" where the frames are slices, see `ImageScale.frame_column`.
    was_checked : bool
        Whether there was a backward check; only then there is a column ``backward_iou``.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    columns = [field.name for field in fields(ScoreRow)]
    count = len(columns) if was_checked else len(columns) - 1
    header = [frame_column, *columns[1:count]]
    write_table(path, header, (map(_score, astuple(row)[:count]) for row in rows))


def write_divisions(
    path: str | os.PathLike[str],
    proposals: Iterable[DivisionProposal],
    frame_column: str = "frame",
) -> None:
    """Write possible divisions as CSV with a header, one line per division in their order.

    The columns are ``frame`` (the first frame of the daughters), ``mother``, ``score``, and a place
    inside each daughter in pixels: ``daughter_1_y``, ``daughter_1_x``, ``daughter_2_y`` and
    ``daughter_2_x``.

    Parameters
    ----------
    path : path
        .csv file.
    proposals : iterable of DivisionProposal
    frame_column : str
        Name of the first column: "z" where the frames are slices, see `ImageScale.frame_column`.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    places = [f"daughter_{number}_{axis}" for number in (1, 2) for axis in "yx"]
    rows = ((one.t, one.mother, one.score, *one.daughter_1, *one.daughter_2) for one in proposals)
    write_table(
        path, [frame_column, "mother", "score", *places], (map(_score, row) for row in rows)
    )


def write_table(
    path: str | os.PathLike[str], header: Iterable[str], rows: Iterable[Iterable[object]]
) -> None:
    """Write a CSV file with a header, UTF-8, numbers with 7 digits; None is left blank."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(header)
        table.writerows([_number(value) for value in row] for row in releasing_memory(rows))


def _number(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{_DIGITS}g}" if math.isfinite(value) else ""
    return value


def _score(value: object) -> object:
    """A value of a table with 4 decimals; a bool as 0 or 1."""
    if isinstance(value, bool):
        return int(value)
    return f"{value:.4f}" if isinstance(value, float) else value

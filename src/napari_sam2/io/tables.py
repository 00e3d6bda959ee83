"""Tables of scores as CSV."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

from napari_sam2.io.atomic import atomic_path


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
    """

    frame: int
    object_id: int
    area_px: int
    predicted_iou: float | None
    occlusion_score: float | None
    prompted: bool


def write_scores(
    path: str | os.PathLike[str], rows: Iterable[ScoreRow], frame_column: str = "frame"
) -> None:
    """Write scores as CSV with a header, one line per object and frame; None is left blank.

    Parameters
    ----------
    path : path
        .csv file.
    rows : iterable of ScoreRow
    frame_column : str
        Name of the first column: "z" where the frames are slices, see `ImageScale.frame_column`.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([frame_column, *(field.name for field in fields(ScoreRow)[1:])])
        table.writerows(_cells(row) for row in rows)


def _cells(row: ScoreRow) -> list[str]:
    return [_cell(value) for value in astuple(row)]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.4f}" if isinstance(value, float) else str(value)

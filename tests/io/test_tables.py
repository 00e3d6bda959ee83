from __future__ import annotations

import csv
from pathlib import Path

from napari_sam2.annotation.division_proposals import DivisionProposal
from napari_sam2.io.tables import ScoreRow, write_divisions, write_scores


def test_scores_have_a_header_and_one_line_each(tmp_path: Path) -> None:
    rows = [ScoreRow(0, 1, 30, 0.91234, 4.5, True), ScoreRow(1, 1, 0, None, -2.0, False)]
    write_scores(tmp_path / "scores.csv", rows)
    with (tmp_path / "scores.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first["predicted_iou"] == "0.9123"
    assert (first["prompted"], second["prompted"]) == ("1", "0")
    assert (second["frame"], second["predicted_iou"]) == ("1", "")
    assert second["occlusion_score"] == "-2.0000"


def test_divisions_have_a_place_in_each_daughter(tmp_path: Path) -> None:
    write_divisions(tmp_path / "d.csv", [DivisionProposal(4, 7, 0.875, (1.0, 2.5), (3.0, 4.0))])
    with (tmp_path / "d.csv").open(newline="") as file:
        header, row = csv.reader(file)
    assert header == [
        "frame",
        "mother",
        "score",
        "daughter_1_y",
        "daughter_1_x",
        "daughter_2_y",
        "daughter_2_x",
    ]
    assert row == ["4", "7", "0.8750", "1.0000", "2.5000", "3.0000", "4.0000"]

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.evaluation.ground_truth import label_movie
from napari_sam2.evaluation.plot import write_plot
from napari_sam2.evaluation.protocol_names import PromptKind
from napari_sam2.evaluation.protocols import image, online, vos
from napari_sam2.evaluation.report import Report, as_dict, as_text, write_csv, write_json
from tests.evaluation.forgetful import Forgetful
from tests.evaluation.worlds import drawn

TRUTH = label_movie(drawn("1.2.", "1...", "1...", "1..."))
MOVIE = np.zeros(TRUTH.shape, np.uint8)
FIGURES = {"J", "F", "J&F", "clicks", "seconds_per_frame"}


def tracked(patience: int = 2) -> Report:
    made = [vos(Forgetful(TRUTH, p), MOVIE, TRUTH, PromptKind.three_clicks) for p in (patience, 1)]
    return Report(made[0], {"model": "forgetful", "movie": "none.tif"}, made[1])


def test_every_level_has_the_same_figures() -> None:
    found = as_dict(tracked())
    assert found["summary"].keys() >= FIGURES | {"DET", "SEG", "TRA"}
    for level in ("objects", "frames"):
        assert all(entry.keys() >= FIGURES for entry in found[level])
        assert all(entry.keys() >= FIGURES for entry in found["baseline"][level])


def test_summary_is_the_mean_of_the_objects() -> None:
    found = as_dict(tracked())
    assert found["summary"]["J"] == pytest.approx(2 / 3)
    assert found["summary"]["J"] == found["objects"][0]["J"]
    assert found["baseline"]["summary"]["J"] == pytest.approx(1 / 3)


def test_undefined_figure_is_null_with_a_reason() -> None:
    lonely = as_dict(tracked())["objects"][1]
    assert lonely["object"] == 2
    assert lonely["J"] is lonely["J&F"] is None
    assert "one labelled frame" in lonely["reason"]


def test_json_is_strict(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", tracked())
    text = (tmp_path / "a.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["provenance"]["model"] == "forgetful"


def test_table_has_a_line_for_each_object_and_frame(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", tracked())
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    ours = [row for row in rows if row["method"] == "forgetful" and row["object"] == "1"]
    assert [row["J"] for row in ours] == ["", "1.000000", "1.000000", "0.000000"]
    assert [row["clicks"] for row in ours] == ["3", "0", "0", "0"]


def test_screen_shows_both_methods_and_reasons() -> None:
    text = as_text(tracked())
    assert "baseline J&F" in text
    assert "object 2: it is on one labelled frame only" in text
    assert "forgetful: DET" in text


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
@pytest.mark.parametrize("protocol", [image, vos, online])
def test_plot_is_drawn(protocol: object, suffix: str, tmp_path: Path) -> None:
    evaluation = protocol(Forgetful(TRUTH, 1), MOVIE, TRUTH)  # type: ignore[operator]
    write_plot(tmp_path / f"a.{suffix}", Report(evaluation, {}))
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert (tmp_path / f"a.{suffix}").read_bytes().startswith(start)


def test_other_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"written as \.png"):
        write_plot(tmp_path / "a.xyz", tracked())
    assert not list(tmp_path.iterdir())

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from safetensors import safe_open

from napari_sam2.cli import main
from napari_sam2.cli.errors import UsageError
from napari_sam2.cli.teach import parse_frames
from napari_sam2.model import build_model
from napari_sam2.training import teach as lessons
from tests.training.worlds import TINY


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A movie of six discs with labels beside it, on two of three frames."""
    y, x = np.mgrid[:160, :240]
    labels = np.zeros((3, 160, 240), np.uint16)
    for k in range(6):
        centre = 40 + 80 * (k // 3), 40 + 80 * (k % 3)
        labels[:, (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 20**2] = k + 1
    tifffile.imwrite(
        tmp_path / "movie.tif", (100 * (labels > 0)).astype(np.uint8), photometric="minisblack"
    )
    labels[2] = 0
    tifffile.imwrite(tmp_path / "labels.tif", labels, photometric="minisblack")
    return tmp_path / "movie.tif"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teach a tiny network."""
    monkeypatch.setattr("napari_sam2.cli.teach.load", lambda *_: build_model(TINY))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], movie: Path) -> Any:
    """Teach with the labels of the movie unless told otherwise; exit code, output and errors."""

    def run(*options: str, labels: bool = True, source: Path = movie) -> tuple[int, str, str]:
        given = ["--labels", str(movie.with_name("labels.tif"))] if labels else []
        output = str(movie.with_name("mine.safetensors"))
        with pytest.raises(SystemExit) as ended:
            main(["teach", str(source), *given, "-o", output, "--minutes", "0.01", *options])
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


def test_a_gain_is_written_with_its_figures(
    run: Any, movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "LEAST_GAIN", -1.0)
    code, out, _ = run()
    assert code == 0
    assert "masks kept aside" in out
    with safe_open(movie.with_name("mine.safetensors"), "pt") as file:
        assert file.metadata()["base"] == "cells"


def test_notes_of_the_lesson_are_errors_of_the_shell(run: Any) -> None:
    _, out, err = run("--frames", "0")
    assert "tested on 1 mask only, so the figure is rough" in err
    assert "rough" not in out


def test_no_gain_writes_nothing_and_exits_with_3(
    run: Any, movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "LEAST_GAIN", 1.0)
    code, out, _ = run()
    assert code == 3
    assert "no gain" in out
    assert not movie.with_name("mine.safetensors").exists()


def test_keep_anyway_writes_what_is_no_gain(
    run: Any, movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "LEAST_GAIN", 1.0)
    code, _, _ = run("--keep-anyway")
    assert code == 3
    assert movie.with_name("mine.safetensors").exists()


def test_a_movie_without_labels_is_refused(run: Any) -> None:
    code, _, err = run(labels=False)
    assert code == 2
    assert "each movie needs its labels" in err


@pytest.mark.parametrize("part", ["", "train"])
def test_a_folder_of_images_and_labels_is_learnt_from(
    run: Any, movie: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(lessons, "LEAST_GAIN", -1.0)
    folder = movie.with_name("set")
    for kind, name in (("images", "movie.tif"), ("labels", "labels.tif")):
        (folder / part / kind).mkdir(parents=True)
        (folder / part / kind / "one.tif").write_bytes(movie.with_name(name).read_bytes())
    taught = run(source=folder, labels=False)
    assert taught[0] == 0, taught
    assert movie.with_name("mine.safetensors").exists()


def test_a_folder_without_labels_on_the_chosen_frames_is_refused(run: Any, movie: Path) -> None:
    folder = movie.with_name("set")
    for kind, name in (("images", "movie.tif"), ("labels", "labels.tif")):
        (folder / kind).mkdir(parents=True)
        (folder / kind / "one.tif").write_bytes(movie.with_name(name).read_bytes())
    code, _, err = run("--frames", "2", source=folder, labels=False)
    assert code == 2
    assert "no cell is labelled on the chosen frames of set" in err


def test_frames_without_labels_are_refused(run: Any) -> None:
    code, _, err = run("--frames", "2")
    assert code == 2
    assert "no cell is labelled on the chosen frames" in err


@pytest.mark.parametrize(
    ("text", "frames"), [("3", [3]), ("0-2", [0, 1, 2]), ("7, 1-2,2", [1, 2, 7])]
)
def test_frames_are_read_from_a_list(text: str, frames: list[int]) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize("text", ["", "a", "-3", "5-2", "1,,2"])
def test_a_list_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--frames is a list"):
        parse_frames(text)

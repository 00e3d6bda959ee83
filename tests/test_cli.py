from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from napari_sam2.cli import main
from napari_sam2.cli.demo import click_each
from napari_sam2.cli.errors import UsageError
from napari_sam2.cli.options import load
from napari_sam2.finding import Proposal
from napari_sam2.io.movies import open_movie
from napari_sam2.io.samples import synthetic_movie
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tiff import read_labels, write_images, write_labels
from napari_sam2.tracking.pixels import masks_of
from tests.tracking.tiny import build_tiny_model


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command in an empty folder, with a tiny network in place of every model."""
    monkeypatch.setattr("napari_sam2.model.load_model", lambda *_, **__: build_tiny_model())
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        return Result(int(left.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """movie.tif (4, 48, 48) with a scale, prompts.json and first.tif for it."""
    sample = synthetic_movie("phase", (48, 48), frames=4, cells=2)
    write_images(tmp_path / "movie.tif", sample.images, ImageScale((0.5, 0.25), "um", 60.0))
    write_labels(tmp_path / "first.tif", sample.labels[0])
    entries = [{"frame": 1, "object": 7, "points": [[20, 20]]}]
    (tmp_path / "prompts.json").write_text(json.dumps({"prompts": entries}))
    return tmp_path / "movie.tif"


TRACK = ("track", "movie.tif", "--prompts", "prompts.json", "-o", "labels.tif")


def test_track_writes_labels_with_the_scale_of_the_movie(run: Any, movie: Path) -> None:
    result = run(*TRACK)
    assert result.code == 0, result.err
    labels, scale = read_labels("labels.tif")
    assert labels.shape == (4, 48, 48)
    assert set(np.unique(labels)) <= {0, 7}
    assert scale == ImageScale((0.5, 0.25), "um", 60.0)
    assert result.out.startswith("labels.tif: 1 objects on 4 frames")


def test_track_writes_ome_zarr(run: Any, movie: Path) -> None:
    assert run(*TRACK).code == 0
    result = run(*TRACK[:-1], "labels.ome.zarr")
    assert result.code == 0, result.err
    back = open_movie("labels.ome.zarr", as_labels=True)
    np.testing.assert_array_equal(np.asarray(back.data), read_labels("labels.tif")[0])
    assert back.scale == ImageScale((0.5, 0.25), "um", 60.0)


def test_a_folder_is_replaced_only_if_it_holds_labels_of_ours(run: Any, movie: Path) -> None:
    write_labels("labels.ome.zarr", np.ones((2, 4, 4), np.uint8))
    zarr_track = (*TRACK[:-1], "labels.ome.zarr")
    assert "--overwrite" in run(*zarr_track).err
    Path("labels.ome.zarr/notes.txt").write_text("mine")
    refused = run(*zarr_track, "--overwrite")
    assert (refused.code, Path("labels.ome.zarr/notes.txt").read_text()) == (2, "mine")
    assert "holds something else" in refused.err
    Path("labels.ome.zarr/notes.txt").unlink()
    assert run(*zarr_track, "--overwrite").code == 0


def test_labels_are_prompts_that_stay(run: Any, movie: Path) -> None:
    result = run("track", "movie.tif", "-p", "first.tif", "-o", "labels.tif", "-m", "tiny")
    assert result.code == 0, result.err
    np.testing.assert_array_equal(read_labels("labels.tif")[0][0], read_labels("first.tif")[0])


@pytest.mark.parametrize(
    ("direction", "frames"), [("both", {0, 1, 2, 3}), ("forward", {1, 2, 3}), ("backward", {0, 1})]
)
def test_scores_tell_which_frames_were_tracked(
    run: Any, movie: Path, direction: str, frames: set[int]
) -> None:
    run(*TRACK, "--direction", direction, "--scores", "scores.csv")
    with open("scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {int(row["frame"]) for row in rows} == frames
    assert [int(row["frame"]) for row in rows if row["prompted"] == "1"] == [1]
    chances = {float(row["error_probability"]) for row in rows if int(row["area_px"])}
    assert 0 in chances  # a prompted mask
    assert all(0 <= chance <= 1 for chance in chances)


def test_verify_adds_how_far_the_way_back_agrees(run: Any, movie: Path) -> None:
    result = run(*TRACK, "--scores", "scores.csv", "--verify")
    assert result.code == 0, result.err
    with open("scores.csv", newline="") as file:
        rows = {int(row["frame"]): row["backward_iou"] for row in csv.DictReader(file)}
    assert 0 <= float(rows[2]) <= 1  # between the prompt and the last frame
    assert rows[1] == ""
    run(*TRACK, "--scores", "scores.csv", "--overwrite")
    assert "backward_iou" not in Path("scores.csv").read_text()


def test_verify_without_a_table_of_scores_is_refused(run: Any, movie: Path) -> None:
    result = run(*TRACK, "--verify")
    assert (result.code, "needs --scores" in result.err) == (2, True)


def test_track_writes_the_movie_beside_its_labels(run: Any, movie: Path) -> None:
    both = (*TRACK[:-1], "both.ome.zarr")
    assert run(*both, "--with-image").code == 0
    np.testing.assert_array_equal(
        np.asarray(open_movie("both.ome.zarr").data), np.asarray(open_movie(movie).data)
    )
    assert open_movie("both.ome.zarr", as_labels=True).scale == ImageScale((0.5, 0.25), "um", 60.0)
    assert run(*both, "--overwrite").code == 2  # labels alone do not replace the movie
    assert ".ome.zarr" in run(*TRACK, "--with-image").err


def test_track_writes_a_table_of_possible_divisions(run: Any, movie: Path) -> None:
    result = run(*TRACK, "--divisions", "divisions.csv")
    assert result.code == 0, result.err
    header = Path("divisions.csv").read_text().splitlines()[0]
    assert header.startswith("frame,mother,score,daughter_1_y")
    assert "possible divisions" in result.out


def test_a_run_that_fails_leaves_no_empty_folder(run: Any, movie: Path) -> None:
    Path("there").mkdir()
    Path("prompts.json").write_text("no prompts")
    assert run(*TRACK[:-1], "there/new/deep/labels.tif").code == 1
    assert list(Path("there").iterdir()) == []


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line_on_stderr(run: Any, movie: Path) -> None:
    Path("a.ctc").mkdir()
    write_labels("a.ctc/mask000.tif", np.eye(4, dtype=np.uint16))
    write_labels("a.ctc/mask001.tif", np.zeros((4, 4), np.uint16))
    Path("a.ctc/res_track.txt").write_text("1 0 1 0\n")
    result = run("export", "a.ctc", "-o", "labels.tif")
    assert result.code == 0
    (line,) = result.err.splitlines()
    assert line.startswith("napari-sam2: warning: ")
    assert "object 1 has no pixels on frame 1" in line


def test_missing_folders_of_the_outputs_are_made(run: Any, movie: Path) -> None:
    result = run(*TRACK[:-1], "new/deep/labels.tif", "--scores", "other/scores.csv")
    assert result.code == 0, result.err
    assert Path("new/deep/labels.tif").is_file()
    assert Path("other/scores.csv").is_file()


@pytest.mark.parametrize("there", ["labels.tif", "scores.csv"])
def test_files_are_replaced_only_when_told_to(run: Any, movie: Path, there: str) -> None:
    Path(there).write_text("mine")
    refused = run(*TRACK, "--scores", "scores.csv")
    assert (refused.code, Path(there).read_text()) == (2, "mine")
    assert "--overwrite" in refused.err
    assert run(*TRACK, "--scores", "scores.csv", "--overwrite").code == 0
    assert Path(there).read_bytes() != b"mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bogus",), "No such command 'bogus'"),
        (("track",), "Missing argument 'MOVIE'"),
        (("track", "nowhere.tif", "-p", "prompts.json", "-o", "a.tif"), "does not exist"),
        ((*TRACK, "--direction", "up"), "'up' is not one of"),
        ((*TRACK, "--image-size", "500"), "--image-size is a positive multiple of 32, as 512"),
        ((*TRACK, "--model", "nope"), "there is no model 'nope'; expected cells, sam2.1_tiny"),
        ((*TRACK, "--device", "abacus"), "abacus"),
        ((*TRACK[:-1], "labels.png"), "labels are written as .tif"),
        ((*TRACK[:-1], "movie.tif/labels.tif"), "the folder movie.tif cannot be made"),
        ((*TRACK[:-1], "movie.tif", "--overwrite"), "movie.tif is an input"),
        (("demo", "--output", "movie.tif"), "movie.tif is a file"),
        (("models", "download", "nope"), "there is no model 'nope' to download"),
        (("models", "verify", "cells"), "cells is in the package"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(
    run: Any, movie: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "prompts.json is not JSON"),
        ('{"prompts": [{"frame": 9, "object": 1, "points": [[1, 1]]}]}', "frame must be"),
        ('{"prompts": [{"frame": 0, "object": 1, "points": [[1, 99]]}]}', "outside of the"),
    ],
)
def test_failure_is_one_line_and_code_1(run: Any, movie: Path, content: str, message: str) -> None:
    Path("prompts.json").write_text(content)
    result = run(*TRACK)
    assert (result.code, result.out) == (1, "")
    assert message in result.err
    assert result.err.count("\n") == 1
    assert not Path("labels.tif").exists()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough free memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "not enough free memory"),
        (OSError(28, "No space left on device"), "The disk is full"),
    ],
)
def test_a_shortage_is_told_in_words(
    run: Any, movie: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("napari_sam2.annotation.Annotation.propagate", refuse)
    result = run(*TRACK)
    assert (result.code, result.out) == (1, "")
    assert words in result.err


def test_debug_shows_where_an_error_came_from(run: Any, movie: Path) -> None:
    Path("prompts.json").write_text("{")
    assert "Traceback" not in run(*TRACK).err
    assert "Traceback" in run(*TRACK, "--debug").err


def test_interrupted_run_writes_nothing(
    run: Any, movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_sam2.annotation.Annotation.propagate", interrupt)
    before = sorted(os.listdir())
    result = run(*TRACK)
    assert result.code == 1
    assert "stopped" in result.err
    assert sorted(os.listdir()) == before


def test_demo_writes_all_that_it_says(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = synthetic_movie("phase", (64, 64), frames=3, cells=2)
    monkeypatch.setattr("napari_sam2.io.samples.synthetic_movie", lambda **_: small)
    result = run("demo", "-o", "out")
    assert result.code == 0, result.err
    assert "mean IoU" in result.out
    assert "frames/s with" in result.out
    for name in result.out.splitlines()[-1].split(": ")[1].split(", "):
        assert Path("out", name).stat().st_size > 100
    assert open_movie("out/movie.tif").shape == read_labels("out/labels.tif")[0].shape
    assert open_movie("out/overlay.mp4").shape[0] == 3
    assert run("demo", "-o", "out").code == 2
    assert run("demo", "-o", "out", "--overwrite").code == 0


def test_files_of_the_demo_can_be_tracked_again(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = synthetic_movie("phase", (64, 64), frames=3, cells=2)
    monkeypatch.setattr("napari_sam2.io.samples.synthetic_movie", lambda **_: small)
    run("demo", "-o", "out")
    assert run("track", "out/movie.tif", "-p", "out/prompts.json", "-o", "again.tif").code == 0
    np.testing.assert_array_equal(read_labels("again.tif")[0], read_labels("out/labels.tif")[0])


def test_clicks_fall_on_their_objects_when_they_appear() -> None:
    labels = np.zeros((3, 20, 20), np.uint16)
    labels[:, 2:9, 2:9] = 1
    labels[2, 10:20, 10:20] = 4
    first, second = click_each(labels)
    assert (first.t, first.object_id, first.points.tolist()) == (0, 1, [[5, 5]])
    assert (second.t, second.object_id) == (2, 4)
    y, x = second.points[0].astype(int)
    assert labels[2, y, x] == 4


def test_models_are_listed_with_their_state(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_sam2.model.registry.cache_dir", lambda: Path("cache"))
    for arguments in (("models",), ("models", "list")):
        lines = run(*arguments).out.splitlines()
        assert len(lines) == 1 + 9 + 2
        assert lines[1].split()[:2] == ["cells", "embedded"]
        assert lines[2].split()[:2] == ["sam2.1_tiny", "missing"]


def test_download_ends_with_the_path(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, progress: Any) -> Path:
        progress(50, 0)
        progress(100, 100)
        return Path(f"{name}.pt")

    monkeypatch.setattr("napari_sam2.model.registry.download", download)
    assert run("models", "download", "sam2_tiny").out == "sam2_tiny: sam2_tiny.pt\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {}),
        (("--image-size", "512"), {"image_size": 512}),
        (("--fast", "--local"), {"precision": "fast", "memory_reach": "local"}),
        (("--windows", "auto"), {"windows": "auto"}),
    ],
)
def test_settings_reach_the_model(
    options: tuple[str, ...],
    expected: dict[str, Any],
    run: Any,
    movie: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    def load_model(name: str, device: Any, **settings: Any) -> Any:
        asked.append((name, settings))
        return build_tiny_model()

    monkeypatch.setattr("napari_sam2.model.load_model", load_model)
    result = run(*TRACK, "--model", "tiny", *options)
    assert result.code == 0, result.err
    usual = {"image_size": None, "precision": "exact", "memory_reach": "whole", "windows": None}
    assert asked == [("sam2.1_tiny", usual | expected)]


def test_embedded_model_has_one_input_size() -> None:
    assert load("cells", "cpu", 256).config.image_size == 256
    with pytest.raises(UsageError, match=r"cells sees 256 px and nothing else"):
        load("cells", "cpu", 512)


def test_failed_download_tells_what_to_do(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, progress: Any) -> Path:
        raise ConnectionError("could not download; check the connection")

    monkeypatch.setattr("napari_sam2.model.registry.download", fail)
    result = run("models", "download", "sam2_tiny")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "check the connection" in result.err


def test_damaged_download_is_found(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_sam2.model.registry.cache_dir", lambda: Path("cache"))
    assert run("models", "verify").out == "nothing has been downloaded\n"
    Path("cache").mkdir()
    Path("cache/sam2_hiera_tiny.pt").write_bytes(b"half")
    result = run("models", "verify")
    assert result.code == 1
    assert "sam2_tiny: damaged" in result.out


def test_missing_napari_tells_how_to_get_it(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "napari", None)
    result = run("open")
    assert result.code == 1
    assert "pip install 'napari-sam2[all]'" in result.err


@pytest.mark.parametrize("arguments", [(), ("--help",), ("track", "-h"), ("models", "--help")])
def test_help_is_shown(run: Any, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.code == 0
    assert result.out.startswith("Usage: ")


def test_shell_command_prints_the_version() -> None:
    command = [sys.executable, "-m", "napari_sam2.cli", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip().count(".") == 2


def true_cells(model: Any, frames: Any, *, t: int, **settings: Any) -> list[Proposal]:
    """The labels of first.tif, in place of what a network finds."""
    labels, _ = read_labels("first.tif")
    return [Proposal(mask, 0.9, 1.0, (0, 0)) for mask in masks_of(np.asarray(labels)).values()]


def test_find_writes_proposals_as_labels(
    run: Any, movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam2.finding.find_objects", true_cells)
    result = run("find", str(movie), "-o", "found.tif", "--frame", "1")
    assert result.code == 0, result.err
    found, _ = read_labels("found.tif")
    first, _ = read_labels("first.tif")
    assert np.array_equal(np.asarray(found) > 0, np.asarray(first) > 0)
    assert "2 cells on frame 1" in result.out


def test_find_says_what_to_try_where_nothing_is_found(run: Any, movie: Path) -> None:
    result = run("find", str(movie), "-o", "found.tif", "--min-score", "1")
    assert result.code == 0, result.err
    assert "no cells found: try --min-score" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("find", "--frame", "99"), "there is no frame 99"),
        (("find", "--method", "magic"), "auto, grid or centres"),
        (("track", "--prompts", "none.json"), "--prompts auto finds all cells"),
        (("track", "--prompts", "auto", "--direction", "backward"), "leave --direction away"),
        (("track", "--prompts", "auto", "--link"), "--link needs labels as prompts"),
    ],
)
def test_wrong_search_is_explained(
    run: Any, movie: Path, arguments: tuple[str, ...], message: str
) -> None:
    command, *options = arguments
    result = run(command, str(movie), "-o", "out.tif", *options)
    assert result.code != 0
    assert message in result.err
    assert not Path("out.tif").exists()


def test_track_finds_its_objects(run: Any, movie: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_sam2.batch.tracking_run.find_objects", true_cells)
    result = run("track", str(movie), "-o", "tracked.tif", "--prompts", "auto")
    assert result.code == 0, result.err
    labels, _ = read_labels("tracked.tif")
    assert set(np.unique(labels[0])) == {0, 1, 2}
    assert result.out.startswith("tracked.tif: 2 objects on 4 frames")

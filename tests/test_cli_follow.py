"""``napari-sam2 track --follow``: new frames are tracked as they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.batch import tracking_run
from napari_sam2.batch.tracking_run import track_growing
from napari_sam2.cli import main
from napari_sam2.io.growing import GrowingMovie
from napari_sam2.io.samples import synthetic_movie
from napari_sam2.io.tiff import read_labels
from tests.tracking.tiny import build_tiny_model

TRACK = ("track", "run", "-p", "prompts.json", "-o", "labels.tif")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A movie of six frames, of which three are in the folder ``run``, with a click."""
    monkeypatch.setattr("napari_sam2.model.load_model", lambda *_, **__: build_tiny_model())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    images = synthetic_movie("phase", (48, 48), frames=6, cells=2).images
    for t in range(3):
        write(images, t)
    entries = [{"frame": 0, "object": 7, "points": [[20, 20]]}]
    (tmp_path / "prompts.json").write_text(json.dumps({"prompts": entries}))
    return images


def write(images: np.ndarray, t: int) -> None:
    tifffile.imwrite(f"run/t{t:03d}.tif", images[t])


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def on_each_look(monkeypatch: pytest.MonkeyPatch, *steps: Any) -> None:
    """Do the steps one after the other, each before a look for new frames."""
    waiting, look = list(steps), GrowingMovie.look

    def looked(self: GrowingMovie) -> Any:
        if waiting:
            waiting.pop(0)()
        return look(self)

    monkeypatch.setattr(GrowingMovie, "look", looked)
    monkeypatch.setattr(tracking_run, "LOOK_EVERY_S", 0.01)


def test_new_frames_are_in_the_labels(
    images: np.ndarray, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_each_look(monkeypatch, *[lambda t=t: write(images, t) for t in (3, 4, 5)])
    assert run(*TRACK, "--follow", "0.3") == 0
    labels, _ = read_labels("labels.tif")
    assert labels.shape == (6, 48, 48)
    assert all((labels[t] == 7).any() for t in range(6))
    assert "4 new frames" in capsys.readouterr().err


def test_vanished_frame_is_said_and_the_labels_are_written(
    images: np.ndarray, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_each_look(monkeypatch, lambda: write(images, 3), lambda: Path("run/t001.tif").unlink())
    assert run(*TRACK, "--follow", "5") != 0
    assert "t001.tif is no longer in run" in capsys.readouterr().err
    assert read_labels("labels.tif")[0].shape == (3, 48, 48)


def test_ctrl_c_ends_it_and_the_labels_are_written(
    images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    on_each_look(monkeypatch, lambda: write(images, 3), interrupt)
    assert run(*TRACK, "--follow", "5") == 0
    assert read_labels("labels.tif")[0].shape == (3, 48, 48)


@pytest.mark.parametrize("option", [("--link",), ("--z", "3d"), ("--look-every", "2")])
def test_options_that_need_all_frames_are_refused(
    images: np.ndarray, capsys: pytest.CaptureFixture[str], option: tuple[str, ...]
) -> None:
    prompts = ("-p", "auto") if option[0] == "--look-every" else ("-p", "prompts.json")
    assert run("track", "run", *prompts, "-o", "a.tif", "--follow", "1", *option) == 2
    assert "needs all frames at once" in capsys.readouterr().err


def test_folder_that_is_away_for_a_moment_is_waited_for(
    images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_sam2 import Annotation, Tracker

    growing = GrowingMovie("run")
    annotation = Annotation(Tracker(build_tiny_model(), growing.movie))
    annotation.add_points(0, 1, [(20, 20)], [1])

    def away() -> None:
        raise OSError("the drive is away")

    on_each_look(monkeypatch, away)
    list(track_growing(annotation, growing, 0.3))
    assert annotation.shape[0] == 3

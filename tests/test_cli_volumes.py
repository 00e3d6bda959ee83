"""`napari-sam2 track --z 3d`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.cli import main
from napari_sam2.io.volume_samples import synthetic_volumes
from napari_sam2.io.volume_scale import VolumeScale
from napari_sam2.io.volumes import open_volumes
from tests.tracking.tiny import build_tiny_model

SHAPE = (2, 4, 40, 56)
TRACK = ("track", "movie.tif", "--z", "3d", "-o", "labels.tif")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command in a folder with volumes, with a tiny network in place of every model."""
    monkeypatch.setattr("napari_sam2.model.load_model", lambda *_, **__: build_tiny_model())
    monkeypatch.chdir(tmp_path)
    sample = synthetic_volumes(SHAPE[0], SHAPE[1], SHAPE[2:], cells=2, seed=1)
    metadata = {"axes": "TZYX", "spacing": 1.5, "unit": "um", "finterval": 30.0}
    tifffile.imwrite(
        "movie.tif", sample.images, imagej=True, resolution=(4.0, 2.0), metadata=metadata
    )
    tifffile.imwrite("first.tif", sample.labels[0], photometric="minisblack", metadata=None)
    tifffile.imwrite("plane.tif", sample.images[:, 1], imagej=True, metadata={"axes": "TYX"})
    entry = {"frame": 0, "z": 2, "object": 7, "points": [[20, 28]]}
    Path("prompts.json").write_text(json.dumps({"prompts": [entry]}))

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        return (int(left.value.code or 0), *capsys.readouterr())

    return run


def test_labels_have_all_axes_and_sizes_of_the_movie(run: Any) -> None:
    code, out, err = run(*TRACK, "-p", "prompts.json", "--scores", "cells.csv")
    assert code == 0, err
    assert out.startswith("labels.tif: 1 objects in 2 volumes of 4 planes")
    assert "all 4 planes, in 3D" in err
    with tifffile.TiffFile("labels.tif") as tif:
        assert tif.series[0].axes == "TZYX"
        assert tif.series[0].shape == SHAPE
        assert set(np.unique(tif.asarray())) <= {0, 7}
        found = tif.imagej_metadata
    assert (found["spacing"], found["unit"], found["finterval"]) == (1.5, "um", 30.0)
    rows = list(csv.DictReader(Path("cells.csv").read_text().splitlines()))
    assert {row["object"] for row in rows} == {"7"}
    voxels = float(rows[0]["volume_voxels"])
    assert float(rows[0]["volume_um3"]) == pytest.approx(voxels * 1.5 * 0.5 * 0.25, rel=1e-6)


def test_labels_are_written_as_ome_zarr(run: Any) -> None:
    code, _, err = run(*TRACK[:-1], "labels.ome.zarr", "-p", "first.tif")
    assert code == 0, err
    opened = open_volumes("labels.ome.zarr")
    assert opened.scale == VolumeScale((0.5, 0.25), "um", 30.0, 1.5)
    assert np.array_equal(opened.volume(0), tifffile.imread("first.tif"))


def test_labels_of_the_first_volume_stay(run: Any) -> None:
    code, _, err = run(*TRACK, "-p", "first.tif")
    assert code == 0, err
    assert np.array_equal(tifffile.imread("labels.tif")[0], tifffile.imread("first.tif"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-p", "auto"), "needs a file of prompts with their planes"),
        (("-p", "prompts.json", "--divisions", "d.csv"), "leave it or --z 3d away"),
        (("-p", "first.tif", "--link"), "--link works in planes"),
        (("-p", "prompts.json", "--channel", "0,1"), "one channel"),
    ],
)
def test_what_3d_cannot_do_is_refused_before_the_work(
    run: Any, arguments: tuple[str, ...], message: str
) -> None:
    code, _, err = run(*TRACK, *arguments)
    assert (code, message in err) == (2, True)
    assert not Path("labels.tif").exists()


def test_movie_of_planes_is_refused(run: Any) -> None:
    code, _, err = run("track", "plane.tif", "--z", "3D", "-p", "prompts.json", "-o", "a.tif")
    assert code == 1
    assert "cannot be tracked in 3D: it has one plane" in err

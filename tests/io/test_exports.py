from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.cli import main
from napari_sam2.cli.export import Format
from napari_sam2.io.exports import open_tracked, write_export
from napari_sam2.io.formats import FORMATS, format_of
from napari_sam2.io.tiff import read_labels, write_images, write_labels
from napari_sam2.io.tracked import TrackedLabels
from napari_sam2.io.tracks import read_tracks
from tests.families import SCALE, family, image


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_written_under_its_own_suffixes(tmp_path: Path, name: str) -> None:
    for suffix in FORMATS[name].suffixes:
        path = tmp_path / f"Zellen größer 细胞{suffix}"
        assert format_of(path).name == name
        write_export(path, family(channels={"a": image()}))
        assert path.exists()
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


@pytest.mark.parametrize("name", FORMATS)
def test_a_single_image_can_be_written_too(tmp_path: Path, name: str) -> None:
    tracked = TrackedLabels(family().labels[0], channels={"a": image()[0]})
    path = tmp_path / f"one{FORMATS[name].suffixes[0]}"
    write_export(path, tracked)
    assert path.exists()


@pytest.mark.parametrize("name", ["tiff", "ome", "ome-zarr", "ome-zarr-0.5", "geff"])
def test_labels_come_back_with_their_scale(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"cells{FORMATS[name].suffixes[0]}"
    write_export(path, family())
    back = open_tracked(path)
    np.testing.assert_array_equal(np.asarray(back.labels), family().labels)
    assert back.scale == SCALE


def test_a_name_without_format_is_told() -> None:
    with pytest.raises(ValueError, match=r"cells\.xyz stands for no format"):
        format_of("cells.xyz")


def test_an_overlay_needs_an_image(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs the image"):
        write_export(tmp_path / "a.gif", family())


def test_the_shell_knows_the_same_formats() -> None:
    assert [choice.value for choice in Format] == list(FORMATS)


def shell(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_the_shell_turns_one_format_into_the_next(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", family().labels, SCALE)
    write_images(tmp_path / "movie.tif", image())
    assert shell("export", tmp_path / "a.tif", "-o", tmp_path / "b.geff.zarr") == 0
    assert shell("export", tmp_path / "b.geff.zarr", "-f", "ctc", "-o", tmp_path / "RES") == 0
    table = tmp_path / "c.csv"
    given = ("export", tmp_path / "RES", "-o", table, "-i", tmp_path / "movie.tif")
    assert shell(*given, "--pixel-size", 0.5, "--interval", 60) == 0
    header = table.read_text(encoding="utf-8").splitlines()[0]
    assert {"area_um2", "speed_um_per_s", "movie_mean"} <= set(header.split(","))


def test_the_shell_makes_the_folder_that_is_missing(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", family().labels)
    assert shell("export", tmp_path / "a.tif", "-o", tmp_path / "new" / "deep" / "b.csv") == 0
    assert (tmp_path / "new" / "deep" / "b.csv").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "a.tif"), "is the input"),
        (("-o", "b.tif"), "is there already"),
        (("-o", "c.xyz"), "stands for no format; expected one of .*; or say --format"),
        (("-o", "a.tif/c.tif"), "the folder a.tif cannot be made"),
        (("-o", "c.csv", "--pixel-size", "-1"), "must be two positive numbers"),
    ],
)
def test_wrong_use_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        write_labels(tmp_path / f"{name}.tif", family().labels)
    overwrite = ("--overwrite",) if message == "is the input" else ()
    assert shell("export", "a.tif", *arguments, *overwrite) == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize("name", ["tiff", "ome", "ome-zarr", "ome-zarr-0.5", "geff"])
def test_objects_left_out_are_background_in_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"cells{FORMATS[name].suffixes[0]}"
    write_export(path, family().without([2, 5]))
    expected = np.where(np.isin(family().labels, [2, 5]), 0, family().labels)
    np.testing.assert_array_equal(np.asarray(open_tracked(path).labels), expected)


@pytest.mark.parametrize("name", ["csv", "trackmate", "track-edit", "coco", "overlay"])
def test_objects_left_out_are_in_no_table_and_no_film(tmp_path: Path, name: str) -> None:
    labels = np.where(np.isin(family().labels, [2, 5]), 0, family().labels)
    written = {}
    for tracked in (
        family(channels={"a": image()}).without([2, 5]),
        TrackedLabels(labels, {3: 1}, {}, SCALE, {"a": image()}),
    ):
        path = tmp_path / f"{len(written)}" / f"cells{FORMATS[name].suffixes[0]}"
        path.parent.mkdir()
        write_export(path, tracked)
        written[path] = path.read_bytes()
    assert len(set(written.values())) == 1


def test_daughters_of_a_mother_left_out_have_no_parent(tmp_path: Path) -> None:
    write_export(tmp_path / "cells.ctc", family().without([1]))
    tracks = read_tracks(tmp_path / "cells.ctc" / "res_track.txt")
    assert {track.object_id: track.parent for track in tracks if track.object_id < 4} == {
        2: 0,
        3: 0,
    }


def test_labels_left_out_of_a_single_image(tmp_path: Path) -> None:
    write_export(tmp_path / "one.tif", TrackedLabels(family().labels[0]).without([5]))
    assert set(np.unique(read_labels(tmp_path / "one.tif")[0])) == {0, 1}


def test_labels_left_out_are_read_one_frame_at_a_time() -> None:
    read: list[object] = []

    class Watched(np.ndarray):
        def __getitem__(self, key: object) -> object:
            read.append(key)
            return np.asarray(self).__getitem__(key)

    TrackedLabels(family().labels.view(Watched)).without([1]).frame(2)
    assert read == [2]

"""OME-Zarr with the movie beside its labels, checked against the rules of the specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_sam2.cli import main
from napari_sam2.io.exports import open_tracked, write_export
from napari_sam2.io.movie import Movie, lazy_stack
from napari_sam2.io.movies import open_movie
from napari_sam2.io.ngff_image import ShownImage
from napari_sam2.io.ome_zarr import write_label_zarr
from napari_sam2.io.scale import ImageScale, Origin
from napari_sam2.io.tiff import write_images, write_labels
from napari_sam2.io.tracked import TrackedLabels
from napari_sam2.io.volume_scale import VolumeScale
from napari_sam2.io.volumes import open_volumes

SHAPE = (2, 300, 601)
IMAGES = np.random.default_rng(2).integers(0, 900, SHAPE).astype(np.uint16)
LABELS = np.zeros(SHAPE, np.uint16)
LABELS[:, 20:60, 30:90] = 7
SCALE = ImageScale((0.5, 0.25), "um", 120.0, origin=Origin(60, 0, 3, 4))
NAMES = {"0.4": "a.movie.ome.zarr", "0.5": "a.movie.v05.ome.zarr"}


def written(path: Path, version: str = "0.4", **channels: Any) -> Path:
    tracked = TrackedLabels(LABELS, {}, {}, SCALE, channels or {"gfp": IMAGES})
    write_export(path / NAMES[version], tracked)
    return path / NAMES[version]


def attributes(folder: Path) -> dict[str, Any]:
    """What is in the JSON files of a group, by its version."""
    if (folder / "zarr.json").is_file():
        content = json.loads((folder / "zarr.json").read_text(encoding="utf-8"))
        found: dict[str, Any] = content["attributes"]["ome"]
        assert (content["zarr_format"], found["version"]) == (3, "0.5")
        return found
    found = json.loads((folder / ".zattrs").read_text(encoding="utf-8"))
    for image in found.get("multiscales", ()):
        assert image["version"] == "0.4"
    return found


def check_image(folder: Path) -> list[str]:
    """Check the rules for an image; the names of its axes."""
    (image,) = attributes(folder)["multiscales"]
    types = [axis["type"] for axis in image["axes"]]
    # axes are ordered by type, time, channel, space, and two or three are of space
    assert types == sorted(types, key=["time", "channel", "space"].index)
    assert types.count("space") in (2, 3)
    shapes = []
    for dataset in image["datasets"]:
        array = zarr.open_array(folder / dataset["path"], mode="r")
        assert array.ndim == len(types)
        scale, *rest = dataset["coordinateTransformations"]
        assert (scale["type"], len(scale["scale"])) == ("scale", array.ndim)
        assert [one["type"] for one in rest] in ([], ["translation"])
        assert all(len(one["translation"]) == array.ndim for one in rest)
        shapes.append(array.shape)
    assert shapes == sorted(shapes, reverse=True)  # from the largest to the smallest
    return [axis["name"] for axis in image["axes"]]


def check_omero(folder: Path, count: int) -> None:
    channels = attributes(folder)["omero"]["channels"]
    assert len(channels) == count
    for channel in channels:
        assert len(bytes.fromhex(channel["color"])) == 3
        window = channel["window"]
        assert window["min"] <= window["start"] < window["end"] <= window["max"]


@pytest.mark.parametrize("version", NAMES)
def test_the_folder_follows_the_rules(tmp_path: Path, version: str) -> None:
    folder = written(tmp_path, version)
    assert check_image(folder) == ["t", "y", "x"]
    check_omero(folder, 1)
    assert attributes(folder / "labels")["labels"] == ["cells"]
    assert check_image(folder / "labels" / "cells") == ["t", "y", "x"]
    about = attributes(folder / "labels" / "cells")["image-label"]
    assert about["source"] == {"image": "../../"}
    image, labels = (
        attributes(one)["multiscales"][0]["datasets"] for one in (folder, folder / "labels/cells")
    )
    assert image == labels  # the same places at the same resolutions


@pytest.mark.parametrize("version", NAMES)
def test_movie_and_labels_come_back(tmp_path: Path, version: str) -> None:
    folder = written(tmp_path, version)
    movie = open_movie(folder)
    np.testing.assert_array_equal(np.asarray(movie.data), IMAGES)
    assert movie.scale == SCALE
    np.testing.assert_array_equal(np.asarray(open_tracked(folder).labels), LABELS)
    level = zarr.open_array(folder / "1", mode="r")
    np.testing.assert_array_equal(level[...], IMAGES[:, ::2, ::2])


def test_channels_and_colours_are_an_axis(tmp_path: Path) -> None:
    colours = np.random.default_rng(5).integers(0, 255, (*SHAPE, 3)).astype(np.uint8)
    folder = written(tmp_path, gfp=IMAGES, stain=colours)
    assert check_image(folder) == ["t", "c", "y", "x"]
    check_omero(folder, 4)
    np.testing.assert_array_equal(np.asarray(open_movie(folder, channel=0).data), IMAGES)
    np.testing.assert_array_equal(np.asarray(open_movie(folder, channel=2).data), colours[..., 1])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_volumes_have_all_axes(tmp_path: Path, version: Any) -> None:
    volumes = np.arange(2 * 3 * 6 * 8, dtype=np.uint16).reshape(2, 3, 6, 8)
    folder, scale = tmp_path / "v.ome.zarr", VolumeScale((0.5, 0.25), "um", 60.0, 2.0)
    image = ShownImage({"a": volumes, "b": volumes + 1})
    write_label_zarr(folder, volumes, scale, version=version, image=image)
    assert check_image(folder) == ["t", "c", "z", "y", "x"]
    back = open_volumes(folder, channel=1)
    np.testing.assert_array_equal(np.asarray(back.data), volumes + 1)
    assert back.scale == scale


def test_frames_are_read_one_at_a_time(tmp_path: Path) -> None:
    read: list[int] = []

    def frame(t: int) -> np.ndarray:
        read.append(t)
        return IMAGES[t]

    stack = lazy_stack(frame, SHAPE, np.dtype(np.uint16))
    tracked = TrackedLabels(LABELS, channels={"a": stack}, shown_limits={"a": (5.0, 9.0)})
    write_export(tmp_path / NAMES["0.4"], tracked)
    assert read == [0, 1]


def test_a_chosen_contrast_comes_back_and_a_measured_one_is_not_taken_for_it(
    tmp_path: Path,
) -> None:
    movie = Movie(IMAGES, False, SCALE, "a", shown_limits=(50.0, 400.0))
    write_labels(tmp_path / NAMES["0.4"], LABELS, movie)
    assert open_movie(tmp_path / NAMES["0.4"]).shown_limits == (50.0, 400.0)
    assert open_movie(written(tmp_path, "0.5")).shown_limits is None


def test_labels_alone_do_not_replace_a_movie(tmp_path: Path) -> None:
    folder = written(tmp_path)
    with pytest.raises(FileExistsError):
        write_label_zarr(folder, LABELS)
    written(tmp_path)  # the movie with its labels may be replaced
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        written(tmp_path)


def test_the_movie_has_to_be_given(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give it"):
        write_export(tmp_path / NAMES["0.4"], TrackedLabels(LABELS))
    with pytest.raises(ValueError, match="give it"):
        write_labels(tmp_path / NAMES["0.4"], LABELS)


def shell(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_export_copies_the_movie(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.tif", LABELS, SCALE)
    write_images(tmp_path / "movie.tif", IMAGES, SCALE)
    output = tmp_path / "out.ome.zarr"
    call = ("export", tmp_path / "labels.tif", "-i", tmp_path / "movie.tif", "--with-image", "-o")
    assert shell(*call, output) == 0
    np.testing.assert_array_equal(np.asarray(open_movie(output).data), IMAGES)
    assert shell(*call, output) == 2  # it is there already
    assert shell(*call, output, "--overwrite") == 0
    assert shell(*call, tmp_path / "out.tif") == 2

"""Volumes over time in files: opened, written with their scale, measured, and prompted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_sam2.io.measure_volumes import measure_volumes, write_volume_measurements
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tiff import write_labels, write_volume_labels
from napari_sam2.io.volume_prompts import read_volume_prompts
from napari_sam2.io.volume_scale import VolumeScale
from napari_sam2.io.volumes import open_volumes

SCALE = VolumeScale((0.5, 0.25), "um", 120.0, 2.0)
LABELS = np.zeros((3, 4, 6, 8), np.uint16)
LABELS[0, 1:3, 2:4, 1:5] = 7  # 2 planes of 2 x 4 pixels
LABELS[2, 3, 0, 0] = 9


def write_tzcyx(path: Path) -> np.ndarray:
    """An ImageJ file (T 3, Z 4, C 2, Y 6, X 8) with hand-made sizes."""
    images = np.arange(3 * 4 * 2 * 6 * 8, dtype=np.uint16).reshape(3, 4, 2, 6, 8)
    metadata = {"axes": "TZCYX", "spacing": 1.5, "unit": "um", "finterval": 30.0}
    tifffile.imwrite(path, images, imagej=True, resolution=(4.0, 2.0), metadata=metadata)
    return images


def test_all_planes_of_a_channel_are_opened_with_their_scale(tmp_path):
    images = write_tzcyx(tmp_path / "movie.tif")
    movie = open_volumes(tmp_path / "movie.tif", channel=1, frames=slice(0, 3, 2))
    assert np.array_equal(np.asarray(movie.data), images[::2, :, 1])
    assert np.array_equal(movie.volume(1), images[2, :, 1])
    assert movie.scale == VolumeScale((0.5, 0.25), "um", 60.0, 1.5)
    assert "channel 1 of 0 to 1; all 4 planes, in 3D; frames 0 to 2" in movie.note


def test_stack_without_time_is_one_volume(tmp_path):
    stack = np.arange(5 * 6 * 8, dtype=np.uint8).reshape(5, 6, 8)
    tifffile.imwrite(tmp_path / "stack.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    assert np.array_equal(np.asarray(open_volumes(tmp_path / "stack.tif").data), stack[None])


def test_plain_file_needs_its_axes(tmp_path):
    tifffile.imwrite(tmp_path / "plain.tif", LABELS, photometric="minisblack")
    with pytest.raises(ValueError, match="--axes"):
        open_volumes(tmp_path / "plain.tif")
    assert open_volumes(tmp_path / "plain.tif", axes="TZYX").shape == LABELS.shape


@pytest.mark.parametrize(
    ("shape", "axes", "match"),
    [
        ((5, 6, 8), "TYX", "it has one plane"),
        ((6, 8), "YX", "it has one plane"),
        ((5, 1, 6, 8), "TZYX", "it has one plane"),
        ((2, 3, 2, 6, 8), "TZCYX", "choose one with --channel 0 to 1"),
    ],
)
def test_what_is_no_volume_is_refused_in_words(tmp_path, shape, axes, match):
    images = np.zeros(shape, np.uint8)
    tifffile.imwrite(tmp_path / "a.ome.tif", images, ome=True, metadata={"axes": axes})
    with pytest.raises(ValueError, match=match):
        open_volumes(tmp_path / "a.ome.tif")


def test_mix_of_channels_is_refused(tmp_path):
    write_tzcyx(tmp_path / "movie.tif")
    with pytest.raises(ValueError, match="in one channel"):
        open_volumes(tmp_path / "movie.tif", channel=(0, 1))  # type: ignore[arg-type]


def test_imagej_file_of_labels_has_axes_spacing_and_interval(tmp_path):
    write_volume_labels(tmp_path / "labels.tif", LABELS, SCALE)
    with tifffile.TiffFile(tmp_path / "labels.tif") as tif:
        assert tif.series[0].axes == "TZYX"
        assert np.array_equal(tif.asarray(), LABELS)
        found = tif.imagej_metadata
        tags = tif.pages.first.tags
    assert (found["spacing"], found["finterval"], found["unit"]) == (2.0, 120.0, "um")
    assert (found["frames"], found["slices"]) == (3, 4)
    x, y = (tags[f"{axis}Resolution"].value for axis in "XY")
    assert (x[0] / x[1], y[0] / y[1]) == (4.0, 2.0)  # pixels per micrometre


def test_ome_file_of_labels_has_axes_spacing_and_interval(tmp_path):
    write_volume_labels(tmp_path / "labels.ome.tif", LABELS.astype(np.uint32) * 70000, SCALE)
    with tifffile.TiffFile(tmp_path / "labels.ome.tif") as tif:
        assert tif.series[0].axes == "TZYX"
        assert np.array_equal(tif.asarray(), LABELS.astype(np.uint32) * 70000)
        text = tif.ome_metadata
    for part in ('PhysicalSizeZ="2.0"', 'PhysicalSizeY="0.5"', 'PhysicalSizeX="0.25"'):
        assert part in text
    assert 'TimeIncrement="120.0"' in text
    assert 'SizeT="3"' in text
    assert 'SizeZ="4"' in text


def test_written_labels_open_with_their_scale(tmp_path):
    write_volume_labels(tmp_path / "labels.tif", LABELS, SCALE)
    opened = open_volumes(tmp_path / "labels.tif")
    assert np.array_equal(np.asarray(opened.data), LABELS)
    assert opened.scale == SCALE


def test_labels_of_other_axes_are_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"must be \(T, Z, Y, X\)"):
        write_volume_labels(tmp_path / "labels.tif", LABELS[0], SCALE)
    assert list(tmp_path.iterdir()) == []


def test_volume_and_place_are_in_voxels_and_in_micrometres():
    first, second = measure_volumes(LABELS, SCALE, {(0, 7): 0.75})
    assert first == {
        "frame": 0,
        "time_s": 0.0,
        "object": 7,
        "volume_voxels": 16,
        "centroid_z_plane": 1.5,
        "centroid_y_px": 2.5,
        "centroid_x_px": 2.5,
        "first_plane": 1,
        "last_plane": 2,
        "volume_um3": 16 * 2.0 * 0.5 * 0.25,
        "centroid_z_um": 3.0,
        "centroid_y_um": 1.25,
        "centroid_x_um": 0.625,
        "predicted_iou": 0.75,
    }
    assert (second["frame"], second["time_s"], second["object"]) == (2, 240.0, 9)
    assert second["predicted_iou"] is None


def test_table_without_a_scale_has_voxels_only(tmp_path):
    write_volume_measurements(tmp_path / "cells.csv", LABELS)
    header, first, _ = (tmp_path / "cells.csv").read_text().splitlines()
    assert header == (
        "frame,object,volume_voxels,centroid_z_plane,centroid_y_px,centroid_x_px,"
        "first_plane,last_plane,predicted_iou"
    )
    assert first == "0,7,16,1.5,2.5,2.5,1,2,"


def test_spacing_in_another_unit_is_converted():
    steps = {"z": (2000.0, "nm"), "y": (0.5, "um"), "x": (0.5, "um"), "t": (2.0, "min")}
    assert VolumeScale.of_steps(steps) == VolumeScale((0.5, 0.5), "um", 120.0, 2.0)


@pytest.mark.parametrize("values", [{"z_spacing": -1.0}, {"interval_s": 0.0}, {"unit": "mile"}])
def test_impossible_sizes_are_refused(values):
    with pytest.raises(ValueError, match=r"must be"):
        VolumeScale(**values)


def prompts_of(tmp_path: Path, *entries: dict) -> list:
    (tmp_path / "prompts.json").write_text(json.dumps({"prompts": entries}))
    return read_volume_prompts(tmp_path / "prompts.json", LABELS.shape)


def test_prompts_have_a_plane(tmp_path):
    ((t, prompt),) = prompts_of(tmp_path, {"frame": 2, "z": 3, "object": 5, "points": [[4, 6]]})
    assert (t, prompt.t, prompt.object_id, prompt.points.tolist()) == (2, 3, 5, [[4, 6]])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"z": 4}, r"prompts\[0\].*z must be a plane from 0 to 3; got 4"),
        ({"z": None}, "z must be a plane"),
        ({"frame": 3}, "frame must be an integer from 0 to 2"),
        ({"points": [[9, 0]]}, "outside"),
        ({"depth": 1}, "not known"),
    ],
)
def test_prompts_outside_of_the_volumes_are_refused(tmp_path, change, match):
    entry = {"frame": 0, "z": 1, "object": 1, "points": [[1, 1]]}
    with pytest.raises(ValueError, match=match):
        prompts_of(tmp_path, entry | change)


def test_two_entries_for_one_plane_are_refused(tmp_path):
    entry = {"frame": 0, "z": 1, "object": 1, "points": [[1, 1]]}
    prompts_of(tmp_path, entry, entry | {"z": 2})
    with pytest.raises(ValueError, match="another entry"):
        prompts_of(tmp_path, entry, entry)


def test_labels_of_the_first_volume_are_masks_that_end_where_they_end(tmp_path):
    write_labels(tmp_path / "first.tif", LABELS[0], ImageScale(frame_axis="z"))
    found = read_volume_prompts(tmp_path / "first.tif", LABELS.shape)
    masks = {(t, p.t, p.object_id): int(np.asarray(p.mask).sum()) for t, p in found}
    assert masks == {(0, 1, 7): 8, (0, 2, 7): 8, (0, 0, 7): 0, (0, 3, 7): 0}


def test_label_on_one_plane_may_grow(tmp_path):
    write_volume_labels(tmp_path / "all.tif", LABELS, SCALE)
    found = read_volume_prompts(tmp_path / "all.tif", LABELS.shape)
    assert [(t, p.t) for t, p in found if p.object_id == 9] == [(2, 3)]


@pytest.mark.parametrize("part", [LABELS[0, 0], LABELS[0, :3], LABELS[:2]])
def test_labels_of_another_shape_are_refused(tmp_path, part):
    tifffile.imwrite(tmp_path / "other.tif", part, photometric="minisblack", metadata=None)
    with pytest.raises(ValueError, match="expected labels of the first volume"):
        read_volume_prompts(tmp_path / "other.tif", LABELS.shape)


def test_empty_labels_are_refused(tmp_path):
    tifffile.imwrite(
        tmp_path / "none.tif",
        np.zeros(LABELS.shape[1:], np.uint8),
        photometric="minisblack",
        metadata=None,
    )
    with pytest.raises(ValueError, match="nothing to track"):
        read_volume_prompts(tmp_path / "none.tif", LABELS.shape)


@pytest.mark.parametrize(("name", "version"), [("a.ome.zarr", "0.4"), ("a.v05.ome.zarr", "0.5")])
def test_ome_zarr_of_labels_has_axes_sizes_and_units(tmp_path, name, version):
    write_volume_labels(tmp_path / name, LABELS, SCALE)
    group = zarr.open_group(tmp_path / name / "labels" / "cells", mode="r")
    assert np.array_equal(group["0"][...], LABELS)
    attributes = dict(group.attrs)
    (image,) = attributes.get("ome", attributes)["multiscales"]
    axes = [(axis["name"], axis["type"], axis.get("unit")) for axis in image["axes"]]
    micrometre = "micrometer"
    assert axes == [
        ("t", "time", "second"),
        ("z", "space", micrometre),
        ("y", "space", micrometre),
        ("x", "space", micrometre),
    ]
    (transformation,) = image["datasets"][0]["coordinateTransformations"]
    assert transformation["scale"] == [120.0, 2.0, 0.5, 0.25]
    found = image["version"] if version == "0.4" else attributes["ome"]["version"]
    assert found == version


def test_resolutions_of_volumes_keep_every_second_row_and_column(tmp_path):
    labels = np.random.default_rng(0).integers(0, 5, (2, 2, 300, 4), np.uint8)
    write_volume_labels(tmp_path / "a.ome.zarr", labels)
    group = zarr.open_group(tmp_path / "a.ome.zarr" / "labels" / "cells", mode="r")
    assert np.array_equal(group["1"][...], labels[..., ::2, ::2])

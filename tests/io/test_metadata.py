"""Axes, pixel size, unit, z spacing and frame interval on their way from each input to each output.

Inputs are written and outputs are read by tifffile, ome-types, zarr, geff and csv, never by our own
reader; the numbers expected were worked out by hand.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from geff.core_io import read_to_memory

from napari_sam2.cli import main
from napari_sam2.io.exports import open_tracked, write_export
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tiff import read_labels, write_labels

LABELS = np.zeros((3, 8, 10), np.uint16)  # an object of 2 x 4 pixels that moves down a row a frame
for place in range(3):
    LABELS[place, 1 + place : 3 + place, 2:6] = 7


@dataclass(frozen=True)
class Known:
    """What an output has to tell: sizes in `unit`, the step of the first axis in `unit` or s."""

    axes: str
    unit: str | None
    y: float | None
    x: float | None
    step: float | None


MOVIE = Known("TYX", "um", 0.5, 0.25, 120.0)
STACK = Known("ZYX", "um", 0.5, 0.25, 2.0)
FINE = Known("TYX", "nm", 50.0, 25.0, 0.5)
FINE_STACK = Known("ZYX", "nm", 50.0, 25.0, 300.0)
PIXELS = Known("TYX", "pixel", 2.0, 1.0, 60.0)
NOTHING = Known("TYX", None, None, None, None)


def imagej(path: Path, axes: str, resolution: tuple[float, float], **metadata: Any) -> Path:
    file = path / "in.tif"
    tifffile.imwrite(
        file, LABELS, imagej=True, resolution=resolution, metadata={"axes": axes, **metadata}
    )
    return file


def ome(path: Path, axes: str, **metadata: Any) -> Path:
    file = path / "in.ome.tif"
    tifffile.imwrite(file, LABELS, metadata={"axes": axes, **metadata})
    return file


def ome_sizes(y: float, x: float, unit: str) -> dict[str, Any]:
    sizes = {"PhysicalSizeY": y, "PhysicalSizeYUnit": unit}
    return sizes | {"PhysicalSizeX": x, "PhysicalSizeXUnit": unit}


def ngff(
    path: Path, axis: str, step: float, units: tuple[str, str], y: float, version: int = 3
) -> Path:
    folder = path / "in.zarr"
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    group.create_array("0", data=LABELS[:, None])
    axes: list[dict[str, str]] = [
        {"name": axis, "type": "time" if axis == "t" else "space", "unit": units[0]},
        {"name": "c", "type": "channel"},
        {"name": "y", "type": "space", "unit": units[1]},
        {"name": "x", "type": "space", "unit": units[1]},
    ]
    transform = {"type": "scale", "scale": [step, 1, y, y / 2]}
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [transform]}]}
    if version == 3:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    else:
        group.attrs["multiscales"] = [image | {"version": "0.4"}]
    return folder


def shared_interval(path: Path) -> Path:
    place = ngff(path, "t", 1, ("minute", "micrometer"), 0.5)
    group = zarr.open_group(place)
    content = group.attrs["ome"]
    shared = [{"type": "scale", "scale": [2, 1, 1, 1]}]
    content["multiscales"][0]["coordinateTransformations"] = shared
    group.attrs["ome"] = content
    return place


def named_zarr(path: Path) -> Path:
    store = path / "in.zarr"
    zarr.create_array(store, data=LABELS, dimension_names=["z", "y", "x"], zarr_format=3)
    return store


def plain(path: Path, resolution: tuple[float, float] = (2400, 2400), unit: str = "inch") -> Path:
    file = path / "in.tif"
    options = {"resolution": resolution, "resolutionunit": unit, "photometric": "minisblack"}
    tifffile.imwrite(file, LABELS, **options)
    return file


def folder(path: Path, **metadata: Any) -> Path:
    place = path / "in"
    place.mkdir()
    for t, frame in enumerate(LABELS):
        tifffile.imwrite(
            place / f"{t}.tif", frame, imagej=True, resolution=(4, 2), metadata=metadata
        )
    return place


INPUTS: dict[str, tuple[Callable[[Path], Path], Known]] = {
    "imagej movie": (lambda p: imagej(p, "TYX", (4, 2), unit="um", finterval=120), MOVIE),
    "imagej escaped micro": (
        lambda p: imagej(p, "TYX", (4, 2), unit="\\u00B5m", finterval=120),
        MOVIE,
    ),
    "imagej nm": (lambda p: imagej(p, "TYX", (0.04, 0.02), unit="nm", finterval=0.5), FINE),
    "imagej pixels": (lambda p: imagej(p, "TYX", (1, 0.5), unit="pixel", finterval=60), PIXELS),
    "imagej stack": (lambda p: imagej(p, "ZYX", (4, 2), unit="micron", spacing=2), STACK),
    "ome movie": (
        lambda p: ome(
            p, "TYX", **ome_sizes(0.5, 0.25, "µm"), TimeIncrement=2, TimeIncrementUnit="min"
        ),
        MOVIE,
    ),
    "ome nm and ms": (
        lambda p: ome(
            p, "TYX", **ome_sizes(50, 25, "nm"), TimeIncrement=500, TimeIncrementUnit="ms"
        ),
        FINE,
    ),
    "ome stack": (
        lambda p: ome(
            p, "ZYX", **ome_sizes(0.5, 0.25, "µm"), PhysicalSizeZ=2, PhysicalSizeZUnit="µm"
        ),
        STACK,
    ),
    "ome stack of two units": (
        lambda p: ome(
            p, "ZYX", **ome_sizes(50, 25, "nm"), PhysicalSizeZ=0.3, PhysicalSizeZUnit="µm"
        ),
        FINE_STACK,
    ),
    "ngff 0.5 movie": (lambda p: ngff(p, "t", 2, ("minute", "micrometer"), 0.5), MOVIE),
    "ngff 0.4 ms and nm": (lambda p: ngff(p, "t", 500, ("millisecond", "nanometer"), 50, 2), FINE),
    "ngff stack": (lambda p: ngff(p, "z", 2000, ("nanometer", "micrometer"), 0.5), STACK),
    "folder": (lambda p: folder(p, unit="um", finterval=120), MOVIE),
    "imagej minutes": (
        lambda p: imagej(p, "TYX", (4, 2), unit="um", finterval=2, tunit="min"),
        MOVIE,
    ),
    "imagej stack of two units": (
        lambda p: imagej(p, "ZYX", (4, 2), unit="um", spacing=2000, zunit="nm"),
        STACK,
    ),
    "centimetres": (
        lambda p: plain(p, (40000, 20000), "centimeter"),
        Known("TYX", "um", 0.5, 0.25, None),
    ),
    "dots per inch": (
        lambda p: plain(p, (101600, 50800), "inch"),
        Known("TYX", "um", 0.5, 0.25, None),
    ),
    "named zarr": (named_zarr, Known("ZYX", None, None, None, None)),
    "ngff shared interval": (shared_interval, MOVIE),
    "printer": (plain, NOTHING),
}


def read_imagej(file: Path) -> Known:
    with tifffile.TiffFile(file) as tif:
        metadata, tags = dict(tif.imagej_metadata or {}), tif.pages.first.tags
        axes = tif.series[0].axes
        resolution = [tags[f"{axis}Resolution"].value for axis in "YX"]
    unit = metadata.get("unit")
    y, x = (units / pixels if unit else None for pixels, units in resolution)
    steps = {"T": metadata.get("finterval"), "Z": metadata.get("spacing")}
    assert steps["Z" if axes[0] == "T" else "T"] is None
    return Known(axes, unit, y, x, steps[axes[0]])


def read_ome(file: Path) -> Known:
    import ome_types  # slow to import

    with tifffile.TiffFile(file) as tif:
        axes = tif.series[0].axes
    pixels = ome_types.from_tiff(file).images[0].pixels
    if pixels.physical_size_x is None:
        assert (pixels.physical_size_z, pixels.time_increment) == (None, None)
        return Known(axes, None, None, None, None)
    units = {pixels.physical_size_y_unit.value, pixels.physical_size_x_unit.value}
    if axes == "ZYX":
        assert pixels.time_increment is None
        units.add(pixels.physical_size_z_unit.value)
        step = pixels.physical_size_z
    else:
        assert (pixels.physical_size_z, pixels.time_increment_unit.value) == (None, "s")
        step = pixels.time_increment
    (unit,) = units
    name = {"µm": "um"}.get(unit, unit)
    return Known(axes, name, pixels.physical_size_y, pixels.physical_size_x, step)


def read_geff(place: Path) -> Known:
    memory = read_to_memory(place / "tracks.geff")
    frames, y, x = memory["metadata"].axes
    values = memory["node_props"][frames.name]["values"]
    assert values.tolist() == [0, 1, 2]
    assert (frames.type, frames.unit) == (
        ("space", "pixel") if frames.name == "z" else ("time", "frame")
    )
    assert frames.scaled_unit in (None, "second" if frames.name == "t" else x.scaled_unit)
    assert y.scaled_unit == x.scaled_unit
    unit = {"micrometer": "um", "nanometer": "nm"}.get(x.scaled_unit, x.scaled_unit)
    return Known(f"{frames.name.upper()}YX", unit, y.scale, x.scale, frames.scale)


TIFFS = {"out.tif": read_imagej, "out.sam2.tif": read_imagej, "out.ome.tif": read_ome}


def same(found: Known, expected: Known) -> None:
    assert (found.axes, found.unit) == (expected.axes, expected.unit)
    for number, wanted in zip(
        (found.y, found.x, found.step), (expected.y, expected.x, expected.step), strict=True
    ):
        assert number == (None if wanted is None else pytest.approx(wanted, rel=1e-6))


def table(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("output", [*TIFFS, "out.geff.zarr"])
def test_files_keep_axes_and_scale(tmp_path: Path, name: str, output: str) -> None:
    make, known = INPUTS[name]
    write_export(tmp_path / output, open_tracked(make(tmp_path)))
    same(TIFFS.get(output, read_geff)(tmp_path / output), known)


@pytest.mark.parametrize("name", INPUTS)
def test_measurements_are_in_the_units_of_the_image(tmp_path: Path, name: str) -> None:
    make, known = INPUTS[name]
    write_export(tmp_path / "out.csv", open_tracked(make(tmp_path)))
    row = table(tmp_path / "out.csv")[2]
    assert row["frame" if known.axes == "TYX" else "z"] == "2"
    assert ("frame" in row, "z" in row) == (known.axes == "TYX", known.axes == "ZYX")
    unit = None if known.unit == "pixel" else known.unit
    if known.step and known.axes == "ZYX":
        assert float(row[f"z_{unit}"]) == pytest.approx(2 * known.step)
        assert not any("per_s" in column or column == "time_s" for column in row)
    elif known.step:
        assert float(row["time_s"]) == pytest.approx(2 * known.step)
        assert float(row["speed_px_per_s"]) == pytest.approx(1 / known.step)
    if unit and known.y and known.x:
        assert float(row[f"area_{unit}2"]) == pytest.approx(8 * known.y * known.x)
        assert float(row[f"centroid_y_{unit}"]) == pytest.approx(3.5 * known.y)
        assert float(row[f"displacement_{unit}"]) == pytest.approx(known.y)
    else:
        assert not any(column.endswith(("_um", "_nm", "_pixel")) for column in row)


@pytest.mark.parametrize("name", INPUTS)
def test_masks_of_the_challenge_keep_what_one_image_can_hold(tmp_path: Path, name: str) -> None:
    make, known = INPUTS[name]
    write_export(tmp_path / "out.ctc", open_tracked(make(tmp_path)))
    with tifffile.TiffFile(tmp_path / "out.ctc" / "mask002.tif") as tif:
        metadata, tags = dict(tif.imagej_metadata or {}), tif.pages.first.tags
        np.testing.assert_array_equal(tif.asarray(), LABELS[2])
        resolution = [tags[f"{axis}Resolution"].value for axis in "YX"]
    assert metadata.get("unit") == known.unit
    interval = known.step if known.axes == "TYX" else None
    assert metadata.get("finterval") == (None if interval is None else pytest.approx(interval))
    if known.unit:
        sizes = [units / pixels for pixels, units in resolution]
        assert sizes == pytest.approx([known.y, known.x], rel=1e-6)


def test_folder_of_the_challenge_brings_its_scale(tmp_path: Path) -> None:
    write_export(tmp_path / "out.ctc", open_tracked(INPUTS["imagej movie"][0](tmp_path)))
    scale = open_tracked(tmp_path / "out.ctc").scale
    assert (scale.pixel_size, scale.unit, scale.interval_s) == ((0.5, 0.25), "um", 120.0)


@pytest.mark.parametrize(
    ("name", "positions"),
    [("imagej movie", (0.0, 240.0, 2)), ("imagej stack", (4.0, 0.0, 0))],
)
def test_spots_of_trackmate_lie_in_time_or_in_depth(
    tmp_path: Path, name: str, positions: tuple[float, float, int]
) -> None:
    write_export(tmp_path / "out.trackmate.csv", open_tracked(INPUTS[name][0](tmp_path)))
    row = table(tmp_path / "out.trackmate.csv")[2]
    columns = ("POSITION_Z", "POSITION_T", "FRAME")
    assert tuple(float(row[column]) for column in columns) == positions
    assert (float(row["POSITION_Y"]), float(row["POSITION_X"])) == (1.75, 0.875)


@pytest.mark.parametrize(("name", "first"), [("imagej movie", "t"), ("imagej stack", "z")])
def test_nodes_of_track_edit_name_the_first_axis(tmp_path: Path, name: str, first: str) -> None:
    write_export(tmp_path / "out.track-edit.csv", open_tracked(INPUTS[name][0](tmp_path)))
    row = table(tmp_path / "out.track-edit.csv")[2]
    assert list(row)[:3] == [first, "y", "x"]
    assert row[first] == "2"


def shell(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_labels_without_a_scale_get_that_of_the_image_in_the_shell(tmp_path: Path) -> None:
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, LABELS, photometric="minisblack")
    movie = INPUTS["imagej stack"][0](tmp_path)
    assert shell("export", labels, "-o", tmp_path / "out.tif", "--image", movie) == 0
    same(read_imagej(tmp_path / "out.tif"), STACK)


def test_options_of_the_shell_count_before_the_files(tmp_path: Path) -> None:
    movie = INPUTS["imagej movie"][0](tmp_path)
    options = ("--pixel-size", 30, "--unit", "nm", "--interval", 5)
    assert shell("export", movie, "-o", tmp_path / "out.tif", *options) == 0
    same(read_imagej(tmp_path / "out.tif"), Known("TYX", "nm", 30.0, 30.0, 5.0))


def test_the_shell_makes_a_stack_of_labels_that_do_not_say_so(tmp_path: Path) -> None:
    movie = plain(tmp_path)
    options = ("--pixel-size", 0.25, "--z-spacing", 2)
    assert shell("export", movie, "-o", tmp_path / "out.ome.tif", *options) == 0
    same(read_ome(tmp_path / "out.ome.tif"), Known("ZYX", "um", 0.25, 0.25, 2.0))


def test_our_own_stack_of_one_slice_is_still_a_stack(tmp_path: Path) -> None:
    scale = ImageScale((0.5, 0.25), "um", z_spacing=2.0)
    write_labels(tmp_path / "one.tif", LABELS[:1], scale)
    labels, back = read_labels(tmp_path / "one.tif")
    assert labels.shape == (1, 8, 10)
    assert (back.frame_axis, back.z_spacing) == ("z", 2.0)

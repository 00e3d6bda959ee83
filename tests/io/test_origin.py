"""Position of the first pixel on its way from each input to each output.

Inputs are written and outputs are read by tifffile, ome-types, zarr and geff, never by our code;
the numbers expected were worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import pytest
import tifffile
import zarr
from geff.core_io import read_to_memory

from napari_sam2.io.exports import open_tracked, write_export
from napari_sam2.io.movies import open_movie
from napari_sam2.io.scale import ImageScale, Origin
from napari_sam2.io.tiff import write_volume_labels
from napari_sam2.io.volume_scale import VolumeScale
from napari_sam2.io.volumes import open_volumes

LABELS = np.zeros((3, 8, 10), np.uint16)
LABELS[:, 2:4, 2:6] = 7
SPACE = [{"name": "y", "type": "space", "unit": "micrometer"}]
SPACE += [{"name": "x", "type": "space", "unit": "micrometer"}]


def imagej(path: Path, axes: str, **metadata: Any) -> Path:
    """Pixels of 0.5 x 0.25 µm."""
    options = {"resolution": (4, 2), "metadata": {"axes": axes, "unit": "um", **metadata}}
    tifffile.imwrite(path / "in.tif", LABELS, imagej=True, **options)
    return path / "in.tif"


def ome(path: Path, axes: str, planes: dict[str, list[Any]], **metadata: Any) -> Path:
    sizes = {"PhysicalSizeY": 0.5, "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm"}
    sizes |= {"PhysicalSizeYUnit": "µm"}
    described = {"axes": axes, **sizes, **metadata, "Plane": planes}
    tifffile.imwrite(path / "in.ome.tif", LABELS, metadata=described)
    return path / "in.ome.tif"


def stage(t: list[float] | None = None) -> dict[str, list[Any]]:
    """Planes at x = 5 µm, and y = 0.002 mm = 2 µm, some at given times."""
    planes: dict[str, list[Any]] = {"PositionX": [5.0] * 3, "PositionXUnit": ["µm"] * 3}
    planes |= {"PositionY": [0.002] * 3, "PositionYUnit": ["mm"] * 3}
    return planes if t is None else planes | {"DeltaT": t, "DeltaTUnit": ["s"] * 3}


def ngff(path: Path, dataset: list[Any], shared: list[Any], axes: list[Any], version: str) -> Path:
    folder = path / "in.zarr"
    group = zarr.open_group(folder, mode="w", zarr_format=2 if version == "0.4" else 3)
    group.create_array("0", data=LABELS)
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": dataset}]}
    image |= {"coordinateTransformations": shared} if shared else {}
    if version == "0.4":
        group.attrs["multiscales"] = [image | {"version": version}]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [image]}
    return folder


def scale(*values: float) -> dict[str, Any]:
    return {"type": "scale", "scale": list(values)}


def move(*values: float) -> dict[str, Any]:
    return {"type": "translation", "translation": list(values)}


TIME = [{"name": "t", "type": "time", "unit": "minute"}, *SPACE]
DEPTH = [{"name": "z", "type": "space", "unit": "nanometer"}, *SPACE]
NO_UNITS = [{"name": name, "type": "space"} for name in "zyx"]

# the middle of the first pixel: t in s, z, y, x in µm
INPUTS: dict[str, tuple[Callable[[Path], Path], tuple[float, float, float, float]]] = {
    # 40 pixels left of pixel 0 is x = 0, so that pixel 0 is at 40 x 0.25
    "imagej": (
        lambda p: imagej(p, "TYX", finterval=60, xorigin=-40, yorigin=20),
        (0, 0, -10, 10),
    ),
    "imagej stack": (lambda p: imagej(p, "ZYX", spacing=2, zorigin=3), (0, -6, 0, 0)),
    "ome": (lambda p: ome(p, "TYX", stage([90, 150, 210])), (90, 0, 2, 5)),
    "ngff dataset": (
        lambda p: ngff(p, [scale(1, 0.5, 0.25), move(2, 3, 4)], [], TIME, "0.4"),
        (120, 0, 3, 4),
    ),
    # y: (0 x 0.5 + 3) x 2 + 10; x: 4 x 2 + 20; t: (1 x 1 + 0.5) minutes
    "ngff image": (
        lambda p: ngff(
            p,
            [scale(1, 0.5, 0.25), move(1, 3, 4)],
            [scale(1, 2, 2), move(0.5, 10, 20)],
            TIME,
            "0.5",
        ),
        (90, 0, 16, 28),
    ),
    "ngff stack": (
        lambda p: ngff(p, [scale(2000, 0.5, 0.25), move(-500, 0, 1)], [], DEPTH, "0.5"),
        (0, -0.5, 0, 1),
    ),
}


@pytest.mark.parametrize("name", INPUTS)
def test_origin_is_read(tmp_path: Path, name: str) -> None:
    make, expected = INPUTS[name]
    origin = open_movie(make(tmp_path)).scale.origin
    assert origin is not None
    assert origin.values == pytest.approx(expected)


@pytest.mark.parametrize("name", INPUTS)
def test_ome_zarr_has_the_origin_at_every_resolution(tmp_path: Path, name: str) -> None:
    make, (t, z, y, x) = INPUTS[name]
    tracked = open_tracked(make(tmp_path))
    write_export(tmp_path / "out.ome.zarr", tracked)
    (image,) = zarr.open_group(tmp_path / "out.ome.zarr/labels/cells").attrs["multiscales"]
    first = z if "stack" in name else t
    for dataset in image["datasets"]:
        _, translation = dataset["coordinateTransformations"]
        assert translation["type"] == "translation"
        assert translation["translation"] == pytest.approx([first, y, x])


@pytest.mark.parametrize("name", INPUTS)
def test_ome_tiff_has_the_place_of_every_plane(tmp_path: Path, name: str) -> None:
    make, (t, z, y, x) = INPUTS[name]
    tracked = open_tracked(make(tmp_path))
    write_export(tmp_path / "out.ome.tif", tracked)
    planes = ome_types.from_tiff(tmp_path / "out.ome.tif").images[0].pixels.planes
    assert len(planes) == 3
    for index, plane in enumerate(planes):
        assert (plane.position_y, plane.position_x) == (pytest.approx(y), pytest.approx(x))
        assert plane.position_x_unit.value == "µm"
        if "stack" in name:
            assert plane.position_z == pytest.approx(z + index * 2)
        else:
            step = tracked.scale.interval_s
            assert plane.delta_t == pytest.approx(t + index * step)


@pytest.mark.parametrize("name", ["imagej", "imagej stack", "ngff image"])
def test_imagej_has_the_pixel_of_coordinates_0(tmp_path: Path, name: str) -> None:
    make, (_, z, y, x) = INPUTS[name]
    write_export(tmp_path / "out.tif", open_tracked(make(tmp_path)))
    with tifffile.TiffFile(tmp_path / "out.tif") as tif:
        metadata = dict(tif.imagej_metadata or {})
    height, width = (1.0, 0.5) if name == "ngff image" else (0.5, 0.25)
    assert metadata["xorigin"] == pytest.approx(-x / width)
    assert metadata["yorigin"] == pytest.approx(-y / height)
    assert metadata.get("zorigin") == (-z / 2 if "stack" in name else None)


def test_axes_of_geff_have_an_offset(tmp_path: Path) -> None:
    write_export(tmp_path / "out.geff.zarr", open_tracked(INPUTS["ngff image"][0](tmp_path)))
    axes = read_to_memory(tmp_path / "out.geff.zarr/tracks.geff")["metadata"].axes
    assert [axis.offset for axis in axes] == [90.0, 16.0, 28.0]
    assert open_tracked(tmp_path / "out.geff.zarr").scale.origin == Origin(90, 0, 16, 28)


def test_files_without_an_origin_have_none(tmp_path: Path) -> None:
    file = imagej(tmp_path, "TYX", finterval=60)
    tracked = open_tracked(file)
    write_export(tmp_path / "out.ome.tif", tracked)
    write_export(tmp_path / "out.ome.zarr", tracked)
    assert tracked.scale.origin is None
    assert not ome_types.from_tiff(tmp_path / "out.ome.tif").images[0].pixels.planes
    (image,) = zarr.open_group(tmp_path / "out.ome.zarr").attrs["multiscales"]
    assert len(image["datasets"][0]["coordinateTransformations"]) == 1


def test_positions_without_a_unit_are_not_taken(tmp_path: Path) -> None:
    planes = {"PositionX": [5.0] * 3}  # OME: in the reference frame of the microscope
    assert open_movie(ome(tmp_path, "TYX", planes)).scale.origin is None


def test_lengths_without_a_unit_are_pixels(tmp_path: Path) -> None:
    folder = ngff(tmp_path, [scale(1, 0.5, 0.25), move(0, 3, 4)], [], NO_UNITS, "0.4")
    found = open_movie(folder).scale
    assert (found.pixel_size, found.unit) == ((0.5, 0.25), "pixel")
    assert found.origin == Origin(y=3, x=4)


def test_places_of_planes_are_their_spacing_where_none_is_written(tmp_path: Path) -> None:
    planes = {"PositionZ": [9.0, 7.5, 6.0], "PositionZUnit": ["µm"] * 3}
    found = open_movie(ome(tmp_path, "ZYX", planes)).scale
    assert (found.z_spacing, found.origin) == (1.5, Origin(z=9.0))


def test_each_image_of_an_ome_tiff_has_its_own_origin(tmp_path: Path) -> None:
    file = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(file, ome=True) as writer:
        for size, x in ((0.5, 0.0), (0.25, 80.0)):
            planes = {"PositionX": [x] * 3, "PositionXUnit": ["µm"] * 3}
            sizes = {"PhysicalSizeX": size, "PhysicalSizeY": size}
            writer.write(LABELS, metadata={"axes": "TYX", "Plane": planes, **sizes})
    assert open_movie(file, series=0).scale.origin is None
    second = open_movie(file, series=1).scale
    assert (second.pixel_size, second.origin) == ((0.25, 0.25), Origin(x=80.0))


def test_a_range_of_frames_begins_later(tmp_path: Path) -> None:
    file = imagej(tmp_path, "TYX", finterval=60, xorigin=-40)
    found = open_movie(file, frames=slice(1, None)).scale
    assert found.origin == Origin(t=60, x=10)


def test_volumes_have_their_origin(tmp_path: Path) -> None:
    volumes = np.zeros((2, 3, 8, 10), np.uint16)
    write_volume_labels(
        tmp_path / "out.ome.tif",
        volumes,
        VolumeScale((0.5, 0.25), "um", 60.0, 2.0, Origin(30, 4, 5, 6)),
    )
    planes = ome_types.from_tiff(tmp_path / "out.ome.tif").images[0].pixels.planes
    last = planes[-1]
    assert (last.the_t, last.the_z, last.delta_t, last.position_z) == (1, 2, 90.0, 8.0)
    assert open_volumes(tmp_path / "out.ome.tif").scale.origin == Origin(30, 4, 5, 6)
    write_volume_labels(tmp_path / "out.ome.zarr", volumes, VolumeScale(origin=Origin(z=4)))
    (image,) = zarr.open_group(tmp_path / "out.ome.zarr").attrs["multiscales"]
    assert image["datasets"][0]["coordinateTransformations"][1] == move(0, 4, 0, 0)


def test_what_is_known_first_counts_and_units_are_those_of_the_size() -> None:
    layer = ImageScale((500, 250), "nm", origin=Origin(y=1500))
    file = ImageScale((9, 9), "um", origin=Origin(y=7))
    assert layer.completed_by(file).origin == Origin(y=1500)
    assert ImageScale((500, 250), "nm").completed_by(file).origin == Origin(y=7000)

"""Axes, pixel size, unit, spacing and interval of layers on their way into files.

Files are read back by tifffile and ome-types; the numbers expected were worked out by hand.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Layer
from npe2 import PluginManager

from napari_sam2.io.movies import open_movie
from napari_sam2.plugin.layers.source_image import image_source
from napari_sam2.plugin.napari_io.layer_data import movie_layer
from napari_sam2.plugin.napari_io.readers import get_reader
from napari_sam2.plugin.napari_io.writers import write_labels_layer, write_result
from napari_sam2.plugin.window.export import start_export

IMAGES = np.arange(3 * 8 * 10, dtype=np.uint16).reshape(3, 8, 10)
LABELS = np.zeros((3, 8, 10), np.uint16)
LABELS[:, 2:4, 2:6] = 7
MOVIE = ("TYX", "um", 0.5, 0.25, 120.0)
STACK = ("ZYX", "um", 0.5, 0.25, 2.0)
NOTHING = ("TYX", None, None, None, None)


def imagej(path: Path, axes: str, **metadata: Any) -> Path:
    file = path / "in.tif"
    options = {"resolution": (4, 2), "metadata": {"axes": axes, "unit": "micron", **metadata}}
    tifffile.imwrite(file, IMAGES, imagej=True, **options)
    return file


def ome(path: Path, axes: str, **metadata: Any) -> Path:
    file = path / "in.ome.tif"
    sizes = {"PhysicalSizeY": 0.5, "PhysicalSizeX": 0.25}
    tifffile.imwrite(file, IMAGES, metadata={"axes": axes, **sizes, **metadata})
    return file


def ngff(path: Path) -> Path:
    group = zarr.open_group(path / "in.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=IMAGES)
    axes = [{"name": "t", "type": "time", "unit": "minute"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    transform = {"type": "scale", "scale": [2, 0.5, 0.25]}
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [transform]}]}
    group.attrs["multiscales"] = [image | {"version": "0.4"}]
    return path / "in.zarr"


def folder(path: Path) -> Path:
    place = path / "in"
    place.mkdir()
    for t, frame in enumerate(IMAGES):
        metadata = {"unit": "um", "finterval": 120}
        tifffile.imwrite(
            place / f"{t}.tif", frame, imagej=True, resolution=(4, 2), metadata=metadata
        )
    return place


FILES: dict[str, tuple[Callable[[Path], Path], tuple[Any, ...]]] = {
    "imagej movie": (lambda p: imagej(p, "TYX", finterval=120), MOVIE),
    "imagej stack": (lambda p: imagej(p, "ZYX", spacing=2), STACK),
    "ome movie": (lambda p: ome(p, "TYX", TimeIncrement=2, TimeIncrementUnit="min"), MOVIE),
    "ome stack": (lambda p: ome(p, "ZYX", PhysicalSizeZ=2000, PhysicalSizeZUnit="nm"), STACK),
    "ngff": (ngff, MOVIE),
    "folder": (folder, MOVIE),
}
LAYERS: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "nothing": ({}, NOTHING),
    "minutes": ({"scale": (2, 0.5, 0.25), "units": ("min", "um", "um")}, MOVIE),
    "ms and nm": (
        {"scale": (500, 50, 25), "units": ("ms", "nm", "nm")},
        ("TYX", "nm", 50.0, 25.0, 0.5),
    ),
    "pixels": ({"scale": (1, 3, 2)}, ("TYX", "pixel", 3.0, 2.0, None)),
    "depth by unit": ({"scale": (2000, 0.5, 0.25), "units": ("nm", "um", "um")}, STACK),
    "depth by label": (
        {"scale": (2, 0.5, 0.25), "units": ("um",) * 3, "axis_labels": ("z", "y", "x")},
        STACK,
    ),
    "depth without a step": (
        {"axis_labels": ("Z", "Y", "X"), "scale": (1, 0.5, 0.25), "units": ("pixel", "um", "um")},
        ("ZYX", "um", 0.5, 0.25, None),
    ),
}


def exported(layer: Image, path: Path) -> Path:
    """The file that the window's Export makes beside a layer."""
    done, reports = threading.Event(), []
    start_export([layer], LABELS, {}, path, lambda report: (reports.append(report), done.set()))
    assert done.wait(30)
    assert reports[0].error is None
    return path


def read_imagej(file: Path) -> tuple[Any, ...]:
    with tifffile.TiffFile(file) as tif:
        metadata, tags = dict(tif.imagej_metadata or {}), tif.pages.first.tags
        axes = tif.series[0].axes
        resolution = [tags[f"{axis}Resolution"].value for axis in "YX"]
    unit = metadata.get("unit")
    y, x = (round(units / pixels, 6) if unit else None for pixels, units in resolution)
    steps = {"T": metadata.get("finterval"), "Z": metadata.get("spacing")}
    assert steps["Z" if axes[0] == "T" else "T"] is None
    return axes, unit, y, x, steps[axes[0]]


def opened(path: Path) -> Image:
    PluginManager.instance().discover()  # as napari does when its window opens
    (layer,) = ViewerModel().open(str(path), plugin="napari")
    assert (layer.source.path, set(layer.scale)) == (str(path), {1.0})
    return layer


@pytest.mark.parametrize("name", FILES)
def test_napari_s_own_reader_loses_nothing(tmp_path: Path, name: str) -> None:
    make, known = FILES[name]
    layer = opened(make(tmp_path))
    assert read_imagej(exported(layer, tmp_path / "out.tif")) == known


@pytest.mark.parametrize("name", FILES)
def test_our_reader_loses_nothing(tmp_path: Path, name: str) -> None:
    make, known = FILES[name]
    data, options, _ = movie_layer(open_movie(make(tmp_path)))
    layer = Image(data, **options)
    assert read_imagej(exported(layer, tmp_path / "out.sam2.tif")) == known


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_other_plugins_say_what_they_are(tmp_path: Path, name: str) -> None:
    options, known = LAYERS[name]
    layer = Image(IMAGES, **options)
    assert read_imagej(exported(layer, tmp_path / "out.tif")) == known


@pytest.mark.parametrize("name", LAYERS)
def test_saved_labels_layers_say_what_they_are(tmp_path: Path, name: str) -> None:
    options, known = LAYERS[name]
    data, state, _ = Layer.create(LABELS, options, "labels").as_layer_data_tuple()
    write_labels_layer(str(tmp_path / "out.tif"), data, state)
    assert read_imagej(tmp_path / "out.tif") == known


def test_a_z_stack_of_ours_opens_as_the_layer_that_was_saved(tmp_path: Path) -> None:
    layer = Layer.create(LABELS, LAYERS["depth by label"][0], "labels")
    path = str(tmp_path / "out.sam2.tif")
    write_labels_layer(path, *layer.as_layer_data_tuple()[:2])
    reader = get_reader(path)
    assert reader is not None
    (back,) = [Layer.create(*data) for data in reader(path)]
    np.testing.assert_allclose(back.scale, (2, 0.5, 0.25))
    assert (back.units, back.axis_labels) == (layer.units, ("z", "y", "x"))


def test_what_the_layer_says_counts_before_its_file(tmp_path: Path) -> None:
    layer = opened(FILES["imagej movie"][0](tmp_path))
    layer.scale, layer.units = (1, 3, 3), ("pixel", "um", "um")
    expected = ("TYX", "um", 3.0, 3.0, 120.0)
    assert read_imagej(exported(layer, tmp_path / "out.tif")) == expected


def test_sizes_without_a_unit_get_that_of_the_file(tmp_path: Path) -> None:
    layer = opened(FILES["imagej movie"][0](tmp_path))
    layer.scale = (1, 0.5, 0.25)
    assert read_imagej(exported(layer, tmp_path / "out.tif")) == MOVIE


def test_one_channel_of_a_file_has_the_scale_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "in.tif"
    metadata = {"axes": "TCYX", "unit": "um", "finterval": 120}
    two = np.stack([IMAGES, IMAGES], axis=1)
    tifffile.imwrite(file, two, imagej=True, resolution=(4, 2), metadata=metadata)
    layer = ViewerModel().open(str(file), plugin="napari", channel_axis=1)[1]
    assert read_imagej(exported(layer, tmp_path / "out.tif")) == MOVIE


def test_a_part_of_the_frames_has_no_interval_of_the_file(tmp_path: Path) -> None:
    layer = opened(FILES["imagej movie"][0](tmp_path))
    layer.data = layer.data[::2]
    scale = image_source(layer).scale.read()
    assert (scale.pixel_size, scale.interval_s) == ((0.5, 0.25), None)


def test_an_image_made_smaller_has_no_pixel_size_of_the_file(tmp_path: Path) -> None:
    layer = opened(FILES["imagej movie"][0](tmp_path))
    layer.data = layer.data[:, ::2, ::2]
    assert image_source(layer).scale.read().pixel_size is None


def test_a_file_that_is_gone_is_no_reason_to_lose_labels(tmp_path: Path) -> None:
    file = FILES["imagej movie"][0](tmp_path)
    layer = opened(file)
    file.unlink()
    assert read_imagej(exported(layer, tmp_path / "out.tif")) == NOTHING


def test_ome_tiff_of_the_window_has_the_scale_of_the_file(tmp_path: Path) -> None:
    import ome_types  # slow to import

    layer = opened(FILES["ome stack"][0](tmp_path))
    pixels = ome_types.from_tiff(exported(layer, tmp_path / "out.ome.tif")).images[0].pixels
    sizes = (pixels.physical_size_z, pixels.physical_size_y, pixels.physical_size_x)
    assert (sizes, pixels.size_z, pixels.size_t) == ((2.0, 0.5, 0.25), 3, 1)


def test_measurements_of_the_window_have_the_units_of_the_file(tmp_path: Path) -> None:
    layer = opened(FILES["imagej movie"][0](tmp_path))
    with exported(layer, tmp_path / "out.csv").open(encoding="utf-8") as lines:
        row = list(csv.DictReader(lines))[2]
    assert (row["time_s"], row["area_um2"]) == ("240", "1")


def test_labels_saved_with_an_image_get_its_scale(tmp_path: Path) -> None:
    image = Image(IMAGES, name="GFP", scale=(2, 0.5, 0.25), units=("min", "um", "um"))
    labels = Layer.create(LABELS, {}, "labels")
    layers = [labels.as_layer_data_tuple(), image.as_layer_data_tuple()]
    write_result(str(tmp_path / "out.csv"), layers)
    header = (tmp_path / "out.csv").read_text().splitlines()[0].split(",")
    assert {"time_s", "area_um2"} <= set(header)


def test_our_labels_layer_knows_the_file_of_its_image(open_desk: Any, tmp_path: Path) -> None:
    file = FILES["imagej movie"][0](tmp_path)
    desk = open_desk()
    desk.viewer.open(str(file), plugin="napari")
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.labels is not None)
    data, state, _ = desk.labels.as_layer_data_tuple()
    write_labels_layer(str(tmp_path / "out.tif"), data, state)
    assert read_imagej(tmp_path / "out.tif") == MOVIE


PLACED: dict[str, tuple[dict[str, Any], tuple[float, float]]] = {
    "layer": (
        {"scale": (2, 0.5, 0.25), "translate": (0, 3, 4), "units": ("min", "um", "um")},
        (3.0, 4.0),
    ),
    "nm": (
        {"scale": (1, 50, 25), "translate": (0, 3, -4), "units": ("s", "nm", "nm")},
        (3.0, -4.0),
    ),
    "pixels": ({"translate": (0, 3, 4)}, (3.0, 4.0)),
}


@pytest.mark.parametrize("name", PLACED)
def test_where_a_layer_lies_is_written(tmp_path: Path, name: str) -> None:
    options, (y, x) = PLACED[name]
    data, state, _ = Layer.create(LABELS, options, "labels").as_layer_data_tuple()
    write_labels_layer(str(tmp_path / "out.tif"), data, state)
    with tifffile.TiffFile(tmp_path / "out.tif") as tif:
        metadata = dict(tif.imagej_metadata or {})
    height, width = options.get("scale", (1, 1, 1))[1:]
    assert metadata["yorigin"] == pytest.approx(-y / height)
    assert metadata["xorigin"] == pytest.approx(-x / width)


def test_our_reader_puts_a_layer_where_the_file_says(tmp_path: Path) -> None:
    file = imagej(tmp_path, "TYX", finterval=120, xorigin=-40, yorigin=20)
    data, options, _ = movie_layer(open_movie(file))
    np.testing.assert_allclose(Image(data, **options).translate, (0, -10, 10))


def test_saved_labels_open_where_they_were(tmp_path: Path) -> None:
    layer = Layer.create(LABELS, PLACED["layer"][0], "labels")
    path = str(tmp_path / "out.sam2.ome.tif")
    write_labels_layer(path, *layer.as_layer_data_tuple()[:2])
    reader = get_reader(path)
    assert reader is not None
    (back,) = [Layer.create(*data) for data in reader(path)]
    np.testing.assert_allclose(back.translate, (0, 3, 4))


def test_volumes_of_a_layer_keep_their_place(tmp_path: Path) -> None:
    options = {"scale": (60, 2, 0.5, 0.25), "translate": (0, 4, 5, 6), "units": ("s", *["um"] * 3)}
    layer = Layer.create(np.zeros((2, 3, 8, 10), np.uint16), options, "labels")
    path = tmp_path / "out.tif"
    write_labels_layer(str(path), *layer.as_layer_data_tuple()[:2])
    with tifffile.TiffFile(path) as tif:
        metadata = dict(tif.imagej_metadata or {})
    assert [metadata[f"{axis}origin"] for axis in "zyx"] == [-2.0, -10.0, -24.0]


def test_an_image_without_a_place_gets_that_of_its_file(tmp_path: Path) -> None:
    layer = opened(imagej(tmp_path, "TYX", finterval=120, xorigin=-40, yorigin=20))
    with tifffile.TiffFile(exported(layer, tmp_path / "out.tif")) as tif:
        metadata = dict(tif.imagej_metadata or {})
    assert (metadata["xorigin"], metadata["yorigin"]) == (-40, 20)

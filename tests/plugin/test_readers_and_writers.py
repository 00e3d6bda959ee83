from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Labels, Layer

from napari_sam2.cli.window import make_viewer
from napari_sam2.io.movies import open_movie
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tiff import is_own_file, read_labels, write_images, write_labels
from napari_sam2.plugin.napari_io.layer_data import movie_layer
from napari_sam2.plugin.napari_io.readers import get_reader
from napari_sam2.plugin.napari_io.samples import c2c12_sample, synthetic_sample
from napari_sam2.plugin.napari_io.writers import write_labels_layer

SCALE = ImageScale((0.5, 0.25), "um", 60.0)


def labels_layer(ndim: int = 3, **options: Any) -> Labels:
    data = np.zeros((4, 8, 9)[3 - ndim :], np.uint16)
    data[..., 2:5, 3:6] = 3
    return Labels(data, name="cells", **options)


def saved(path: Path, layer: Labels) -> ImageScale:
    """Scale in the file that our writer makes of a layer."""
    data, meta, _ = layer.as_layer_data_tuple()
    assert write_labels_layer(str(path), data, meta) == [str(path)]
    back, scale = read_labels(path)
    np.testing.assert_array_equal(back, layer.data)
    return scale


@pytest.mark.parametrize(
    ("options", "scale"),
    [
        ({}, ImageScale(frame_axis="t")),
        (
            {"scale": (1, 0.5, 0.25), "units": ("pixel", "um", "um")},
            ImageScale((0.5, 0.25), frame_axis="t"),
        ),
        ({"scale": (60, 0.5, 0.25), "units": ("second", "um", "um")}, SCALE),
        ({"scale": (1, 0.5, 0.25), "units": ("minute", "micrometer", "micrometer")}, SCALE),
    ],
)
def test_scale_and_units_of_the_layer_are_saved(
    tmp_path: Path, options: dict[str, Any], scale: ImageScale
) -> None:
    assert saved(tmp_path / "labels.tif", labels_layer(**options)) == scale


def test_single_image_is_saved_as_one(tmp_path: Path) -> None:
    layer = labels_layer(2, scale=(0.5, 0.25), units=("um", "um"))
    assert saved(tmp_path / "labels.tif", layer) == ImageScale((0.5, 0.25))


def test_our_file_opens_as_the_layer_that_was_saved(tmp_path: Path) -> None:
    path = str(tmp_path / "cells.sam2.tif")
    layer = labels_layer(scale=(60, 0.5, 0.25), units=("second", "um", "um"))
    saved(Path(path), layer)
    reader = get_reader(path)
    assert reader is not None
    (opened,) = [Layer.create(*data) for data in reader(path)]
    np.testing.assert_array_equal(opened.data, layer.data)
    np.testing.assert_allclose(opened.scale, layer.scale)
    assert (opened.units, opened.name) == (layer.units, "cells")


def test_foreign_files_are_left_to_others(tmp_path: Path) -> None:
    path = tmp_path / "foreign.sam2.tif"
    tifffile.imwrite(path, np.zeros((8, 9), np.uint16))
    assert get_reader(str(path)) is None
    assert get_reader([str(path)]) is None
    assert get_reader(str(tmp_path / "nowhere.sam2.tif")) is None


def test_file_save_uses_our_writer(make_napari_viewer: Any, tmp_path: Path) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_layer(labels_layer(scale=(60, 0.5, 0.25), units=("second", "um", "um")))
    written = layer.save(str(tmp_path / "labels.tif"), plugin="napari-sam2")
    assert read_labels(written[0])[1] == SCALE


def test_name_of_ours_is_written_by_us_without_being_asked(
    make_napari_viewer: Any, tmp_path: Path
) -> None:
    layer = make_napari_viewer().add_layer(
        labels_layer(scale=(1, 2, 2), units=("pixel", "um", "um"))
    )
    (written,) = layer.save(str(tmp_path / "labels.sam2.tif"))
    assert is_own_file(written)


@pytest.mark.parametrize(
    ("key", "layers", "axes"), [("synthetic", 2, 3), ("c2c12", 1, 3), ("volumes", 2, 4)]
)
def test_samples_open_from_the_menu(
    make_napari_viewer: Any, key: str, layers: int, axes: int
) -> None:
    viewer = make_napari_viewer()
    viewer.open_sample("napari-sam2", key)
    assert len(viewer.layers) == layers
    assert viewer.layers[0].data.ndim == axes


def test_truth_of_the_sample_is_hidden_and_lies_on_its_image() -> None:
    image, truth = (Layer.create(*data) for data in synthetic_sample())
    assert not truth.visible
    np.testing.assert_array_equal(image.scale, truth.scale)
    assert (image.units, image.axis_labels) == (truth.units, truth.axis_labels)


def test_real_sample_names_its_source() -> None:
    (layer,) = (Layer.create(*data) for data in c2c12_sample())
    assert "CC" not in layer.name
    assert "10.1038/sdata.2018.237" in layer.metadata["attribution"]


def test_movie_becomes_a_lazy_layer_with_its_scale(tmp_path: Path) -> None:
    write_images(tmp_path / "movie.tif", np.ones((4, 8, 9), np.uint8), SCALE)
    layer = Layer.create(*movie_layer(open_movie(tmp_path / "movie.tif")))
    assert layer.data.shape == (4, 8, 9)
    np.testing.assert_allclose(layer.scale, (60, 0.5, 0.25))
    assert [str(unit) for unit in layer.units] == ["second", "micrometer", "micrometer"]


def test_single_image_becomes_a_flat_layer(tmp_path: Path) -> None:
    write_labels(tmp_path / "image.tif", np.ones((8, 9), np.uint16))
    layer = Layer.create(*movie_layer(open_movie(tmp_path / "image.tif")))
    assert layer.data.shape == (8, 9)


def test_open_docks_the_widget_on_the_first_frame(
    make_napari_viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari.Viewer", make_napari_viewer)
    viewer = make_viewer(c2c12_sample())
    assert viewer.dims.current_step[0] == 0
    assert "SAM 2" in " ".join(viewer.window.dock_widgets)

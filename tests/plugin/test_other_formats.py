"""Other tools' tracks are opened and saved from napari's own menus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer

from napari_sam2.io.exports import open_tracked
from napari_sam2.plugin.napari_io.readers import get_tracks_reader
from napari_sam2.plugin.napari_io.writers import write_result
from tests.families import SCALE, family, image

PLACE: dict[str, Any] = {
    "scale": (60, 0.5, 0.25),
    "units": ("second", "um", "um"),
    "axis_labels": ("t", "y", "x"),
}


def labels_layer() -> Labels:
    metadata = {"parents": {2: 1, 3: 1}, "names": {2: "Zoë"}}
    return Labels(family().labels, name="cells", metadata=metadata, **PLACE)


@pytest.mark.parametrize("name", ["cells.ctc", "cells.geff.zarr"])
def test_tracks_are_saved_and_opened_again(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    assert write_result(path, [labels_layer().as_layer_data_tuple()]) == [path]
    reader = get_tracks_reader(path)
    assert reader is not None
    opened, paths = [Layer.create(*data) for data in reader(path)]
    assert {
        daughter: mothers for daughter, mothers in paths.graph.items() if daughter in (2, 3)
    } == {
        2: [1],
        3: [1],
    }
    assert set(paths.data[:, 0].astype(int)) == set(np.unique(opened.data)) - {0}
    np.testing.assert_array_equal(opened.data > 0, family().labels > 0)
    assert opened.name == "cells"
    assert opened.metadata["parents"].items() >= {2: 1, 3: 1}.items()


def test_images_that_are_saved_with_labels_are_measured(tmp_path: Path) -> None:
    layers = [labels_layer(), Image(image(), name="GFP", **PLACE)]
    write_result(str(tmp_path / "m.csv"), [layer.as_layer_data_tuple() for layer in layers])
    header = (tmp_path / "m.csv").read_text().splitlines()[0].split(",")
    assert {"GFP_mean", "speed_um_per_s"} <= set(header)


def test_other_folders_are_left_to_others(tmp_path: Path) -> None:
    assert get_tracks_reader(str(tmp_path)) is None
    assert get_tracks_reader([str(tmp_path)]) is None


def test_a_labels_layer_is_saved_as_ome_zarr(tmp_path: Path) -> None:
    write_result(str(tmp_path / "cells.ome.zarr"), [labels_layer().as_layer_data_tuple()])
    back = open_tracked(tmp_path / "cells.ome.zarr")
    np.testing.assert_array_equal(np.asarray(back.labels), family().labels)
    assert (back.scale, back.parents, back.names) == (SCALE, {2: 1, 3: 1}, {2: "Zoë"})


@pytest.mark.parametrize(
    "name", ["cells.ctc", "cells.geff.zarr", "cells.ome.zarr", "cells.trackmate.csv"]
)
def test_file_save_uses_our_writers(make_napari_viewer: Any, tmp_path: Path, name: str) -> None:
    layer = make_napari_viewer().add_layer(labels_layer())
    (written,) = layer.save(str(tmp_path / name), plugin="napari-sam2")
    assert Path(written).exists()


def test_labels_and_image_are_saved_as_a_film(make_napari_viewer: Any, tmp_path: Path) -> None:
    viewer = make_napari_viewer()
    viewer.add_layer(Image(image(), name="GFP", **PLACE))
    viewer.add_layer(labels_layer())
    (written,) = viewer.layers.save(str(tmp_path / "film.gif"), plugin="napari-sam2")
    assert Path(written).stat().st_size > 1000


def test_a_folder_is_opened_by_its_name(make_napari_viewer: Any, tmp_path: Path) -> None:
    path = tmp_path / "01_RES"
    write_result(str(tmp_path / "x.ctc"), [labels_layer().as_layer_data_tuple()])
    (tmp_path / "x.ctc").rename(path)
    opened, _ = make_napari_viewer().open(str(path), plugin="napari-sam2")
    assert isinstance(opened, Labels)
    assert open_tracked(path).parents == opened.metadata["parents"]

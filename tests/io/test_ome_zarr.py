"""Labels as OME-Zarr; the attributes are compared with values that were computed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_sam2 import open_movie, write_labels
from napari_sam2.io.exports import open_tracked, write_export
from napari_sam2.io.ome_zarr import write_label_zarr
from napari_sam2.io.scale import ImageScale
from napari_sam2.version import __version__
from tests.families import SCALE, family

MOVIE = ImageScale((0.5, 0.25), "um", 60.0)
STACK = ImageScale((65.0, 65.0), "nm", z_spacing=200.0)
NAMES = {"0.4": "cells.ome.zarr", "0.5": "cells.v05.ome.zarr"}


def wide() -> np.ndarray:
    """Labels of two frames, 300 x 601 pixels: three resolutions."""
    labels = np.zeros((2, 300, 601), np.uint16)
    labels[0, 10:20, 30:50] = 3
    labels[1, 250:300, 500:601] = 7
    return labels


def attributes(folder: Path, version: str) -> dict[str, Any]:
    """Attributes of a group as they stand in the file, without what the version puts around."""
    if version == "0.4":
        return json.loads((folder / ".zattrs").read_text(encoding="utf-8"))
    content = json.loads((folder / "zarr.json").read_text(encoding="utf-8"))
    assert (content["zarr_format"], content["node_type"]) == (3, "group")
    assert content["attributes"].keys() == {"ome"}
    assert content["attributes"]["ome"].pop("version") == "0.5"
    return content["attributes"]["ome"]


def expected(axes: list[dict[str, str]], scales: list[list[float]], place: str = "") -> dict:
    steps = [[{"type": "scale", "scale": scale}] for scale in scales]
    return {
        "name": "cells",
        "axes": axes,
        "datasets": [
            {"path": f"{place}{k}", "coordinateTransformations": step}
            for k, step in enumerate(steps)
        ],
        "type": "nearest",
        "metadata": {
            "method": "napari_sam2.io.ome_zarr.write_label_zarr",
            "version": __version__,
        },
    }


@pytest.mark.parametrize("version", NAMES)
def test_attributes_of_a_movie(tmp_path: Path, version: str) -> None:
    folder = tmp_path / NAMES[version]
    write_labels(folder, wide(), MOVIE)
    axes = [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    scales = [[60.0, 0.5, 0.25], [60.0, 1.0, 0.5], [60.0, 2.0, 1.0]]
    number = {"version": "0.4"} if version == "0.4" else {}
    image = expected(axes, scales) | number
    about = {"source": {"image": "../../"}} | number
    cells = folder / "labels" / "cells"
    assert attributes(cells, version) == {"multiscales": [image], "image-label": about}
    assert attributes(folder / "labels", version) == {"labels": ["cells"]}
    root = expected(axes, scales, "labels/cells/") | number
    assert attributes(folder, version) == {"multiscales": [root]}


@pytest.mark.parametrize("version", NAMES)
def test_attributes_of_a_z_stack(tmp_path: Path, version: str) -> None:
    folder = tmp_path / NAMES[version]
    write_labels(folder, np.ones((4, 5, 6), np.uint8), STACK)
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    (image,) = attributes(folder / "labels" / "cells", version)["multiscales"]
    assert image["axes"] == axes
    assert [one["coordinateTransformations"] for one in image["datasets"]] == [
        [{"type": "scale", "scale": [200.0, 65.0, 65.0]}]
    ]


def test_unknown_sizes_have_no_unit(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.ome.zarr", np.ones((5, 6), np.uint8))
    (image,) = attributes(tmp_path / "a.ome.zarr", "0.4")["multiscales"]
    assert image["axes"] == [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    assert image["datasets"][0]["coordinateTransformations"][0]["scale"] == [1.0, 1.0]
    assert open_movie(tmp_path / "a.ome.zarr").scale == ImageScale()


@pytest.mark.parametrize(("version", "zarr_format"), [("0.4", 2), ("0.5", 3)])
def test_resolutions_have_every_second_pixel(
    tmp_path: Path, version: str, zarr_format: int
) -> None:
    write_labels(tmp_path / NAMES[version], wide(), MOVIE)
    group = zarr.open_group(tmp_path / NAMES[version] / "labels" / "cells", mode="r")
    arrays = [group[str(level)] for level in range(3)]
    assert [array.shape for array in arrays] == [(2, 300, 601), (2, 150, 301), (2, 75, 151)]
    assert [array.chunks for array in arrays] == [(1, 300, 601), (1, 150, 301), (1, 75, 151)]
    for level, array in enumerate(arrays):
        np.testing.assert_array_equal(array[...], wide()[:, :: 2**level, :: 2**level])
    assert group.metadata.zarr_format == zarr_format
    names = arrays[0].metadata.to_dict().get("dimension_names")
    assert names == (("t", "y", "x") if version == "0.5" else None)
    if version == "0.4":
        stored = tmp_path / NAMES[version] / "labels" / "cells" / "0" / ".zarray"
        assert json.loads(stored.read_text(encoding="utf-8"))["dimension_separator"] == "/"


@pytest.mark.parametrize("name", NAMES.values())
@pytest.mark.parametrize("scale", [MOVIE, STACK, ImageScale(frame_axis="t")])
def test_labels_axes_and_scale_come_back(tmp_path: Path, name: str, scale: ImageScale) -> None:
    write_labels(tmp_path / name, wide(), scale)
    for back in (open_movie(tmp_path / name), open_movie(tmp_path / name, as_labels=True)):
        assert back.scale == scale
        np.testing.assert_array_equal(np.asarray(back.data), wide())


def test_names_and_mothers_come_back(tmp_path: Path) -> None:
    write_export(tmp_path / "a.ome.zarr", family())
    about = attributes(tmp_path / "a.ome.zarr" / "labels" / "cells", "0.4")["image-label"]
    assert about["properties"] == [
        {"label-value": 2, "name": "Zoë 细胞", "mother": 1},
        {"label-value": 3, "mother": 1},
    ]
    back = open_tracked(tmp_path / "a.ome.zarr")
    assert (back.parents, back.names, back.scale) == ({2: 1, 3: 1}, {2: "Zoë 细胞"}, SCALE)


def test_labels_of_an_image_are_found(tmp_path: Path) -> None:
    """As other programs write them: the image in the folder, its labels in a group."""
    write_labels(tmp_path / "a.ome.zarr", wide(), MOVIE)
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="a")
    group.create_array("0", data=np.full(wide().shape, 9.5, np.float32))
    (image,) = group.attrs["multiscales"]
    image["datasets"] = [{**image["datasets"][0], "path": "0"}]
    group.attrs["multiscales"] = [image]
    assert open_movie(tmp_path / "a.ome.zarr").frame(0)[0, 0] == 9.5
    np.testing.assert_array_equal(np.asarray(open_tracked(tmp_path / "a.ome.zarr").labels), wide())


def test_several_labels_are_named(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.ome.zarr", wide())
    labels = zarr.open_group(tmp_path / "a.ome.zarr" / "labels", mode="a")
    labels.create_group("nuclei")
    labels.attrs["labels"] = ["cells", "nuclei"]
    with pytest.raises(ValueError, match=r"several labels.*a\.ome\.zarr/labels/nuclei"):
        open_tracked(tmp_path / "a.ome.zarr")


def test_a_folder_with_an_image_is_left_alone(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.ome.zarr", wide())
    zarr.open_group(tmp_path / "a.ome.zarr", mode="a").create_array("0", data=np.ones((2, 2)))
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(FileExistsError, match="holds something else"):
        write_labels(tmp_path / "a.ome.zarr", np.zeros((2, 2), np.uint8))
    assert before == {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}


def test_labels_of_ours_are_replaced_in_the_other_version_too(tmp_path: Path) -> None:
    write_label_zarr(tmp_path / "a.ome.zarr", wide(), version="0.5")
    write_label_zarr(tmp_path / "a.ome.zarr", wide()[:1], version="0.4")
    assert open_movie(tmp_path / "a.ome.zarr").data.shape == (1, 300, 601)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ome.zarr"]

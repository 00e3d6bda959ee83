"""GEFF folders, judged by the reference implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from geff.core_io import read_to_memory
from geff.validate.data import ValidationConfig

from napari_sam2.io.geff import GRAPH, graph_of, open_geff, write_geff
from napari_sam2.io.tracked import TrackedLabels
from tests.evaluation.worlds import drawn
from tests.families import SCALE, family


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_geff(tmp_path / "cells.geff.zarr", family())
    return tmp_path / "cells.geff.zarr"


def test_the_reference_implementation_calls_it_valid(written: Path) -> None:
    checks = ValidationConfig(graph=True, tracklet=True)
    memory = read_to_memory(written / GRAPH, data_validation=checks)
    assert len(memory["node_ids"]) == 9
    assert len(memory["edge_ids"]) == 7
    time, y, x = memory["metadata"].axes
    assert (time.scale, y.scale, x.scale) == (60, 0.5, 0.25)
    assert (time.scaled_unit, x.scaled_unit) == ("second", "micrometer")


def test_it_is_read_back(written: Path) -> None:
    back = open_geff(written)
    np.testing.assert_array_equal(np.asarray(back.labels), family().labels)
    assert (back.parents, back.names, back.scale) == ({2: 1, 3: 1}, {2: "Zoë 细胞"}, SCALE)


def test_the_graph_itself_can_be_opened(written: Path) -> None:
    assert open_geff(written / GRAPH).parents == {2: 1, 3: 1}


def test_an_older_one_is_replaced(written: Path) -> None:
    write_geff(written, TrackedLabels(drawn("7.")))
    assert np.unique(np.asarray(open_geff(written).labels)).tolist() == [0, 7]


def test_a_folder_with_anything_else_is_left_alone(written: Path) -> None:
    (written / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds something else"):
        write_geff(written, family())


def test_labels_without_objects_are_written(tmp_path: Path) -> None:
    write_geff(tmp_path / "none.zarr", TrackedLabels(drawn("..", "..")))
    assert not np.asarray(open_geff(tmp_path / "none.zarr").labels).any()


def test_a_graph_without_labels_is_told(written: Path) -> None:
    group = zarr.open_group(written / GRAPH, mode="a")
    group.attrs["geff"] = {**group.attrs["geff"], "related_objects": []}
    with pytest.raises(ValueError, match="no labels with it"):
        open_geff(written)


@pytest.mark.parametrize("path", ["../../elsewhere", "/etc", "..", "../segmentation/../../x"])
def test_labels_elsewhere_are_not_followed(written: Path, path: str) -> None:
    group = zarr.open_group(written / GRAPH, mode="a")
    related = [{"type": "labels", "path": path, "label_prop": "label"}]
    group.attrs["geff"] = {**group.attrs["geff"], "related_objects": related}
    with pytest.raises(ValueError, match="cannot be read as GEFF"):
        open_geff(written)


def test_other_folders_are_no_graph(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "other.zarr", mode="w")
    assert graph_of(tmp_path / "other.zarr") is None
    with pytest.raises(FileNotFoundError, match="there is no GEFF"):
        open_geff(tmp_path / "other.zarr")

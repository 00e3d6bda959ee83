from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_sam2.batch import Plan, run_batch
from napari_sam2.batch.movies import movies_of
from napari_sam2.batch.outputs import LABELS, MEASUREMENTS
from napari_sam2.finding import Proposal
from napari_sam2.io.samples import Sample
from napari_sam2.io.tiff import read_labels
from napari_sam2.io.zarr_movie import plate_fields
from napari_sam2.tracking.pixels import masks_of

WELLS = ("A1", "A2", "B1", "B2")


@pytest.fixture
def plate(tmp_path: Path, sample: Sample) -> Path:
    """A plate of 2 x 2 wells with one field each, (T, C, Z, Y, X) as microscopes write them."""
    path = tmp_path / "screen.zarr"
    group = zarr.open_group(path, mode="w")
    wells = [{"path": f"{well[0]}/{well[1]}"} for well in WELLS]
    group.attrs["ome"] = {"version": "0.5", "plate": {"name": "screen 7", "wells": wells}}
    axes = [{"name": name} for name in "tcz"]
    axes += [{"name": name, "unit": "micrometer"} for name in "yx"]
    transform = {"type": "scale", "scale": [60.0, 1.0, 1.0, 0.5, 0.5]}
    dataset = {"path": "0", "coordinateTransformations": [transform]}
    for shift, well in enumerate(wells):
        node = group.create_group(well["path"])
        node.attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": "0"}]}}
        image = node.create_group("0")
        image.attrs["ome"] = {
            "version": "0.5",
            "multiscales": [{"axes": axes, "datasets": [dataset]}],
        }
        pixels = np.roll(sample.images, shift, axis=2)[:, None, None]
        image.create_array("0", data=pixels)
    return path


@pytest.fixture
def _true_cells(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(*_: Any, t: int, **__: Any) -> list[Proposal]:
        masks = masks_of(sample.labels[t]).values()
        return [Proposal(mask, 0.9, 1.0, (0, 0)) for mask in masks]

    monkeypatch.setattr("napari_sam2.batch.tracking_run.find_objects", find)


def test_each_field_of_a_plate_is_a_movie(plate: Path) -> None:
    plan = Plan(movies=(plate.name,), output=Path("out"), home=plate.parent)
    movies = movies_of(plan)
    assert [movie.name for movie in movies] == [f"screen_{well}_0" for well in WELLS]
    assert [movie.well for movie in movies] == list(WELLS)
    assert {(movie.plate, movie.field) for movie in movies} == {("screen 7", "0")}


@pytest.mark.usefixtures("_true_cells")
def test_plate_is_tracked_from_end_to_end(plate: Path) -> None:
    plan = Plan(movies=(plate.name,), output=Path("out"), home=plate.parent)
    report = run_batch(plan)
    assert report.count("done") == 4
    for well in WELLS:
        labels, scale = read_labels(plan.output_folder / f"screen_{well}_0" / LABELS)
        assert len(np.unique(labels)) == 3
        assert scale.pixel_size == (0.5, 0.5)
    with (plan.output_folder / MEASUREMENTS).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["plate"], row["well"], row["field"]) for row in rows} == {
        ("screen 7", well, "0") for well in WELLS
    }


def test_incomplete_plate_is_named(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "p.zarr", mode="w")
    group.attrs["plate"] = {"wells": [{"path": "A/1"}]}
    with pytest.raises(ValueError, match=r"p\.zarr is no complete OME-Zarr plate"):
        plate_fields(tmp_path / "p.zarr")


def test_other_zarr_is_no_plate(tmp_path: Path) -> None:
    zarr.save_array(tmp_path / "a.zarr", np.zeros((2, 8, 8), np.uint8))
    assert plate_fields(tmp_path / "a.zarr") == ()

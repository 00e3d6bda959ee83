from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.measure import regionprops

from napari_sam2.io.measure import column_names, measure, write_measurements
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tracked import TrackedLabels
from tests.evaluation.worlds import drawn
from tests.families import family, image


def rows_of(tracked: TrackedLabels) -> dict[tuple[int, int], dict[str, Any]]:
    return {(row["frame"], row["object"]): row for row in measure(tracked)}


def test_every_object_of_every_frame_has_a_row() -> None:
    places = [(0, 1), (0, 5), (1, 1), (1, 5), (2, 2), (2, 3), (3, 2), (4, 2), (4, 3)]
    assert list(rows_of(family())) == places


def test_values_are_those_of_scikit_image() -> None:
    row = rows_of(family(channels={"GFP": image()}))[1, 1]
    (found,) = [r for r in regionprops(family().labels[1], image()[1]) if r.label == 1]
    assert row["area_px"] == found.area
    assert (row["centroid_y_px"], row["centroid_x_px"]) == found.centroid
    assert row["GFP_mean"] == found.intensity_mean
    assert (row["GFP_min"], row["GFP_max"]) == (found.intensity_min, found.intensity_max)
    assert row["solidity"] == found.solidity


def test_distances_count_the_size_of_a_pixel() -> None:
    row = rows_of(family())[1, 1]
    assert row["displacement_px"] == 3
    assert row["displacement_um"] == 0.75
    assert row["speed_um_per_s"] == 0.75 / 60
    assert row["area_um2"] == 9 * 0.5 * 0.25
    assert row["time_s"] == 60


def test_ages_count_from_the_birth_of_a_daughter() -> None:
    rows = rows_of(family())
    columns = ("generation", "age_frames", "age_s")
    assert [rows[0, 1][name] for name in columns] == [0, None, None]
    assert [rows[2, 2][name] for name in columns] == [1, 0, 0]
    assert [rows[4, 3][name] for name in columns] == [1, 2, 120]


def test_a_cycle_needs_birth_and_division() -> None:
    labels = drawn("1.", "1.", "23", "23", "4.", "..")
    rows = rows_of(TrackedLabels(labels, {2: 1, 3: 1, 4: 2}, scale=ImageScale(interval_s=30.0)))
    found = {key: (row["cycle_frames"], row["cycle_s"]) for key, row in rows.items()}
    assert found[2, 2] == found[3, 2] == (2, 60)
    assert found[0, 1] == found[2, 3] == found[4, 4] == (None, None)
    assert rows[4, 4]["generation"] == 2


def test_there_is_no_displacement_after_a_gap() -> None:
    assert rows_of(family())[4, 3]["displacement_px"] is None


def test_lengths_have_no_unit_where_pixels_are_not_square() -> None:
    assert rows_of(family())[0, 1]["perimeter_um"] is None
    square = rows_of(family(scale=ImageScale((0.5, 0.5))))[0, 1]
    assert square["perimeter_um"] == square["perimeter_px"] / 2


def test_columns_of_a_scale_that_is_not_known_are_left_out() -> None:
    names = column_names(family(scale=ImageScale()))
    assert not [name for name in names if "um" in name.split("_") or name.endswith("_s")]


def test_pixels_without_a_value_do_not_count() -> None:
    movie = image().astype(np.float32)
    movie[0, 0, 0] = np.nan
    movie[1] = np.nan
    rows = rows_of(family(channels={"a": movie}))
    assert rows[0, 1]["a_min"] == movie[0, 0, 1]
    assert rows[1, 1]["a_mean"] is None


def test_colours_are_channels() -> None:
    colours = np.stack([image(), 2 * image(), 3 * image()], axis=-1)
    row = rows_of(family(channels={"rgb": colours}))[0, 5]
    assert row["rgb_b_mean"] == 3 * row["rgb_r_mean"]


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (1, 5), (9, 9)])
def test_objects_of_one_pixel_and_of_the_whole_image(shape: tuple[int, int]) -> None:
    (row,) = measure(TrackedLabels(np.full((1, *shape), 70000, np.uint32)))
    assert (row["object"], row["area_px"], row["extent"]) == (70000, shape[0] * shape[1], 1)


def test_a_table_is_read_by_others(tmp_path: Path) -> None:
    write_measurements(tmp_path / "größe.csv", family(channels={"488 µ": image()}))
    with (tmp_path / "größe.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    assert (rows[4]["name"], rows[4]["parent"], rows[0]["parent"]) == ("Zoë 细胞", "1", "")
    assert float(rows[0]["488_µ_mean"]) == 11


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="they must have the same frames"):
        family(channels={"a": image()[:2]})


def test_the_chance_of_an_error_is_the_last_column_where_it_is_known() -> None:
    chances = {1: np.array([0.25, np.nan, 0, 0, 0], np.float32)}
    tracked = replace(family(), error_probability=chances)
    rows = rows_of(tracked)
    assert column_names(tracked)[-1] == "error_probability"
    assert [rows[place]["error_probability"] for place in ((0, 1), (1, 1), (2, 2))] == [
        0.25,
        None,
        None,
    ]
    assert "error_probability" not in column_names(family())

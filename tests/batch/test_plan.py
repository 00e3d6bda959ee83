from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam2.batch import plan_of_folder, read_plan
from napari_sam2.batch.movies import movies_of
from napari_sam2.batch.plan import Plan, checked_plan, write_plan
from napari_sam2.io.selection import EVERYTHING, Selection
from napari_sam2.io.tiff import write_images

IMAGES = np.zeros((2, 8, 8), np.uint8)


def names(plan: Plan) -> list[str]:
    return [movie.name for movie in movies_of(plan)]


def test_paths_are_seen_from_the_folder_of_the_plan(
    wells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    plan = read_plan(wells / "plan.toml")
    assert [movie.path for movie in movies_of(plan)] == [
        wells / "wells/a.tif",
        wells / "wells/b.tif",
    ]
    assert plan.prompts_of("a") == wells / "prompts/a.tif"
    assert plan.output_folder == wells / "out"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("colour = 1", "colour: Extra inputs"),
        ("look_every = -1", "look_every: Input should be greater"),
        ('exports = ["word"]', "unknown formats"),
        ('home = "/"', "home is not a key"),
        ("=", "is no TOML"),
        ("look_every = 3", 'needs prompts = "auto"'),
        ('range = "10-80"', "counted from 0"),
        ('z = "top"', "z"),
        ("channel = [0, 1, 2, 3]", "one to three channels"),
    ],
)
def test_wrong_plan_is_explained(wells: Path, line: str, message: str) -> None:
    plan = wells / "plan.toml"
    plan.write_text(f"{plan.read_text()}{line}\n")
    with pytest.raises(ValueError, match=message):
        read_plan(plan)


def test_channels_of_a_plan_may_have_weights(wells: Path) -> None:
    plan = wells / "plan.toml"
    plan.write_text(f'{plan.read_text()}channel = "0,2:0.5"\n')
    part = read_plan(plan).part
    assert (part.channels, part.weights) == ((0, 2), (1.0, 0.5))


def test_prompts_need_the_name_of_the_movie(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"with \{name\} for the name of the movie"):
        plan_of_folder(tmp_path, "prompts.tif", tmp_path / "out")


def test_project_is_repeated_in_both_directions(tmp_path: Path) -> None:
    settings = {"movies": ("*.tif",), "prompts": "one.sam2", "output": Path("out")}
    assert Plan(**settings, home=tmp_path).prompts_of("two") == tmp_path / "one.sam2"
    with pytest.raises(ValueError, match="leave direction away"):
        Plan(**settings, direction="forward")


def test_movies_of_one_name_are_named_after_their_folders(tmp_path: Path) -> None:
    for place in ("one/movie.tif", "two/movie.tif", "two/other.tif"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        write_images(tmp_path / place, IMAGES)
    plan = Plan(movies=("*/*.tif",), output=Path("out"), home=tmp_path)
    assert names(plan) == ["one_movie.tif", "two_movie.tif", "other"]


def test_prompts_and_results_beside_the_movies_are_no_movies(tmp_path: Path) -> None:
    for name in ("a.tif", "a_cells.tif", "out/a/labels.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_images(tmp_path / name, IMAGES)
    plan = Plan(movies=("**/*.tif",), prompts="{name}_cells.tif", output=Path("out"), home=tmp_path)
    assert names(plan) == ["a"]


def test_folder_stands_for_its_movies_or_its_folders_of_images(tmp_path: Path) -> None:
    write_images(tmp_path / "a.ome.tif", IMAGES)
    for folder in ("w1", "w2"):
        (tmp_path / "frames" / folder).mkdir(parents=True)
        write_images(tmp_path / "frames" / folder / "t0.tif", IMAGES[:1])
    assert names(plan_of_folder(tmp_path, "auto", tmp_path / "out")) == ["a"]
    assert names(plan_of_folder(tmp_path / "frames", "auto", tmp_path / "out")) == ["w1", "w2"]


def test_pattern_without_a_movie_is_an_error(tmp_path: Path) -> None:
    plan = Plan(movies=("*.tif",), output=Path("out"), home=tmp_path)
    with pytest.raises(ValueError, match=r"there is no movie .*\*.tif"):
        movies_of(plan)


def test_a_plan_chooses_the_part_of_each_file(wells: Path) -> None:
    plan = wells / "plan.toml"
    keys = 'axes = "tzcyx"\nchannel = [0, 2]\nz = "max"\nrange = "10:80"\n'
    plan.write_text(plan.read_text() + keys)
    assert read_plan(plan).part == Selection("TZCYX", (0, 2), "max", slice(10, 80))
    write_plan(wells / "again.toml", read_plan(plan))
    assert read_plan(wells / "again.toml").part == read_plan(plan).part


def test_a_plan_without_a_part_takes_the_whole_file(wells: Path) -> None:
    assert read_plan(wells / "plan.toml").part == EVERYTHING


def test_parquet_without_its_package_is_told_before_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = {"movies": "*.tif", "output": "out", "measurements": "all.parquet"}
    checked_plan(table, "plan")
    monkeypatch.setattr("napari_sam2.batch.plan.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="need pyarrow: pip install"):
        checked_plan(table, "plan")


@pytest.mark.parametrize("name", ["all.xlsx", "folder/all.csv"])
def test_table_of_all_measurements_is_a_csv_or_parquet_file_in_the_results(name: str) -> None:
    with pytest.raises(ValueError, match=r"ends with \.csv or \.parquet"):
        checked_plan({"movies": "*.tif", "output": "out", "measurements": name}, "plan")

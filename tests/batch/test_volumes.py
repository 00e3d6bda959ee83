"""A batch that tracks volumes over time through all of their planes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.batch import preview_batch, read_plan, run_batch
from napari_sam2.cli import main
from napari_sam2.io.volume_samples import synthetic_volumes

SHAPE = (2, 4, 40, 56)


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    """A folder with a plan, stacks/a.tif and b.tif, and their prompts."""
    sample = synthetic_volumes(SHAPE[0], SHAPE[1], SHAPE[2:], cells=2, seed=1)
    metadata = {"axes": "TZYX", "spacing": 1.5, "unit": "um", "finterval": 30.0}
    for folder in ("stacks", "prompts"):
        (tmp_path / folder).mkdir()
    for name, brighter in (("a", 0), ("b", 5)):
        tifffile.imwrite(
            tmp_path / f"stacks/{name}.tif",
            sample.images + np.uint16(brighter),
            imagej=True,
            resolution=(4.0, 2.0),
            metadata=metadata,
        )
        entry = {"frame": 0, "z": 2, "object": 7, "points": [[20, 28]]}
        (tmp_path / f"prompts/{name}.json").write_text(json.dumps({"prompts": [entry]}))
    (tmp_path / "plan.toml").write_text(
        'movies = "stacks/*.tif"\nprompts = "prompts/{name}.json"\noutput = "out"\nz = "3d"\n'
        'exports = ["ome-zarr"]\n'
    )
    return tmp_path


def shell(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def test_labels_are_those_of_the_command_track(stacks: Path) -> None:
    report = run_batch(read_plan(stacks / "plan.toml"))
    assert [each.state for each in report.results] == ["done", "done"]
    for name in "ab":
        labels = stacks / f"{name}.tif"
        call = ("track", stacks / f"stacks/{name}.tif", "-p", stacks / f"prompts/{name}.json")
        assert shell(*call, "--z", "3d", "-o", labels) == 0
        with tifffile.TiffFile(stacks / "out" / name / "labels.tif") as tif:
            assert tif.series[0].axes == "TZYX"
            assert (tif.imagej_metadata or {})["spacing"] == 1.5
            np.testing.assert_array_equal(tif.asarray(), tifffile.imread(labels))
        assert (stacks / "out" / name / "labels.ome.zarr/labels/cells/0").is_dir()


def test_measurements_of_all_volumes_are_one_table(stacks: Path) -> None:
    run_batch(read_plan(stacks / "plan.toml"))
    with (stacks / "out/measurements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["movie"] for row in rows} == {"a", "b"}
    assert all(int(row["volume_voxels"]) > 0 for row in rows)


def test_results_that_are_there_are_kept(stacks: Path) -> None:
    plan = read_plan(stacks / "plan.toml")
    run_batch(plan)
    again = run_batch(plan)
    assert [each.state for each in again.results] == ["unchanged", "unchanged"]
    assert all(each.is_finished for each in preview_batch(plan).movies)


def test_preview_measures_a_volume(stacks: Path) -> None:
    preview = preview_batch(read_plan(stacks / "plan.toml"))
    assert [each.frames for each in preview.movies] == [2, 2]
    assert preview.pace is not None
    assert preview.pace.begin_s > 0
    assert not (stacks / "out").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('prompts = "auto"', "with their planes"),
        ('prompts = "a.sam2"', "with their planes"),
        ("verify = true", "compares frames"),
        ('exports = ["csv"]', "cannot hold volumes"),
    ],
)
def test_what_3d_cannot_do_is_refused(stacks: Path, line: str, message: str) -> None:
    plan = stacks / "plan.toml"
    key = line.partition(" ")[0]
    kept = [one for one in plan.read_text().splitlines() if not one.startswith(key)]
    plan.write_text("\n".join([*kept, line]))
    with pytest.raises(ValueError, match=message):
        read_plan(plan)

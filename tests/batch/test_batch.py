from __future__ import annotations

import csv
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from pyarrow.parquet import read_table

from napari_sam2.annotation.quality import LOWEST_BACKWARD_IOU
from napari_sam2.annotation.recovery import tracker_of
from napari_sam2.annotation.vouched import vouched_labels
from napari_sam2.batch import BatchReport, movie_task, read_plan, run_batch
from napari_sam2.batch.movie_task import MovieTask, track_movie, weights_digest
from napari_sam2.batch.movies import movies_of
from napari_sam2.batch.outputs import LABELS, MEASUREMENTS, SCORES, write_results
from napari_sam2.batch.plan import Plan
from napari_sam2.cli import main
from napari_sam2.finding import Proposal
from napari_sam2.io.project.manifest import read_manifest
from napari_sam2.io.project.saving import Annotation
from napari_sam2.io.samples import Sample
from napari_sam2.io.selection import Selection
from napari_sam2.io.tiff import read_labels, write_images, write_labels
from napari_sam2.tracking.pixels import masks_of
from tests.tracking.tiny import build_tiny_model


def shell(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


@pytest.fixture
def plan(wells: Path) -> Plan:
    return read_plan(wells / "plan.toml")


def states(report: BatchReport) -> dict[str, str]:
    return {each.name: each.state for each in report.results}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_movie_has_a_folder_and_the_batch_a_report(wells: Path) -> None:
    assert shell("batch", wells / "plan.toml") == 0
    found = sorted(path.name for path in (wells / "out/a").iterdir())
    assert found == ["a.sam2", "batch.json", LABELS, MEASUREMENTS, SCORES]
    page = (wells / "out/report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 2
    assert "http" not in page
    rows = table(wells / "out/report.csv")
    assert sorted(row["name"] for row in rows) == ["a", "b"]
    assert {row["state"] for row in rows} == {"done"}
    assert {row["cells"] for row in rows} == {"2"}


def test_measurements_of_all_movies_are_one_table(wells: Path, sample: Sample) -> None:
    write_images(wells / "wells/b.tif", sample.images)  # without a scale
    shell("batch", wells / "plan.toml")
    rows = table(wells / "out" / MEASUREMENTS)
    for name in ("a", "b"):
        own = table(wells / "out" / name / MEASUREMENTS)
        assert own
        ours = [row for row in rows if row["movie"] == name]
        assert [{column: row[column] for column in own[0]} for row in ours] == own
    assert all(row["area_um2"] for row in rows if row["movie"] == "a")
    assert not any(row["area_um2"] for row in rows if row["movie"] == "b")


def test_measurements_of_all_movies_can_be_parquet(wells: Path, sample: Sample) -> None:
    write_images(wells / "wells/b.tif", sample.images)  # without a scale
    text = (wells / "plan.toml").read_text()
    shell("batch", wells / "plan.toml")
    (wells / "plan.toml").write_text(f'{text}measurements = "all.parquet"\n')
    assert shell("batch", wells / "plan.toml") == 0  # nothing is tracked again
    found = read_table(wells / "out/all.parquet").to_pylist()
    rows = table(wells / "out" / MEASUREMENTS)
    assert [row["movie"] for row in found] == [row["movie"] for row in rows]
    assert [row["area_px"] for row in found] == [float(row["area_px"]) for row in rows]
    assert {row["area_um2"] is None for row in found if row["movie"] == "b"} == {True}
    assert {row["plate"] for row in found} == {""}


def test_tables_have_the_chance_of_an_error_as_the_command_track(wells: Path) -> None:
    shell("batch", wells / "plan.toml")
    movie, prompts, scores = (wells / name for name in ("wells/a.tif", "prompts/a.tif", "s.csv"))
    by_hand = ("--prompts", prompts, "-o", wells / "by_hand.tif", "--scores", scores)
    assert shell("track", movie, *by_hand) == 0
    assert table(wells / "out/a" / SCORES) == table(scores)
    known = {
        (row["frame"], row["object_id"]): float(row["error_probability"])
        for row in table(scores)
        if row["area_px"] != "0"
    }
    measured = table(wells / "out/a" / MEASUREMENTS)
    assert {(row["frame"], row["object"]) for row in measured} == known.keys()
    for row in measured:
        chance = float(row["error_probability"])
        assert chance == pytest.approx(known[row["frame"], row["object"]], abs=1e-4)


def test_verified_batch_reports_how_many_masks_differ(wells: Path) -> None:
    text = (wells / "plan.toml").read_text()
    (wells / "plan.toml").write_text(f"{text}verify = true\n")
    assert shell("batch", wells / "plan.toml") == 0
    values = [row["backward_iou"] for row in table(wells / "out/a" / SCORES)]
    checked = [float(value) for value in values if value]
    assert checked
    (row,) = (one for one in table(wells / "out/report.csv") if one["name"] == "a")
    share = sum(value < LOWEST_BACKWARD_IOU for value in checked) / len(checked)
    assert float(row["differing_share"]) == pytest.approx(share)


def test_verifying_is_part_of_the_work_that_resume_compares(plan: Plan) -> None:
    run_batch(plan)
    verified = plan.model_copy(update={"verify": True})
    assert states(run_batch(verified)) == {"a": "done", "b": "done"}
    assert states(run_batch(verified)) == {"a": "unchanged", "b": "unchanged"}


def test_labels_are_those_of_the_command_track(wells: Path) -> None:
    shell("batch", wells / "plan.toml")
    for name in ("a", "b"):
        by_hand = wells / f"{name}_by_hand.tif"
        movie, prompts = wells / f"wells/{name}.tif", wells / f"prompts/{name}.tif"
        assert shell("track", movie, "--prompts", prompts, "-o", by_hand) == 0
        ours, scale = read_labels(wells / "out" / name / LABELS)
        theirs, same_scale = read_labels(by_hand)
        np.testing.assert_array_equal(ours, theirs)
        assert scale == same_scale


def test_found_objects_are_those_of_the_command_track(
    wells: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def true_cells(*_: Any, t: int, **__: Any) -> list[Proposal]:
        return [
            Proposal(mask, 0.9, 0.9, (0.0, 0.0)) for mask in masks_of(sample.labels[t]).values()
        ]

    monkeypatch.setattr("napari_sam2.batch.tracking_run.find_objects", true_cells)
    options = ("--prompts", "auto", "-o")
    assert shell("batch", wells / "wells", *options, wells / "out", "--export", "ctc") == 0
    assert shell("track", wells / "wells/a.tif", *options, wells / "by_hand.tif") == 0
    ours, _ = read_labels(wells / "out/a" / LABELS)
    np.testing.assert_array_equal(ours, read_labels(wells / "by_hand.tif")[0])
    assert (wells / "out/a/labels.ctc/res_track.txt").is_file()
    with Annotation.load(wells / "out/a/a.sam2", build_tiny_model()) as annotation:
        assert annotation.prompts()
        assert vouched_labels(annotation) == {}  # nobody has looked at them


def test_movie_without_cells_is_done(wells: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_sam2.batch.tracking_run.find_objects", lambda *_, **__: [])
    assert shell("batch", wells / "wells", "-p", "auto", "-o", wells / "out") == 0
    assert {row["cells"] for row in table(wells / "out/report.csv")} == {"0"}


def test_project_of_a_movie_opens_with_the_same_labels(plan: Plan) -> None:
    run_batch(plan)
    with Annotation.load(plan.output_folder / "a/a.sam2", build_tiny_model()) as annotation:
        labels, _ = read_labels(plan.output_folder / "a" / LABELS)
        np.testing.assert_array_equal(annotation.labels, labels)


def test_failure_of_one_movie_is_reported_and_the_others_are_done(
    wells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (wells / "wells/a.tif").write_bytes(b"II*\0 broken")
    assert shell("batch", wells / "plan.toml") == 1
    first, second = table(wells / "out/report.csv")
    assert (first["name"], first["state"], second["state"]) == ("a", "failed", "done")
    assert "a.tif" in first["error"]
    assert "1 done, 1 failed." in capsys.readouterr().out


def test_second_run_tracks_only_what_was_changed(plan: Plan, sample: Sample) -> None:
    run_batch(plan)
    write_images(plan.home / "wells/b.tif", sample.images[:2])
    assert states(run_batch(plan)) == {"a": "unchanged", "b": "done"}
    prompts = plan.prompts_of("a")
    assert prompts is not None
    write_labels(prompts, sample.labels[1])
    assert states(run_batch(plan)) == {"a": "done", "b": "unchanged"}
    forward = plan.model_copy(update={"direction": "forward"})
    assert states(run_batch(forward)) == {"a": "done", "b": "done"}


def test_results_of_a_worker_that_died_after_writing_are_kept(plan: Plan) -> None:
    plan.output_folder.mkdir()
    movie, weights = movies_of(plan)[0], weights_digest(plan)
    task = MovieTask(movie, plan, weights, resume=False, run="one")
    first, again = track_movie(task), track_movie(task)
    assert (again.record, again.is_new) == (first.record, True)
    assert track_movie(replace(task, run="two")).record.finished > first.record.finished


def test_without_resume_all_movies_are_tracked_again(plan: Plan) -> None:
    run_batch(plan)
    assert run_batch(plan, resume=False).count("done") == 2


def test_corrected_project_is_never_replaced(plan: Plan) -> None:
    run_batch(plan)
    with Annotation.load(plan.output_folder / "a/a.sam2", build_tiny_model()) as annotation:
        annotation.rename_object(1, "mine")
    assert states(run_batch(plan)) == {"a": "unchanged", "b": "unchanged"}
    report = run_batch(plan, resume=False)
    assert [each.name for each in report.failed] == ["a"]
    assert "was corrected" in report.failed[0].error
    with Annotation.load(plan.output_folder / "a/a.sam2", build_tiny_model()) as annotation:
        assert annotation.objects[1].name == "mine"


def test_corrected_projects_are_tracked_and_exported_again(wells: Path, plan: Plan) -> None:
    run_batch(plan)
    before, _ = read_labels(plan.output_folder / "a" / LABELS)
    untouched = (plan.output_folder / "b" / LABELS).stat().st_ino
    with Annotation.load(plan.output_folder / "a/a.sam2", build_tiny_model()) as annotation:
        annotation.add_box(0, 9, (2, 2, 14, 14))
        annotation.rename_object(1, "mine")
    assert shell("batch", wells / "plan.toml", "--replay-corrected") == 0
    after, _ = read_labels(plan.output_folder / "a" / LABELS)
    assert (9 in after[1], 9 in before[1]) == (True, False)
    assert (plan.output_folder / "b" / LABELS).stat().st_ino == untouched
    rows = table(plan.output_folder / MEASUREMENTS)
    assert {row["name"] for row in rows if row["movie"] == "a"} == {"", "mine"}
    with Annotation.load(plan.output_folder / "a/a.sam2", build_tiny_model()) as annotation:
        np.testing.assert_array_equal(annotation.labels, after)
        assert not annotation.objects_to_track(direction="both")
    assert states(run_batch(plan, only_corrected=True)) == {"a": "unchanged", "b": "unchanged"}
    assert states(run_batch(plan)) == {"a": "unchanged", "b": "unchanged"}


def test_project_that_is_open_elsewhere_is_reported(plan: Plan) -> None:
    run_batch(plan)
    with Annotation.load(plan.output_folder / "a/a.sam2", build_tiny_model()) as annotation:
        annotation.rename_object(1, "mine")
        report = run_batch(plan, only_corrected=True)
    assert [each.name for each in report.failed] == ["a"]
    assert "is open in" in report.failed[0].error
    assert {row["movie"] for row in table(plan.output_folder / MEASUREMENTS)} == {"a", "b"}


def test_full_disk_is_tried_three_times_and_leaves_nothing(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, *_: Any) -> None:
        (folder / "part").write_bytes(b"part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_sam2.batch.outputs.write_exports", full)
    report = run_batch(plan)
    assert [(each.state, each.tries) for each in report.results] == [("failed", 3)] * 2
    found = sorted(path.name for path in plan.output_folder.iterdir())
    assert found == [".batch.lock", MEASUREMENTS, "report.csv", "report.html"]


def test_remains_of_a_killed_run_are_removed(plan: Plan) -> None:
    for name in (".0123abcd-a", ".0123abcd-other"):
        (plan.output_folder / name).mkdir(parents=True)
    run_batch(plan)
    left = {path.name for path in plan.output_folder.glob(".*")}
    assert left == {".batch.lock", ".0123abcd-other"}


def test_stopped_batch_reports_what_was_not_reached(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_and_stop(*arguments: Any) -> Any:
        if arguments[1].name == "b":
            raise KeyboardInterrupt
        return write_results(*arguments)

    monkeypatch.setattr("napari_sam2.batch.movie_task.write_results", write_and_stop)
    with pytest.raises(KeyboardInterrupt):
        run_batch(plan)
    found = {row["name"]: row["state"] for row in table(plan.output_folder / "report.csv")}
    assert found == {"a": "done", "b": "stopped"}
    assert not (plan.output_folder / "b").exists()


@pytest.mark.usefixtures("sigint_interrupts")
def test_ctrl_c_ends_the_command_and_the_next_one_goes_on(
    wells: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    track = movie_task.track_prompts

    def press_ctrl_c_in_b(annotation: Any, *arguments: Any) -> Iterator[Any]:
        name = Path(tracker_of(annotation).frames.movie.path).stem
        for step in track(annotation, *arguments):
            yield step
            if name == "b" and (step.stage, step.done) == ("tracking", 1):
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(movie_task, "track_prompts", press_ctrl_c_in_b)
        assert shell("batch", wells / "plan.toml") == 1
    assert "stopped" in capsys.readouterr().err
    found = {path.name for path in (wells / "out").iterdir()}
    assert found == {"a", MEASUREMENTS, "report.csv", "report.html", ".batch.lock"}
    before = (wells / "out/a/batch.json").read_bytes()
    assert shell("batch", wells / "plan.toml") == 0
    after = {row["name"]: row["state"] for row in table(wells / "out/report.csv")}
    assert after == {"a": "unchanged", "b": "done"}
    assert (wells / "out/a/batch.json").read_bytes() == before


def test_dry_run_lists_movies_and_time_and_writes_nothing(
    wells: Path, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    run_batch(plan)
    (wells / "out/a/batch.json").unlink()
    (wells / "wells/c.tif").write_bytes(b"II*\0 broken")
    before = sorted((wells / "out").rglob("*"))
    assert shell("batch", wells / "plan.toml", "--dry-run") == 0
    first, second, third, last = capsys.readouterr().out.splitlines()
    assert first == "a: 3 frames to track"
    assert second == "b: finished"
    assert third.startswith("c: would fail: ")
    assert last.startswith("1 of 3 movies to track, about 0:00:0")
    assert sorted((wells / "out").rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("wells",), "a folder needs --prompts auto or a pattern, and --output"),
        (("plan.toml", "-o", "x", "-m", "cells"), "the plan says output, model; change the plan"),
        (("wells", "-p", "p.tif", "-o", "x"), "with {name} for the name"),
    ],
)
def test_wrong_use_is_explained(
    wells: Path,
    arguments: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(wells)
    assert shell("batch", *arguments) == 2
    assert message in capsys.readouterr().err


def test_the_chosen_part_of_each_file_is_tracked_and_named(
    wells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (wells / "wells").glob("*.tif"):
        images = tifffile.imread(path)
        two = np.stack([images, images[::-1]], axis=1)
        tifffile.imwrite(path, two, imagej=True, metadata={"axes": "TCYX"})
    plan = wells / "plan.toml"
    plan.write_text(plan.read_text() + 'channel = 1\nrange = "1:3"\n')
    assert shell("batch", plan) == 0
    told = capsys.readouterr().err
    assert "a.tif (T 3, C 2, Y 40, X 48): channel 1 of 0 to 1; frames 1 to 2" in told
    labels = tifffile.imread(wells / "out/a" / LABELS)
    assert labels.shape == (2, 40, 48)
    image = read_manifest(wells / "out/a/a.sam2").image
    assert image.part is not None
    assert image.part.selection == Selection(channel={1: 1.0}, frames=slice(1, 3))


def test_each_image_of_a_file_is_a_movie(wells: Path, sample: Sample) -> None:
    for path in (wells / "wells").glob("*.tif"):
        path.unlink()
    with tifffile.TiffWriter(wells / "wells/stage.ome.tif", ome=True) as file:
        for position in (sample.images, sample.images[:, ::-1]):
            file.write(position, metadata={"axes": "TYX"})
    for number, labels in enumerate((sample.labels[0], sample.labels[0][::-1])):
        write_labels(wells / f"prompts/stage_{number}.tif", labels)
    report = run_batch(read_plan(wells / "plan.toml"))
    assert states(report) == {"stage_0": "done", "stage_1": "done"}
    first, second = (tifffile.imread(wells / f"out/stage_{k}" / LABELS) for k in (0, 1))
    assert np.array_equal(first[0] > 0, sample.labels[0] > 0)
    assert np.array_equal(second[0] > 0, sample.labels[0][::-1] > 0)
    again = run_batch(read_plan(wells / "plan.toml"))
    assert states(again) == {"stage_0": "unchanged", "stage_1": "unchanged"}

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.cli import main
from napari_sam2.cli.benchmark import seen_categories
from napari_sam2.evaluation import benchmark as tables
from napari_sam2.evaluation.benchmark import BenchmarkReport, Run, benchmark, size_of
from napari_sam2.evaluation.datasets import Sequence, open_data_set
from napari_sam2.evaluation.ground_truth import LabelledMovie
from napari_sam2.evaluation.protocol_names import PromptKind
from napari_sam2.evaluation.protocols import online, vos
from napari_sam2.evaluation.results import Evaluation
from napari_sam2.tracking import Frames
from tests.evaluation.data_sets import davis, sa_v, youtube
from tests.evaluation.forgetful import Forgetful
from tests.tracking.tiny import build_tiny_model


def forgetful(patience: int, **settings: object) -> Run:
    """A run of a tracker that is right for some frames after a mask prompt."""

    def run(sequence: Sequence, truth: LabelledMovie) -> Evaluation:
        frames = Frames(sequence.movie().data, rgb=True)
        return vos(Forgetful(truth, patience), frames, truth, PromptKind.mask, **settings)  # type: ignore[arg-type]

    return run


def both(tmp_path: Path, patience: int = 2) -> BenchmarkReport:
    sets = [
        open_data_set(davis(tmp_path / "davis", ("a", "b"))),
        open_data_set(youtube(tmp_path / "youtube")),
    ]
    return benchmark(sets, forgetful(patience), seen={"fibroblast"})


def test_data_set_is_the_mean_of_its_objects(tmp_path: Path) -> None:
    """Objects of DAVIS are right on 2 of 5 and on 2 of 3 tracked frames."""
    found = both(tmp_path).data_sets()["davis"]
    assert found.objects == 4
    assert found.region == pytest.approx((2 / 5 + 2 / 3) / 2)


def test_average_counts_data_sets_alike(tmp_path: Path) -> None:
    """In YouTube-VOS, object 1 is right on frame 2 and wrong on 4; object 2 is right on 4."""
    report = both(tmp_path)
    assert report.data_sets()["youtube"].region == pytest.approx((1 / 2 + 1) / 2)
    means = [part.j_and_f for part in report.data_sets().values()]
    assert report.average().j_and_f == pytest.approx(np.mean(means))
    assert report.average().region == pytest.approx(((2 / 5 + 2 / 3) / 2 + 3 / 4) / 2)


def test_g_is_the_mean_over_seen_and_unseen_categories(tmp_path: Path) -> None:
    found = both(tmp_path).data_sets()
    assert found["youtube"].overall == pytest.approx((1 / 2 + 1 / 2 + 1 + 1) / 4)
    assert np.isnan(found["davis"].overall)


def test_g_needs_seen_and_unseen_categories(tmp_path: Path) -> None:
    sets = [open_data_set(youtube(tmp_path / "youtube"))]
    report = benchmark(sets, forgetful(2), seen={"fibroblast", "neuron"})
    assert np.isnan(report.average().overall)


def test_groups_are_sizes_and_categories(tmp_path: Path) -> None:
    groups = both(tmp_path).groups()
    assert list(groups) == ["size small", "category fibroblast", "category neuron"]
    assert groups["size small"].objects == 6
    assert groups["category neuron"].region == 1.0


@pytest.mark.parametrize(
    ("area", "size"),
    [(1023, "small"), (1024, "medium"), (9215, "medium"), (9216, "large")],
)
def test_sizes_are_those_of_the_paper(area: int, size: str) -> None:
    assert size_of(area) == size


def test_broken_sequence_is_reported_and_the_others_finish(tmp_path: Path) -> None:
    root = davis(tmp_path / "davis", ("a", "b"))
    (root / "JPEGImages/480p/a/00005.jpg").unlink()
    told: list[tuple[int, int]] = []
    run = forgetful(2)
    report = benchmark([open_data_set(root)], run, on_progress=lambda *n: told.append(n))
    assert [failure.sequence for failure in report.failures] == ["a"]
    assert "00005.png" in report.failures[0].message
    assert {row.sequence for row in report.objects} == {"b"}
    assert told == [(1, 2), (2, 2)]


def test_overlapping_objects_are_scored_by_themselves(tmp_path: Path) -> None:
    """Frame 8 of each object equals the truth, though the objects share pixels."""
    sets = [open_data_set(sa_v(tmp_path / "sav"))]

    class Exact(Forgetful):
        def _follow(self, t: int, object_id: int) -> None:
            self._put(t, object_id, next(self.truth.masks(t, [object_id]))[1])

    def run(sequence: Sequence, truth: LabelledMovie, per_object: bool) -> Evaluation:
        frames = Frames(sequence.movie().data, rgb=True)
        mask = PromptKind.mask
        return vos(Exact(truth, 9), frames, truth, mask, per_object=per_object)  # type: ignore[arg-type]

    alone = benchmark(sets, partial(run, per_object=True)).average()
    composed = benchmark(sets, partial(run, per_object=False)).average()
    assert alone.region == 1.0
    assert composed.region < 1.0


def test_interactive_protocols_have_an_area_under_the_curve(tmp_path: Path) -> None:
    def run(sequence: Sequence, truth: LabelledMovie) -> Evaluation:
        frames = Frames(sequence.movie().data, rgb=True)
        return online(Forgetful(truth, 1), frames, truth, rounds=3)  # type: ignore[arg-type]

    report = benchmark([open_data_set(davis(tmp_path / "davis"))], run)
    assert 0 < report.average().area < 1
    assert report.average().quality_60 == pytest.approx(report.average().j_and_f)
    assert "AUC" in tables.as_text(report)


def test_files_have_every_object_and_mean(tmp_path: Path) -> None:
    report = both(tmp_path)
    tables.write_json(tmp_path / "a.json", report)
    tables.write_csv(tmp_path / "a.csv", report)
    found = json.loads((tmp_path / "a.json").read_text())
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found["objects"]) == 6
    assert [row["category"] for row in rows[4:]] == ["fibroblast", "neuron"]
    assert found["average"]["J"] == pytest.approx(report.average().region)
    assert found["data_sets"]["davis"]["G"] is None


def test_screen_shows_data_sets_their_average_and_groups(tmp_path: Path) -> None:
    lines = tables.as_text(both(tmp_path)).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "davis", "youtube", "average", "size small", "category fibroblast", "category neuron",
    ]  # fmt: skip
    assert lines[0].split()[-1] == "G"


def test_seen_categories_are_those_of_a_meta_file_or_a_list(tmp_path: Path) -> None:
    youtube(tmp_path / "train")
    (tmp_path / "seen.txt").write_text("fibroblast\n\nneuron\n")
    both = {"fibroblast", "neuron"}
    assert seen_categories(tmp_path / "train/meta.json") == both
    assert seen_categories(tmp_path / "seen.txt") == both


@pytest.fixture
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("napari_sam2.model.load_model", lambda *_, **__: build_tiny_model())
    monkeypatch.chdir(tmp_path)


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


@pytest.mark.usefixtures("_tiny")
def test_command_evaluates_some_sequences_of_all_data_sets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    davis(tmp_path / "davis", ("a", "b"))
    sa_v(tmp_path / "sav")
    code = code_of("benchmark", "davis", "sav", "--sequences", "1", "--json", "out.json")
    shown = capsys.readouterr()
    assert code == 0, shown.err
    found = json.loads(Path("out.json").read_text())
    assert [row["sequence"] for row in found["sequences"]] == ["a", "s1"]
    assert "average" in shown.out


@pytest.mark.usefixtures("_tiny")
def test_command_fails_if_a_sequence_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    davis(tmp_path / "davis", ("torn", "camel"))
    (tmp_path / "davis/JPEGImages/480p/torn/00003.jpg").write_bytes(b"no picture")
    (tmp_path / "davis/ImageSets/2017/val.txt").write_text("gone\ntorn\ncamel\n")
    code = code_of("benchmark", "davis", "--convention", "davis", "--csv", "out.csv")
    assert code == 1
    shown = capsys.readouterr().out
    assert "davis, gone failed: gone has no frames" in shown
    assert "davis, torn failed: frame 3 cannot be read" in shown
    assert len(Path("out.csv").read_text().splitlines()) == 3


@pytest.mark.usefixtures("_tiny")
def test_single_images_are_no_benchmark(tmp_path: Path) -> None:
    davis(tmp_path / "davis")
    assert code_of("benchmark", "davis", "--protocol", "image") == 2

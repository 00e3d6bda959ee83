from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tifffile

from napari_sam2.cli import main
from napari_sam2.evaluation.ground_truth import label_movie
from napari_sam2.evaluation.protocols import offline, online, vos
from napari_sam2.io.tiff import write_labels
from tests import worlds
from tests.tracking.tiny import build_tiny_model

WORLD = worlds.two_discs()


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command in a folder with movie.tif and truth.tif, with a tiny network."""
    monkeypatch.setattr("napari_sam2.model.load_model", lambda *_, **__: build_tiny_model())
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("movie.tif", WORLD.images)
    write_labels("truth.tif", WORLD.labels)

    def run(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        return Result(int(left.value.code or 0), *capsys.readouterr())

    return run


EVALUATE = ("evaluate", "movie.tif", "truth.tif")


def without_times(path: str) -> Any:
    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if k != "seconds_per_frame"}
        return [strip(entry) for entry in value] if isinstance(value, list) else value

    return strip(json.loads(Path(path).read_text()))


@pytest.mark.parametrize("prompt", ["mask", "box", "1-click", "3-click", "5-click"])
def test_evaluate_writes_its_figures(run: Any, prompt: str) -> None:
    result = run(*EVALUATE, "--protocol", "vos", "--prompt", prompt, "--json", "out.json")
    assert result.code == 0, result.err
    found = json.loads(Path("out.json").read_text())
    assert 0 <= found["summary"]["J&F"] <= 1
    assert len(found["objects"]) == 2
    assert found["provenance"]["shape"] == list(WORLD.labels.shape)
    assert "tiny_test" in result.out


@pytest.mark.parametrize("protocol", ["image", "offline", "online"])
def test_other_protocols(run: Any, protocol: str) -> None:
    out = ("--json", "out.json", "--csv", "out.csv", "--plot", "out.png")
    result = run(*EVALUATE, "--protocol", protocol, "--frames", "3", "--rounds", "2", *out)
    assert result.code == 0, result.err
    found = json.loads(Path("out.json").read_text())
    assert ("curve" in found) == (protocol != "image")
    assert Path("out.csv").is_file()
    assert Path("out.png").is_file()


def test_two_runs_find_the_same(run: Any) -> None:
    for name in ("a.json", "b.json"):
        assert run(*EVALUATE, "--objects", "1", "--seed", "5", "--json", name).code == 0
    assert without_times("a.json") == without_times("b.json")


def test_baseline_is_beside_the_model(run: Any) -> None:
    assert run(*EVALUATE, "--baseline", "--json", "out.json").code == 0
    found = json.loads(Path("out.json").read_text())
    assert found["baseline"]["summary"]["J"] > 0.8


def test_score_of_identical_labels_is_one(run: Any) -> None:
    result = run("score", "truth.tif", "truth.tif", "--json", "out.json")
    assert result.code == 0, result.err
    summary = json.loads(Path("out.json").read_text())["summary"]
    assert {summary[key] for key in ("J", "F", "J&F", "DET", "SEG", "TRA")} == {1.0}


def test_score_of_shifted_labels_is_what_they_share(run: Any) -> None:
    square = np.zeros((2, 20, 20), np.uint16)
    square[:, 5:15, 5:15] = 1
    write_labels("a.tif", square)
    write_labels("b.tif", np.roll(square, 2, axis=1))
    assert run("score", "b.tif", "a.tif", "--json", "out.json").code == 0
    assert json.loads(Path("out.json").read_text())["summary"]["J"] == pytest.approx(80 / 120)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--protocol", "guess"), 2, "guess"),
        (("--prompt", "2-click"), 2, "2-click"),
        (("--protocol", "offline", "--prompt", "box"), 2, "always gives clicks"),
        (("--protocol", "image", "--prompt", "mask"), 2, "mask is the answer"),
        (("--frames", "1000"), 2, "--frames 1000 is more"),
        (("--plot", "out.xyz"), 2, "plots are written as"),
        (("--json", "movie.tif/out.json"), 2, "the folder movie.tif cannot be made"),
    ],
)
def test_wrong_use(run: Any, arguments: tuple[str, ...], code: int, message: str) -> None:
    result = run(*EVALUATE, *arguments)
    assert result.code == code
    assert message in result.err
    assert sorted(path.name for path in Path().iterdir()) == ["movie.tif", "truth.tif"]


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (WORLD.labels[:4], "the truth 4"),
        (WORLD.labels[:, :20], "the truth of 20 x"),
        (np.zeros_like(WORLD.labels), "no object in the truth"),
    ],
)
def test_wrong_truth_leaves_no_file(run: Any, truth: np.ndarray, message: str) -> None:
    write_labels("truth.tif", truth)
    result = run(*EVALUATE, "--json", "out.json")
    assert result.code == 1
    assert message in result.err
    assert not Path("out.json").exists()


def test_report_is_not_replaced_unasked(run: Any) -> None:
    Path("out.json").write_text("mine")
    assert run("score", "truth.tif", "truth.tif", "--json", "out.json").code == 2
    assert Path("out.json").read_text() == "mine"


def test_objects_do_not_change_each_other() -> None:
    """Whether an object is alone or not, its interactive rounds are the same."""
    model = build_tiny_model()
    both = label_movie(WORLD.labels)
    alone = label_movie(np.where(WORLD.labels == 1, 1, 0), annotated=range(len(WORLD)))
    for protocol in (offline, online):
        found = [
            protocol(model, WORLD.images, truth, rounds=3).by_object()[1] for truth in (both, alone)
        ]
        assert found[0].clicks == found[1].clicks
        assert found[0].region == pytest.approx(found[1].region, abs=1e-3)


def test_late_objects_are_tracked_from_where_they_appear() -> None:
    world = worlds.disc_that_divides()
    found = vos(build_tiny_model(), world.images, label_movie(world.labels))
    assert min(score.t for score in found.scores if score.object_id == 2) == 5

"""``napari-sam2 train`` with a tiny network."""

import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import tifffile

from napari_sam2.cli import main
from napari_sam2.model import PRESETS, load_model
from napari_sam2.training import checkpoints, loop, losses
from napari_sam2.training.config import Stage, TrainingConfig
from tests.training.worlds import TINY, Discs

RECIPE = """
preset = "tiny-test"

[data]
mine = 1.0

[validation]
folders = ["mine"]
every = 2
objects = 1

[[stages]]
steps = 2
images_share = 1.0
images = 1
objects = 1
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Train by the recipe ``tiny.toml`` with options; exit code, output and errors."""
    images, labels, _ = Discs().draw(None, 1)
    for part, stack in (("images", images), ("labels", labels)):
        (tmp_path / "mine" / part).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "mine" / part / "a.tif", stack[0])
    (tmp_path / "tiny.toml").write_text(RECIPE)
    monkeypatch.setitem(PRESETS, "tiny-test", TINY)
    monkeypatch.chdir(tmp_path)

    def run(*options: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["train", "tiny.toml", "--device", "cpu", *options])
        return int(left.value.code or 0), *capsys.readouterr()

    return run


def test_run_ends_with_weights_tables_and_a_curve(run: Any) -> None:
    code, out, err = run()
    assert code == 0, err
    assert "1 clips for training, 1 for validation" in out
    assert "2 of 2 steps" in out
    names = {path.name for path in Path("tiny-run").iterdir()}
    assert names == {
        "best.safetensors",
        "curve.png",
        "log.csv",
        "recipe.toml",
        "run.pt",
        "tiny-test.safetensors",
        "validation.csv",
    }
    assert load_model("tiny-run/best.safetensors", "cpu").config.name == "tiny-test"


def test_run_that_is_there_is_not_written_over(run: Any) -> None:
    Path("tiny-run").mkdir()
    Path("tiny-run/run.pt").write_bytes(b"precious")
    code, _, err = run()
    assert code == 2
    assert "tiny-run is not empty: add --resume to continue" in err
    assert Path("tiny-run/run.pt").read_bytes() == b"precious"


def test_time_box_and_resume(run: Any) -> None:
    code, out, _ = run("--minutes", "0", "-o", "there")
    assert code == 0
    assert "0 of 2 steps" in out
    assert "continue with --resume" in out
    assert "2 of 2 steps" in run("--resume", "-o", "there")[1]


def test_there_must_be_a_run_to_resume(run: Any) -> None:
    code, _, err = run("--resume")
    assert code == 2
    assert "there is no run in tiny-run to resume" in err


def test_other_run_is_not_resumed(run: Any) -> None:
    run("--minutes", "0")
    Path("tiny.toml").write_text("seed = 5\n" + RECIPE)
    code, _, err = run("--resume")
    assert code != 0
    assert "began with seed = 0, not 5" in err


def test_interrupt_stops_after_the_step_at_hand(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make_step = loop.accumulated_step

    def interrupted(*arguments: Any) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        return make_step(*arguments)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(loop, "accumulated_step", interrupted)
    code, out, _ = run()
    assert code == 0
    assert "1 of 2 steps" in out
    assert signal.getsignal(signal.SIGINT) is before
    state = checkpoints.resume(
        TrainingConfig(preset="tiny-test", stages=(Stage(2),)), Path("tiny-run")
    )
    assert state.step == 1


def test_loss_that_is_not_finite_is_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "dice_loss", lambda masks, target: masks.mean((2, 3)) * math.inf)
    code, _, err = run()
    assert code == 1
    assert "training stopped: in step 0 these loss terms are not finite: loss_dice = " in err
    assert "run.pt is in its last saved state" in err


def test_mistake_in_the_recipe_leaves_no_folder(run: Any) -> None:
    Path("tiny.toml").write_text(RECIPE + "stepps = 2\n")
    code, _, err = run()
    assert code == 2
    assert "stages.0.stepps: there is no such key" in err
    assert not Path("tiny-run").exists()

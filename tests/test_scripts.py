"""Every script beside the package runs, on inputs as small as it takes.

A new script in one of the `FOLDERS` needs a line here.
"""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_sam2.io.samples import synthetic_movie
from napari_sam2.model import PRESETS
from napari_sam2.training.logs import append_figures
from tests.model.comparison import encoder_config
from tests.model.weights import MINI, SIZES
from tests.tracking.tiny import build_tiny_model

ROOT = Path(__file__).parents[1]
FOLDERS = ("benchmarks", "docs/scripts", "examples", "tools")
LIBRARIES = {"benchmarks/__init__.py", "benchmarks/measure.py", "benchmarks/pair.py"}

# Arguments of scripts that run inside the test; the files are those of `inputs`.
WITHOUT_WINDOW = {
    "benchmarks/batch.py": "--movies 1 --side 48 --frames 2 --cells 1 --tasks 9 --workers 1 "
    "--threads",
    "benchmarks/find.py": "movies --frames one:1 --stills 0 --json out.json --taught-with 0,2,3 "
    "--minutes 0.01",
    "benchmarks/find_speed.py": "--side 96 --cells 4 --stop-after 60",
    "benchmarks/gpu.py": "--quick --json out.json",
    "benchmarks/kill_test.py": "--times 1 --seed 7",
    "benchmarks/long_movie.py": "--frames 4 --size 128 --objects 2 --cache 8",
    "benchmarks/many_cells.py": "movies/one/raw.tif movies/one/labels.tif --frames 2",
    "benchmarks/memory.py": "--frames 2,3 --size 128 --objects 2 --cache 16 --threads 1",
    "benchmarks/objects.py": "--image-size 64 --objects 1,2 --reference-up-to 1 --threads 1",
    "benchmarks/options.py": "movies/one/raw.tif movies/one/labels.tif --frames 2 --objects 1",
    "benchmarks/vs_reference.py": "--quick --image-size 64 --objects 2 --again 1 --repeats 1 "
    "--threads 1",
    "docs/scripts/backward_check.py": "movies/one/raw.tif movies/one/labels.tif --frames 3 "
    "--objects 1",
    "docs/scripts/corrections.py": "movies --movies one",
    "docs/scripts/domain_curve.py": f"{ROOT / 'docs/lab/training.md'} domains.png",
    "docs/scripts/doubts.py": "report tables",
    "docs/scripts/evaluate_all.py": "movies --objects 1 --frames 2 --page page.md",
    "docs/scripts/evaluate_stills.py": "stills --limit 1 --objects 1 --page page.md",
    "docs/scripts/find_gallery.py": "stills sheet.png --stills 2 --columns 1",
    "docs/scripts/gallery.py": "--stills stills --movies stills --frames 2 --output .",
    "docs/scripts/judge.py": "movies cells --only one",
    "docs/scripts/real_swaps.py": "movies/one/raw.tif movies/one/labels.tif --frames 3 --objects 2",
    "docs/scripts/swap_pointers.py": "movies/one/raw.tif movies/one/labels.tif --objects 2",
    "docs/scripts/synthetic_gallery.py": "sheet.png --kinds nuclei --frames 2",
    "docs/scripts/teach_ablation.py": "movies --movies one --frames 2 --seconds 1 "
    "--ways low_rank_adapters with_replay",
    "docs/scripts/teach_forgetting.py": "mine.safetensors stills --base cells --stills 1 "
    "--held-out 1 --objects 1 --frames 2",
    "docs/scripts/teach_rounds.py": "movies/one/raw.tif movies/one/labels.tif --frames 4 "
    "--rounds 3 --clicks 1 --seconds 1 --picture rounds.png",
    "docs/scripts/training_curve.py": "curve.png log.csv",
    "docs/scripts/volumes.py": "--seeds 0 --frames 2 --planes 4 --side 48 --cells 1 --page page.md "
    "--picture volumes.png",
    "examples/correct_and_undo.py": "",
    "examples/real_domains.py": "data packs --clips 1 --keep-out 1",
    "examples/track_in_python.py": "",
    "examples/train_cells.py": "packs --stills stills --clips 1 --keep-out 1 --checks 1",
}
# Arguments of scripts that open windows; each has a process to itself, since a process has one Qt
# application.
WITH_WINDOW = {
    "benchmarks/lanes.py": "50 5",
    "benchmarks/latency.py": "--quick --json out.json",
    "benchmarks/soak.py": "--actions 5 --no-verdict",
    "benchmarks/start.py": "--repeats 1 --json out.json",
    "docs/scripts/film.py": "film.gif --quick",
    "docs/scripts/four_actions.py": "actions.png --frames 2",
    "docs/scripts/screenshots.py": "pictures --quick",
}
# Tested by tests of their own: below, and in tests/test_hot_parts.py.
OTHERS = {"benchmarks/test_hot_parts.py", "tools/system_packages.sh", "tools/with_display.py"}

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="scripts of developers read /proc")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a movie, stills, a page with marks and a log of training."""
    folder = tmp_path_factory.mktemp("inputs")
    sample = synthetic_movie("phase", (96, 96), frames=4, cells=2)
    write_image(folder / "movies/one/raw.tif", sample.images)
    write_image(folder / "movies/one/labels.tif", sample.labels)
    for t in range(4):
        write_image(folder / f"stills/images/{t}.tif", sample.images[t])
        write_image(folder / f"stills/labels/{t}.tif", sample.labels[t])
    (folder / "data").mkdir()
    shutil.copytree(folder / "movies/one", folder / "data/t98g")
    shutil.copytree(folder / "stills", folder / "data/dsb2018")
    write_table_of_masks(folder / "tables/u373_02.npz")
    for name in ("u373_01", "t98g"):
        write_table_of_masks(folder / f"fitted/{name}.npz")
    page = "".join(
        f"<!-- {name} -->\n<!-- end of {name} -->\n" for name in ("figures", "stills", "volumes")
    )
    (folder / "page.md").write_text(page, encoding="utf-8")
    for step in range(10):
        kinds = ("iou_box", "iou_click", "iou_click+1", "iou_track")
        append_figures(folder / "log.csv", step, step, 0.1, {kind: [0.5] for kind in kinds})
    return folder


def write_table_of_masks(path: Path) -> None:
    """Two cells on four frames, as docs/scripts/doubts.py tracks them; half of them are wrong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: np.ones((2, 4), np.float32) for name in ("area", "y", "x", "shared_1")}
    columns |= {name: np.full((2, 4), 0.8, np.float32) for name in ("agreement", "cell_overlap")}
    columns |= {name: np.zeros((2, 4), np.float32) for name in ("shared_2", "second_piece")}
    columns |= {name: np.zeros((2, 4), bool) for name in ("on_border", "prompted")}
    columns |= {"predicted_iou": columns["agreement"], "drawn_area": columns["area"]}
    columns |= {"hull_area": columns["area"]}
    columns["prompted"][:, 0] = True
    columns |= {"today_severity": columns["shared_2"], "iou": np.tile([0.2, 0.9], (2, 2))}
    np.savez(path, **columns)


def write_image(path: Path, pixels: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels, photometric="minisblack")


@pytest.fixture
def run(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], None]]:
    """Runs a script as a program would, inside the test, in a copy of the inputs."""
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr(sys, "path", list(sys.path))
    threads = torch.get_num_threads()

    def run(script: str, arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", [script, *arguments.split()])
        try:
            runpy.run_path(str(ROOT / script), run_name="__main__")
        except SystemExit as end:
            if end.code:
                pytest.fail(f"{script} ended with {end.code}")

    yield run
    torch.set_num_threads(threads)


def test_every_script_has_a_test() -> None:
    found = {
        str(path.relative_to(ROOT).as_posix())
        for folder in FOLDERS
        for path in (ROOT / folder).iterdir()
        if path.suffix in {".py", ".sh"}
    }
    assert found == {*WITHOUT_WINDOW, *WITH_WINDOW, *OTHERS, *LIBRARIES}


@pytest.fixture
def tiny_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny networks in place of the embedded and the official ones, which take long."""
    for name in ("napari_sam2.load_model", "napari_sam2.model.load_model"):
        monkeypatch.setattr(name, lambda *_, **__: build_tiny_model(), raising=False)
    monkeypatch.setitem(SIZES, "tiny", MINI)
    official = PRESETS["sam2.1_tiny"]
    monkeypatch.setitem(PRESETS, "sam2.1_tiny", replace(official, encoder=encoder_config(MINI)))


@on_linux
@pytest.mark.usefixtures("tiny_networks")
@pytest.mark.parametrize("script", WITHOUT_WINDOW)
def test_script_runs(script: str, run: Callable[[str, str], None]) -> None:
    run(script, WITHOUT_WINDOW[script])


@on_linux
@pytest.mark.usefixtures("tiny_networks")
def test_doubts_tracks_what_data_there_are(
    run: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    run("docs/scripts/doubts.py", "track data masks --frames 3")
    assert "there is no u373_02 in data" in capsys.readouterr().out
    table = np.load("masks/t98g.npz")
    assert table["area"].shape == table["hull_area"].shape == (2, 3)


@on_linux
@pytest.mark.usefixtures("tiny_networks")
def test_doubts_measures_what_the_evidence_costs(
    run: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    run("docs/scripts/doubts.py", "cost movies/one --frames 3")
    said = capsys.readouterr().out
    assert "2 cells on 3 frames" in said
    assert re.search(r"timelines: [\d.]+ s, [\d.]+%", said)


@on_linux
def test_doubts_compares_candidates(
    run: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    run("docs/scripts/doubts.py", "candidates fitted")
    kinds = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert kinds == ["with nothing more", "with step_beside"]


@on_linux
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("screen")
def test_scripts_with_windows_run(tmp_path: Path) -> None:
    """One after another, in copies of one process: they share the time to import napari."""
    environment = {
        **os.environ,
        "NAPARI_CONFIG": str(tmp_path / "settings.yaml"),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "QT_SCALE_FACTOR": "1",
    }
    scripts = [f"{ROOT / script} {arguments}" for script, arguments in WITH_WINDOW.items()]
    command = [sys.executable, "-m", "tests.forked", str(tmp_path), *scripts]
    done = subprocess.run(command, cwd=tmp_path, env=environment, timeout=880)
    shown = {path.stem: path.read_text() for path in tmp_path.glob("*.txt")}
    assert shown.keys() == {Path(script).stem for script in WITH_WINDOW}
    assert all(text.strip() for text in shown.values())
    assert done.returncode == 0, "\n".join(shown.values())


@on_linux
def test_a_command_without_a_screen_gets_one() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    command = [sys.executable, str(ROOT / "tools/with_display.py"), "sh", "-c", "echo $DISPLAY"]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, timeout=60)
    assert re.fullmatch(rb":\d+\n", done.stdout)


@on_linux
def test_missing_system_packages_are_installed_for_root(tmp_path: Path) -> None:
    programs = {"id": "echo 0", "apt-get": f'echo "$@" >> {tmp_path}/asked'}
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHON": "no-python"}
    command = ["bash", str(ROOT / "tools/system_packages.sh"), "demo"]
    subprocess.run(command, env=environment, check=True, timeout=60)
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert asked[0] == "update -qq"
    assert asked[1].endswith("python3 python3-venv")

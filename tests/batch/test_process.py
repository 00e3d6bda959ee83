"""A batch in another process: what it says, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from napari_sam2 import Annotation
from napari_sam2.batch import background, movie_task, read_plan
from napari_sam2.batch.plan import write_plan
from napari_sam2.batch.process import (
    LINES,
    PLAN,
    BatchBegun,
    BatchEnded,
    BatchFailedError,
    BatchProcess,
    BatchRequest,
    Message,
    MovieAdvanced,
    MovieEnded,
)
from napari_sam2.io.tiff import write_images, write_labels
from tests.tracking.tiny import build_tiny_model

WINDOW = """
import sys
from pathlib import Path
from napari_sam2.batch.process import BatchProcess
process = BatchProcess(Path(sys.argv[1]), 2)
for message in process.messages():
    print(process.pid, type(message).__name__, flush=True)
"""


@pytest.fixture
def long_movies(tmp_path: Path) -> Path:
    """The folder of the results of two movies that take minutes, with its plan."""
    images = np.random.default_rng(0).integers(0, 255, (2000, 32, 32), np.uint8)
    labels = np.zeros((32, 32), np.uint16)
    labels[8:20, 8:20] = 1
    (tmp_path / "out").mkdir()
    (tmp_path / "wells").mkdir()
    for name in ("a", "b"):
        write_images(tmp_path / f"wells/{name}.tif", images)
        write_labels(tmp_path / f"out/{name}.tif", labels)
    (tmp_path / "out" / PLAN).write_text(
        f'movies = "{tmp_path}/wells/*.tif"\nprompts = "{{name}}.tif"\noutput = "{tmp_path}/out"\n'
    )
    return tmp_path / "out"


def test_window_learns_of_a_batch_without_torch() -> None:
    code = "import sys, napari_sam2.batch.process\nprint(*sys.modules)"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "napari_sam2.batch.process" in ran.stdout.split()
    assert not {"torch", "dask", "numpy"} & set(ran.stdout.split())


@pytest.mark.parametrize(
    "message",
    [
        BatchBegun(("a", "b")),
        MovieAdvanced("a", "tracking", 1, 3),
        MovieEnded("a", "done", "", 4, 0.25, "/out/a/a.sam2"),
        BatchEnded("2 done.", "/out/report.html"),
    ],
)
def test_message_survives_the_pipe(message: Message) -> None:
    assert LINES.from_line(LINES.to_line(message)) == message


def test_failure_survives_the_pipe() -> None:
    with pytest.raises(BatchFailedError, match="no movie"):
        LINES.from_line(LINES.to_line("There is no movie."))


def test_written_plan_is_read_again(wells: Path) -> None:
    plan = read_plan(wells / "plan.toml").model_copy(
        update={
            "output": wells / 'Größe "1"\\2',
            "exports": ("ctc", "geff"),
            "image_size": 512,
            "local": True,
            "home": wells,
        }
    )
    write_plan(wells / "again.toml", plan)
    assert read_plan(wells / "again.toml") == plan


def test_batch_says_how_far_it_is_and_where_the_projects_are(wells: Path) -> None:
    (wells / "wells/b.tif").write_bytes(b"II*\0 broken")
    said: list[Message] = []
    background.run(read_plan(wells / "plan.toml"), 1, said.append)
    assert said[0] == BatchBegun(("a", "b"))
    assert said[1] == MovieAdvanced("a", "prompts", 0, 2)
    first, second = (message for message in said if isinstance(message, MovieEnded))
    assert (first.state, first.cells) == ("done", 2)
    assert Path(first.project, "session.json").is_file()
    assert (second.state, second.project) == ("failed", "")
    assert said[-1] == BatchEnded("1 done, 1 failed.", str(wells / "out/report.html"))


def test_stopped_batch_says_so_and_has_a_report(
    wells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(movie_task, "track_prompts", stop)
    said: list[Message] = []
    background.run(read_plan(wells / "plan.toml"), 1, said.append)
    end = said[-1]
    assert isinstance(end, BatchEnded)
    assert end.text.startswith("Stopped.")
    assert Path(end.report).is_file()


def test_corrected_project_is_tracked_again(wells: Path) -> None:
    plan = read_plan(wells / "plan.toml")
    background.run(plan, 1, [].append)
    with Annotation.load(wells / "out/a/a.sam2", build_tiny_model()) as project:
        project.add_points(0, 3, [(5.0, 5.0)], [1])
        project.save()
    said: list[Message] = []
    background.run(plan, 1, said.append, only_corrected=True)
    states = {one.name: one.state for one in said if isinstance(one, MovieEnded)}
    assert states == {"a": "done", "b": "unchanged"}


def test_corrected_projects_need_earlier_results(tmp_path: Path) -> None:
    request = BatchRequest(tmp_path, tmp_path / "out", "", only_corrected=True)
    with pytest.raises(FileNotFoundError, match="press Start first"):
        BatchProcess.start(request)


def test_folder_without_movies_is_told_before_a_process_starts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no movie"):
        BatchProcess.start(BatchRequest(tmp_path, tmp_path / "out", "auto"))
    assert not (tmp_path / "out").exists()


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results; processes of batches are stand-ins."""
    root = Path(__file__).parents[2]
    monkeypatch.setattr("napari_sam2.batch.process.MODULE", "tests.batch.stand_in_process")
    monkeypatch.setenv("PYTHONPATH", f"{root}{os.pathsep}{root / 'src'}")
    return tmp_path


def test_stop_is_obeyed_and_the_process_is_gone(stand_in: Path) -> None:
    process = BatchProcess(stand_in, 1)
    messages = process.messages()
    assert next(messages) == BatchBegun(("a",))
    process.stop()
    assert list(messages) == [BatchEnded("Stopped.", "")]
    assert not psutil.pid_exists(process.pid)


def test_closed_process_ends_by_itself(stand_in: Path) -> None:
    process = BatchProcess(stand_in, 1)
    messages = process.messages()
    next(messages)
    process.close()
    assert list(messages) == [BatchEnded("Stopped.", "")]


def test_closed_process_that_does_not_end_is_ended(stand_in: Path) -> None:
    (stand_in / "stubborn").mkdir()
    process = BatchProcess(stand_in / "stubborn", 1)
    messages = process.messages()
    next(messages)
    process.close()
    with pytest.raises(BatchFailedError, match="ended too early"):
        list(messages)


@pytest.mark.slow
def test_no_process_outlives_a_killed_window(long_movies: Path) -> None:
    """The window of this test is killed while two workers track."""
    command = [sys.executable, "-c", WINDOW, str(long_movies)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as window:
        assert window.stdout is not None
        pid = next(int(line.split()[0]) for line in window.stdout if "MovieAdvanced" in line)
        batch = psutil.Process(pid)
        family = [batch, *batch.children(recursive=True)]
        assert len(family) >= 3
        window.kill()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []
    assert not [path for path in long_movies.iterdir() if path.is_dir()]

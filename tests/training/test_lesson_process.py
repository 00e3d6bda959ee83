import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.model import build_model, load_model
from napari_sam2.training import lesson, teach
from napari_sam2.training.examples import Example, Lesson, make_lesson
from napari_sam2.training.lesson_process import (
    LINES,
    MODEL,
    MODULE,
    LessonAdvanced,
    LessonEnded,
    LessonFailedError,
    LessonPlan,
    LessonProcess,
    read_pictures,
    write_example,
)
from tests.training.worlds import TINY

ADVANCED = LessonAdvanced(3, 40, 1.5, 60.0, ((0, 0.5), (3, 0.6)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A short lesson of six discs on noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:160, :240]
    labels = np.zeros((1, 160, 240), np.uint16)
    for k in range(6):
        centre = 40 + 80 * (k // 3), 40 + 80 * (k % 3)
        labels[0][(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 20**2] = k + 1
    image = 0.5 * (labels > 0) + 0.1 * rng.standard_normal(labels.shape)
    write_example(tmp_path, 0, "discs", (100 * image.clip(0, 2)).astype(np.uint8), labels)
    LessonPlan("cells", "cpu", 128, 1.0, 1).write(tmp_path)
    return tmp_path


def change_plan(folder: Path, **changes: object) -> None:
    LessonPlan(
        **{**vars(LessonPlan.read(folder)), **changes}  # type: ignore[arg-type]
    ).write(folder)


@pytest.mark.parametrize(
    "message", [ADVANCED, LessonEnded(0.5, 0.6, True, 8, 2, 60.0, ((0.4, 0.7),), 1, ("Rough.",))]
)
def test_a_message_survives_the_pipe(message: LessonAdvanced | LessonEnded) -> None:
    assert LINES.from_line(LINES.to_line(message)) == message


def test_a_killed_process_is_told_and_leaves_no_model(folder: Path) -> None:
    change_plan(folder, budget_s=600.0)
    process = LessonProcess(folder)
    messages = process.messages()
    next(messages)
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(LessonFailedError, match="ended too early"):
        list(messages)
    assert not (folder / MODEL).exists()


def test_a_stopped_process_leaves_the_best_so_far_and_pictures(folder: Path) -> None:
    change_plan(folder, budget_s=600.0)
    process = LessonProcess(folder)
    messages = process.messages()
    assert isinstance(next(messages), LessonAdvanced)
    process.stop()
    *_, ended = messages
    assert isinstance(ended, LessonEnded)
    assert ended.before > 0
    assert (len(ended.cells), ended.cells_aside) == (3, 1)
    assert read_pictures(folder).shape == (3, 2, 128, 128, 3)
    assert load_model(folder / MODEL, "cpu").config.name == "cells"


def test_the_process_ends_with_the_program_that_started_it(folder: Path) -> None:
    change_plan(folder, budget_s=600.0)
    starter = (
        "import sys, os; from pathlib import Path;"
        "from napari_sam2.training.lesson_process import LessonProcess;"
        f"process = LessonProcess(Path({str(folder)!r}));"
        "print(process.pid, flush=True); os._exit(0)"
    )
    found = subprocess.run(
        [sys.executable, "-c", starter], capture_output=True, text=True, timeout=300, check=True
    )
    wait_for_end(int(found.stdout))


def wait_for_end(pid: int) -> None:
    over = threading.Event()
    for _ in range(600):
        if not is_running(pid):
            return
        over.wait(0.1)
    raise AssertionError(f"process {pid} is still there")


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough free memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "not enough free memory"),
        (OSError(28, "No space left on device"), "The disk is full"),
        (ValueError("a model is taught from 5 masks or more; there are 2"), "A model is taught"),
    ],
)
def test_a_failure_is_told_in_words(error: Exception, words: str) -> None:
    assert words in lesson.explain(error)


def test_too_few_masks_are_told_by_the_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "example-0.npz").unlink()
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(lesson, "_listen", lambda stop: None)
    monkeypatch.setattr(lesson.os, "nice", lambda step: None)
    monkeypatch.setattr(lesson.torch, "set_num_threads", lambda count: None)
    lesson.main(folder)
    shown = capsys.readouterr()
    with pytest.raises(LessonFailedError, match="5 masks or more"):
        LINES.from_line(shown.out)
    assert "Traceback" in shown.err


def test_a_source_that_is_gone_is_named(folder: Path) -> None:
    change_plan(folder, sources=(str(folder / "gone.sam2"),))
    with pytest.raises(FileNotFoundError, match=r"gone\.sam2 is not there any more"):
        lesson.run(folder, threading.Event())


def test_the_lesson_is_made_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(examples: list[Example], side: int, seed: int = 0) -> Lesson:
        made.append(side)
        return make_lesson(examples, side, seed)

    for module in (lesson, teach):
        monkeypatch.setattr(module, "make_lesson", make)
    monkeypatch.setattr(lesson, "load_model", lambda *_, **__: build_model(TINY))
    monkeypatch.setattr(lesson.torch, "set_num_threads", lambda count: None)
    stop = threading.Event()
    stop.set()
    lesson.run(folder, stop)
    assert made == [TINY.image_size]


def test_the_parent_needs_no_torch() -> None:
    code = (
        f"import sys, {MODULE}_process; sys.exit('torch' in sys.modules or 'qtpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

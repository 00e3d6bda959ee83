"""A real second program on one project."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from napari_sam2.io.project.errors import ProjectInUseError
from napari_sam2.io.project.lock import ProjectLock, is_locked

HOLD = """
import sys
from pathlib import Path
from napari_sam2.io.project.lock import ProjectLock
lock = ProjectLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_program_is_told_and_may_go_on_when_the_first_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(ProjectInUseError, match=f"process {first.pid} on"):
            ProjectLock(tmp_path)
        assert is_locked(tmp_path)
        first.kill()
        first.wait()
        assert not is_locked(tmp_path)
        ProjectLock(tmp_path).release()


def test_those_who_only_look_do_not_disturb_each_other(tmp_path: Path) -> None:
    ProjectLock(tmp_path).release()  # so that there is a file of the lock
    with ThreadPoolExecutor(2) as lookers:
        assert not any(lookers.map(is_locked, [tmp_path] * 100))


def test_a_project_can_be_locked_while_others_look(tmp_path: Path) -> None:
    ProjectLock(tmp_path).release()
    with ThreadPoolExecutor(1) as lookers:
        looks = lookers.map(is_locked, [tmp_path] * 100)
        for _ in range(30):
            ProjectLock(tmp_path).release()
        assert len(list(looks)) == 100

"""A real second program on one saved annotation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_sam2.io.session.errors import SessionInUseError
from napari_sam2.io.session.lock import SessionLock, is_locked

HOLD = """
import sys
from pathlib import Path
from napari_sam2.io.session.lock import SessionLock
lock = SessionLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_program_is_told_and_may_go_on_when_the_first_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(SessionInUseError, match=f"process {first.pid} on"):
            SessionLock(tmp_path)
        assert is_locked(tmp_path)
        first.kill()
        first.wait()
        assert not is_locked(tmp_path)
        SessionLock(tmp_path).release()

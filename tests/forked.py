"""Run scripts that open windows, each in a copy of this process, which has all imported once.

    python -m tests.forked FOLDER "SCRIPT ARGUMENTS..." ...

What a script prints is in ``FOLDER/SCRIPT-NAME.txt``; the exit code tells how many scripts failed.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from pathlib import Path

import napari._qt.qt_main_window  # noqa: F401  # what napari imports at its first window
import pandas  # noqa: F401
import skimage.measure  # noqa: F401

import napari_sam2.plugin.panel
import napari_sam2.training.synthetic  # noqa: F401  # with torch
import tests.plugin.world  # noqa: F401


def run(folder: Path, command: str) -> bool:
    """Run a script in a copy of this process; return whether it ended well."""
    Path(os.environ["NAPARI_CONFIG"]).unlink(missing_ok=True)  # written by the script before
    copy = os.fork()
    if copy == 0:
        os._exit(_run_here(folder, command.split()))
    _, status = os.waitpid(copy, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _run_here(folder: Path, words: list[str]) -> int:
    with (folder / f"{Path(words[0]).stem}.txt").open("w") as shown:
        os.dup2(shown.fileno(), 1)
        os.dup2(shown.fileno(), 2)
        sys.argv = words
        code: object = 0
        try:
            sys.path.insert(0, str(Path(words[0]).parent))  # as python does
            runpy.run_path(words[0], run_name="__main__")
        except SystemExit as end:
            code = end.code
        except BaseException:
            code = 1
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    return 1 if code else 0


if __name__ == "__main__":
    sys.exit(sum(not run(Path(sys.argv[1]), command) for command in sys.argv[2:]))

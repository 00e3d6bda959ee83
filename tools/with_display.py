"""Run a command where windows can open: on the screen if there is one, else on one in memory.

python tools/with_display.py pytest -q
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

XVFB = ["xvfb-run", "-a", "-s", "-screen 0 1280x1024x24"]


def main(command: list[str]) -> int:
    """Run the command and return its exit code."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        if shutil.which(XVFB[0]) is None:
            print(
                "no display, and no xvfb-run to make one: install the package xvfb", file=sys.stderr
            )
            return 1
        command = [*XVFB, *command]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Run a command where windows can open: on the screen if there is one, else on one in memory.

python tools/with_display.py python benchmarks/lanes.py
"""

from __future__ import annotations

import os
import subprocess
import sys

XVFB = ["Xvfb", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
WITH_PARENT = ["setpriv", "--pdeathsig", "TERM"]  # the screen ends with the process that started it


def start_screen() -> None:
    """See that windows can open in this process and in those that it starts.

    Where there is no screen, an X server with a screen in memory is started. It chooses a free
    number by itself, so that several processes can do this at the same time.

    Raises
    ------
    RuntimeError
        If the programs for a screen in memory are missing, or the X server does not start.
    """
    if sys.platform != "linux" or os.environ.get("DISPLAY"):
        return
    ours, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    command = [*WITH_PARENT, *XVFB, "-displayfd", str(theirs)]
    quiet = [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
    try:
        os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    except FileNotFoundError as error:
        raise RuntimeError("no screen, and no setpriv to start one: install util-linux") from error
    finally:
        os.close(theirs)
    with os.fdopen(ours) as pipe:
        number = pipe.readline().strip()  # empty if the X server ended
    if not number:
        raise RuntimeError("no screen, and Xvfb did not start one: is the package xvfb installed?")
    os.environ["DISPLAY"] = f":{number}"


def main(command: list[str]) -> int:
    """Run the command and return its exit code."""
    try:
        start_screen()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

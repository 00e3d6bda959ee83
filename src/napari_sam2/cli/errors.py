"""What is the fault of the command line, not of what it was used on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class UsageError(Exception):
    """The command was given something that it cannot do; exit code 2."""


def check_outputs(paths: Iterable[Path], overwrite: bool) -> None:
    """Refuse to write where there is no folder, or over a file without being told to.

    Raises
    ------
    UsageError
        With the first path that is in the way.
    """
    for path in paths:
        if path.is_dir():
            raise UsageError(f"{path} is a folder; give the name of a file")
        if not path.parent.is_dir():
            raise UsageError(f"the folder {path.parent} does not exist; make it first")
        if path.exists() and not overwrite:
            raise UsageError(f"{path} is there already; add --overwrite to replace it")

"""Lock of a project: one program at a time works on it."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from napari_sam2.io.project.errors import ProjectInUseError
from napari_sam2.io.project.manifest import now

LOCK, OWNER = "lock", "lock.json"
_PATIENCE_S, _POLL_S = 0.2, 0.01  # for another program that only looks whether the lock is free


class ProjectLock:
    """Held from its making until it is released, or until the program is gone, however it ends.

    Parameters
    ----------
    folder : Path
        Folder of the project, which must exist.

    Raises
    ------
    ProjectInUseError
        If another one holds it, with the program and the computer.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / LOCK, thread_local=False)
        try:
            self._lock.acquire(timeout=_PATIENCE_S, poll_interval=_POLL_S)
        except Timeout:
            raise ProjectInUseError(
                f"{folder.name} is open in {owner(folder)}; close it there first"
            ) from None
        mine = {"pid": os.getpid(), "host": socket.gethostname(), "since": now().isoformat()}
        with suppress(OSError):  # the name of the owner is not essential
            (folder / OWNER).write_text(json.dumps(mine), encoding="utf-8")

    def release(self) -> None:
        """Let others work on it."""
        with suppress(OSError):
            (self.folder / OWNER).unlink()
        self._lock.release()


def is_locked(folder: Path) -> bool:
    """Whether a program works on a project at this moment.

    This takes the lock for a moment, so that others who look at the same time wait for it.
    """
    if not (folder / LOCK).exists():
        return False
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        lock.acquire(timeout=_PATIENCE_S, poll_interval=_POLL_S)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def owner(folder: Path) -> str:
    """Describe the program that works on a project."""
    try:
        holder = json.loads((folder / OWNER).read_text(encoding="utf-8"))
        place = (
            "this window" if _is_here(holder) else f"process {holder['pid']} on {holder['host']}"
        )
        return f"{place}, since {holder['since'][:16].replace('T', ' ')}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another window or program"


def _is_here(holder: dict[str, object]) -> bool:
    return holder["pid"] == os.getpid() and holder["host"] == socket.gethostname()

"""Files appear complete or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Lend a temporary file beside `target` that takes its place at the end.

    The temporary file is on the same disk, is written to the disk before it is moved, and is
    removed when the body raises: whoever looks at `target` sees the old file or the whole new one.

    Parameters
    ----------
    target : path
        File to write. A link is followed, the file that it points to is replaced.

    Yields
    ------
    Path
        Empty file to write to, with the suffixes of `target`.

    Raises
    ------
    FileNotFoundError
        If the folder of `target` does not exist.
    IsADirectoryError
        If `target` is a folder.
    PermissionError
        If nothing can be written to the folder.
    """
    path = Path(os.path.realpath(target))
    temporary = _make_temporary(path)
    try:
        yield temporary
        _flush_to_disk(temporary)
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _make_temporary(path: Path) -> Path:
    folder = path.parent
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file to write")
    if not folder.is_dir():
        raise FileNotFoundError(f"the folder {folder} does not exist; make it first")
    temporary = folder / f".{secrets.token_hex(4)}-{path.name}"
    try:
        # not tempfile.mkstemp: that makes files which only their owner may read
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"cannot write to the folder {folder} ({reason}); choose another one"
        raise type(error)(error.errno, message) from error
    return temporary


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())

"""Atomic writing: files and folders appear complete or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Lend a temporary file beside `target` that takes its place at the end.

    The temporary file is on the same disk, is written to the disk before it is moved, and is
    removed when the body raises: other programs see the old file or the whole new one.

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
    usual = temporary.stat().st_mode
    try:
        yield temporary
        _flush_to_disk(temporary)
        # the body may have put another file in its place, as the writer of safetensors does, which
        # makes files that only their owner may read
        os.chmod(temporary, S_IMODE(path.stat().st_mode if path.exists() else usual))
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


@contextmanager
def atomic_folder(
    target: str | os.PathLike[str], is_ours: Callable[[Path], bool]
) -> Iterator[Path]:
    """Lend a temporary folder beside `target` that takes its place at the end.

    Other programs see the old folder or the whole new one, or for a moment none; when
    the body raises, the old one stays. A folder can not be exchanged for another in one step: when
    the program is killed in that moment, the old one is still there as ``.*-old-NAME``.

    Parameters
    ----------
    target : path
        Folder to write.
    is_ours : callable
        Whether a folder that is there holds nothing but an earlier result of the same kind, and may
        be replaced. An empty folder may always be.

    Yields
    ------
    Path
        Empty folder to write to.

    Raises
    ------
    FileNotFoundError
        If the folder around `target` does not exist.
    FileExistsError
        If something else is at `target`.
    PermissionError
        If nothing can be written beside `target`.
    """
    path = Path(os.path.realpath(target))
    if path.exists() and not (path.is_dir() and (not any(path.iterdir()) or is_ours(path))):
        raise FileExistsError(f"{path} holds something else; choose another name")
    temporary = _make_temporary(path, is_folder=True)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _flush_to_disk(file)
        _exchange(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _exchange(new: Path, path: Path) -> None:
    if not path.exists():
        os.replace(new, path)
        return
    old = path.parent / f".{secrets.token_hex(4)}-old-{path.name}"
    os.replace(path, old)
    try:
        os.replace(new, path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _make_temporary(path: Path, *, is_folder: bool = False) -> Path:
    folder = path.parent
    if path.is_dir() and not is_folder:
        raise IsADirectoryError(f"{path} is a folder; give the name of a file to write")
    if not folder.is_dir():
        raise FileNotFoundError(f"the folder {folder} does not exist; make it first")
    temporary = folder / f".{secrets.token_hex(4)}-{path.name}"
    try:
        if is_folder:
            temporary.mkdir()
        else:  # not tempfile.mkstemp: that makes files which only their owner may read
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"cannot write to the folder {folder} ({reason}); choose another one"
        raise type(error)(error.errno, message) from error
    return temporary


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())

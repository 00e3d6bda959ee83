"""Errors in the use of a command, and checks of the files that a command will write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from napari_sam2.io.formats import is_ome_zarr

_made_folders: ContextVar[list[Path]] = ContextVar("made_folders")


class UsageError(Exception):
    """The command was given something that it cannot do; exit code 2."""


def check_outputs(paths: Iterable[Path], overwrite: bool, *, with_movie: bool = False) -> None:
    """Refuse to write over a folder or without `overwrite` over a file; make missing folders.

    A command calls it after the checks of its other options and before its work, so that an error
    comes at once.

    Raises
    ------
    UsageError
        With the first path that is in the way.
    """
    chosen = tuple(paths)
    for path in chosen:
        if path.is_dir() and not is_ome_zarr(path):
            raise UsageError(f"{path} is a folder; give the name of a file")
        if path.exists() and not overwrite:
            raise UsageError(f"{path} is there already; add --overwrite to replace it")
        if path.is_dir():
            _check_labels_of_ours(path, with_movie)
    for path in chosen:
        make_folder(path.parent)


def _check_labels_of_ours(folder: Path, with_movie: bool) -> None:
    """Refuse, before the work, what the writer would refuse after it."""
    from napari_sam2.io.ome_zarr import is_label_zarr, is_zarr_of_ours

    is_ours = is_zarr_of_ours if with_movie else is_label_zarr
    if any(folder.iterdir()) and not is_ours(folder):
        raise UsageError(f"{folder} holds something else; choose another name")


def check_labels_output(path: Path, *, may_have_movie: bool = False) -> None:
    """Refuse to write labels under a name that is neither that of a TIFF nor of an OME-Zarr.

    Parameters
    ----------
    path : Path
        Output of a command.
    may_have_movie : bool
        Whether the command can write the movie beside the labels.

    Raises
    ------
    UsageError
        If its suffix is another one.
    """
    if path.suffix.lower() not in (".tif", ".tiff") and not is_ome_zarr(path):
        raise UsageError(f"labels are written as .tif or .ome.zarr; got {path.name}")
    if not may_have_movie and ".movie." in path.name.lower():
        raise UsageError(
            f"this command writes labels without the movie; name {path.name} otherwise"
        )


def check_inputs_stay(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse to write over what a command reads.

    Raises
    ------
    UsageError
        With the first output that is an input.
    """
    read = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in read:
            raise UsageError(f"{path} is an input; give another name for the output")


def make_folder(folder: Path) -> None:
    """Make a folder to write to, and those around it, where they are missing.

    Raises
    ------
    UsageError
        If it cannot be made.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"the folder {folder} cannot be made ({reason})") from error
    _made_folders.get([]).extend(missing)


@contextmanager
def no_empty_folders() -> Iterator[None]:
    """Remove, at the end, each folder that `make_folder` made and that is still empty."""
    made: list[Path] = []
    token = _made_folders.set(made)
    try:
        yield
    finally:
        _made_folders.reset(token)
        for folder in sorted(made, reverse=True):  # a folder comes before those around it
            with suppress(OSError):
                folder.rmdir()

"""The files of a project, each written once and then left alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from napari_sam2.io.project.codec import RecordPool, unpack
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.manifest import MANIFEST, Manifest, StoredFile
from napari_sam2.tracking import ObjectState
from napari_sam2.tracking.masks import MaskRecord

MASKS = "masks"
DISCARDED = "discarded"


def write_stored(folder: Path, name: str, data: bytes) -> dict[str, str]:
    """Write a file that belongs to the next manifest; returns its entry there.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left of it.
    """
    path = inside(folder, name)
    path.parent.mkdir(exist_ok=True)
    try:
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return {"file": name, "digest": _digest(data)}


def read_stored(folder: Path, entry: StoredFile, hint: Any, pool: RecordPool) -> Any:
    """Content of a file.

    Raises
    ------
    ProjectError
        If it is missing, damaged, or was exchanged.
    """
    try:
        data = inside(folder, entry.file).read_bytes()
        if _digest(data) != entry.digest:
            raise ProjectError("it is damaged or was exchanged: its digest differs")
        return unpack(data, hint, pool)
    except FileNotFoundError:
        raise ProjectError(f"{entry.file} is missing from {folder}") from None
    except ProjectError as error:
        raise ProjectError(f"{entry.file} in {folder.name}: {error}") from error


def remove_others(folder: Path, manifest: Manifest) -> None:
    """Remove the files of earlier saves; those that cannot be removed stay."""
    for pattern in ("properties-*.bin", "journal-*.log", "history-*.log", f"{MASKS}/*.bin"):
        for path in folder.glob(pattern):
            if path.relative_to(folder).as_posix() not in manifest.files:
                with suppress(OSError):
                    path.unlink()


def make_room(path: Path) -> bool:
    """Make the folder of a project; returns whether it is new.

    Raises
    ------
    ProjectError
        If something else is there.
    OSError
        If it cannot be made.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist; make it first")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        if (path / MANIFEST).is_file():
            return False
        raise ProjectError(f"{path} is something else than a project: take another name")
    path.mkdir(exist_ok=True)
    return True


def last_generation(folder: Path) -> int:
    """The largest generation that is in the name of any file of a project."""
    names = (path.stem.rpartition("-")[2] for path in folder.glob("**/*-*.*"))
    return max((int(name) for name in names if name.isdecimal()), default=0)


def remove_generation(folder: Path, generation: int) -> None:
    """Remove the files that a failed save has left."""
    for pattern in ("properties", "journal", "history", f"{MASKS}/*"):
        for path in folder.glob(f"{pattern}-{generation}.*"):
            with suppress(OSError):
                path.unlink()


def set_aside(folder: Path, name: str) -> None:
    """Move a file to a folder that the program does not read."""
    path = inside(folder, name)
    if path.exists():
        aside = folder / DISCARDED
        aside.mkdir(exist_ok=True)
        path.rename(aside / f"{time.strftime('%Y%m%d-%H%M%S')}-{path.name}")


def inside(folder: Path, name: str) -> Path:
    """The path of a file in a folder.

    Raises
    ------
    ProjectError
        If it leads out of the folder, by its name or by a link.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ProjectError(f"{name} leads out of {folder}")
    return path


def sync_folder(folder: Path) -> None:
    """Wait until names of new files are on the disk, where the system can do that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def split_state(state: ObjectState, frames_per_chunk: int) -> dict[int, ObjectState]:
    """The state of an object in ranges of frames, by the number of the range."""
    parts: dict[int, tuple[dict[int, Any], dict[int, Any], dict[int, Any]]] = {}
    for place, table in enumerate((state.records, state.prompted, state.locked)):
        for t, value in table.items():
            number = t // frames_per_chunk
            parts.setdefault(number, ({}, {}, {}))[place][t] = value
    return {
        number: ObjectState(
            frozenset(range(number * frames_per_chunk, (number + 1) * frames_per_chunk)), *tables
        )
        for number, tables in parts.items()
    }


def are_same(one: Mapping[int, ObjectState], other: Mapping[int, ObjectState]) -> bool:
    """Whether both hold the very same prompts and masks."""
    return one.keys() == other.keys() and all(
        (state.records, state.prompted, state.locked)
        == (other[key].records, other[key].prompted, other[key].locked)
        for key, state in one.items()
    )


def records_of(state: ObjectState) -> Iterator[MaskRecord]:
    """All mask records that a state speaks of."""
    yield from state.records.values()
    for record in state.locked.values():
        if record is not None:
            yield record
    for entry in state.prompted.values():
        if entry.before is not None:
            yield entry.before
        yield from (record for _, record in entry.rounds)


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()

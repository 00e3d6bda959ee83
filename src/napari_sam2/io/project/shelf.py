"""Folder of unsaved projects, and list of recently opened ones."""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from napari_sam2.io.data_folder import data_folder, keep, read_kept
from napari_sam2.io.project import PROJECT_SUFFIX
from napari_sam2.io.project.errors import ProjectError, ProjectInUseError
from napari_sam2.io.project.files import DISCARDED, set_aside
from napari_sam2.io.project.journal_file import TITLE
from napari_sam2.io.project.lock import is_locked, owner
from napari_sam2.io.project.manifest import read_manifest

logger = logging.getLogger(__name__)

RECENT_LIMIT = 10
_UNSAVED, _RECENT = "unsaved", "recent.json"


@dataclass(frozen=True)
class Unsaved:
    """Work that was not saved when its program ended.

    Attributes
    ----------
    path : Path
        The folder that holds it.
    name : str
        Name of the image.
    image_path : str or None
        Where the image was.
    time : float
        Of the last change, in seconds since 1970.
    """

    path: Path
    name: str
    image_path: str | None
    time: float


@dataclass(frozen=True)
class SavedProject:
    """A project that the user saved, without changes since then.

    Attributes
    ----------
    path : Path
        Its folder.
    time : float
        Of the last save, in seconds since 1970.
    """

    path: Path
    time: float


def is_unsaved(folder: Path) -> bool:
    """Whether a folder is an unsaved project."""
    return folder.parent == data_folder() / _UNSAVED


def new_unsaved(name: str) -> Path:
    """A folder, not made yet, for the work on an image.

    Parameters
    ----------
    name : str
        Name of the image.
    """
    shelf = data_folder() / _UNSAVED
    shelf.mkdir(parents=True, exist_ok=True)
    plain = re.sub(r"[^\w.-]+", "_", name)[:40] or "image"
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{plain}"
    numbers = range(1, 10_000)
    paths = (shelf / f"{stem}{f'-{n}' if n > 1 else ''}{PROJECT_SUFFIX}" for n in numbers)
    return next(path for path in paths if not path.exists())


def find_unsaved() -> tuple[Unsaved, ...]:
    """Work that was not saved and that no program has open, the latest first.

    Also of annotations that were saved once and opened lately. Damaged ones are left out, with a
    line in the log.
    """
    shelf = data_folder() / _UNSAVED
    there = list(shelf.glob(f"*{PROJECT_SUFFIX}")) if shelf.is_dir() else []
    found = (_look(path) for path in [*there, *recent()])
    return tuple(sorted(filter(None, found), key=lambda work: -work.time))


def _look(folder: Path) -> Unsaved | None:
    try:
        manifest = read_manifest(folder)
        status = (folder / manifest.journal).stat()
        has_news = status.st_size > len(TITLE)  # undo of a model writes all masks and no journal
        if is_locked(folder) or not (has_news or (is_unsaved(folder) and manifest.chunks)):
            return None
    except (OSError, ProjectError) as error:
        logger.info("%s is passed over: %s", folder, error)
        return None
    return Unsaved(folder, manifest.image.name, manifest.image.path, status.st_mtime)


def find_saved(image_path: str | None, name: str) -> tuple[SavedProject, ...]:
    """Saved projects that could be about an image, the one saved last first.

    These are the recent projects and, beside the image, those that have its name. Projects that a
    program has open, that hold nothing, or that are damaged are left out.

    Parameters
    ----------
    image_path : str or None
        File or folder of the image.
    name : str
        Name by which the image is known in the window.
    """
    folders = dict.fromkeys([*recent(), *_beside(image_path, name)])
    found = filter(None, map(_look_at_saved, folders))
    return tuple(sorted(found, key=lambda project: -project.time))


def _beside(image_path: str | None, name: str) -> list[Path]:
    """Projects beside an image that have the name of its file or of its layer."""
    if image_path is None:
        return []
    place = Path(os.path.abspath(image_path))
    stems = {Path(name).stem, place.name}
    stem = place.name
    while (shorter := Path(stem).stem) != stem:  # movie.ome.tif, movie.ome, movie
        stems.add(stem := shorter)
    folders = (place.parent / f"{stem}{PROJECT_SUFFIX}" for stem in sorted(stems) if stem)
    return [folder for folder in folders if folder.is_dir()]


def _look_at_saved(folder: Path) -> SavedProject | None:
    try:
        manifest = read_manifest(folder)
        if not manifest.chunks or is_locked(folder):
            return None
    except (OSError, ProjectError) as error:
        logger.info("%s is passed over: %s", folder, error)
        return None
    return SavedProject(folder, manifest.saved.timestamp())


def discard(folder: Path) -> None:
    """Move unsaved work aside, so that it is not offered again.

    Raises
    ------
    ProjectError
        If a program works on it, or it is damaged.
    OSError
        If it cannot be moved.
    """
    if is_locked(folder):
        raise ProjectInUseError(f"{folder.name} is open in {owner(folder)}")
    if not is_unsaved(folder):
        set_aside(folder, read_manifest(folder).journal)
        return
    aside = data_folder() / DISCARDED
    aside.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, aside / f"{time.strftime('%Y%m%d-%H%M%S')}-{folder.name}")


def recent() -> tuple[Path, ...]:
    """Projects that were opened or saved lately and are there, the last one first."""
    names = read_kept(_RECENT)
    paths = (
        [Path(name) for name in names if isinstance(name, str)] if isinstance(names, list) else []
    )
    return tuple(path for path in paths if path.is_dir())[:RECENT_LIMIT]


def note_recent(folder: Path) -> None:
    """Put a project first among the recent ones."""
    if is_unsaved(folder):
        return
    path = Path(os.path.abspath(folder))
    paths = [path, *(other for other in recent() if other != path)][:RECENT_LIMIT]
    keep(_RECENT, [str(path) for path in paths])

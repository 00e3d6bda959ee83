"""Taught models of the user: checkpoints in the data folder, with names, dates and figures."""

from __future__ import annotations

import logging
import math
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from napari_sam2.io.atomic import atomic_path
from napari_sam2.io.data_folder import data_folder
from napari_sam2.io.safetensors_errors import raising_os_errors

logger = logging.getLogger(__name__)

SUFFIX = ".safetensors"
SEPARATOR = "\n"  # between the movies in the metadata of a file


@dataclass(frozen=True)
class TaughtModel:
    """A taught model.

    Attributes
    ----------
    path : Path
        The checkpoint, which `load_model` takes; its name never changes.
    name : str
        Name that the user gave it.
    date : str
        When it was taught, as "2026-11-28 13:05".
    movies : tuple of str
        Movies, projects and folders that it was taught from.
    base : str
        Model that it was taught from.
    before, after : float
        Mean IoU of the masks that were kept aside, with the base model and with this one.
    preset : str
        Name of its architecture.
    """

    path: Path
    name: str
    date: str
    movies: tuple[str, ...]
    base: str
    before: float
    after: float
    preset: str


def models_folder() -> Path:
    """Folder of the taught models, which need not be there."""
    return data_folder() / "models"


def taught_models() -> tuple[TaughtModel, ...]:
    """All taught models, the latest first; damaged ones are left out, with a line in the log."""
    folder = models_folder()
    paths = folder.glob(f"*{SUFFIX}") if folder.is_dir() else ()
    found = filter(None, map(_look, paths))
    return tuple(sorted(found, key=lambda model: (model.date, model.path.name), reverse=True))


def _look(path: Path) -> TaughtModel | None:
    try:
        return read_model(path)
    except (OSError, ValueError, SafetensorError) as error:
        logger.info("%s is passed over: %s", path, error)
        return None


def read_model(path: Path) -> TaughtModel:
    """Name and figures of a checkpoint; its weights are not read.

    Raises
    ------
    OSError, ValueError, SafetensorError
        If it cannot be read.
    """
    with safe_open(path, "numpy") as file:
        about = file.metadata() or {}
    movies = tuple(filter(None, about.get("movies", "").split(SEPARATOR)))
    return TaughtModel(
        path,
        about.get("name", path.stem),
        about.get("date", ""),
        movies,
        about.get("base", ""),
        float(about.get("before", math.nan)),
        float(about.get("after", math.nan)),
        about.get("preset", ""),
    )


def keep_model(checkpoint: Path, name: str, movies: Sequence[str]) -> TaughtModel:
    """Put a taught model among those of the user.

    Parameters
    ----------
    checkpoint : Path
        As `napari_sam2.training.teach.write_model` writes it; it stays where it is.
    name : str
        Name to show.
    movies : sequence of str
        Movies that it was taught from.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left of it then.
    """
    folder = models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    plain = re.sub(r"[^\w.-]+", "_", name)[:40] or "model"
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{plain}"
    paths = (folder / f"{stem}{f'-{n}' if n > 1 else ''}{SUFFIX}" for n in range(1, 10_000))
    path = next(path for path in paths if not path.exists())
    date = time.strftime("%Y-%m-%d %H:%M")
    _write(checkpoint, path, {"name": name, "date": date, "movies": SEPARATOR.join(movies)})
    return read_model(path)


def rename_model(path: Path, name: str) -> None:
    """Give a taught model another name; its file, which projects refer to, keeps its own.

    Raises
    ------
    ValueError
        If the name is empty.
    OSError, SafetensorError
        If the file cannot be read or written; it then stays as it is.
    """
    if not name.strip():
        raise ValueError("a model needs a name")
    _write(path, path, {"name": name.strip()})


def delete_model(path: Path) -> None:
    """Delete a taught model.

    Raises
    ------
    ValueError
        If the file is not a taught model of the user.
    OSError
        If it cannot be deleted.
    """
    if path.parent != models_folder():
        raise ValueError(f"{path} is not among your models")
    path.unlink()


def export_model(path: Path, target: Path) -> None:
    """Copy a taught model to another place, complete or not at all.

    Raises
    ------
    OSError
        If it cannot be read or written.
    """
    with atomic_path(target) as temporary:
        shutil.copyfile(path, temporary)


def find_model(name: str) -> Path | None:
    """The file of a taught model, here or under its name among those of the user, or None."""
    path = Path(name)
    if path.is_file():
        return path
    mine = models_folder() / Path(name.replace("\\", "/")).name
    return mine if mine.suffix == SUFFIX and mine.is_file() else None


def _write(source: Path, target: Path, changes: dict[str, str]) -> None:
    """Write the weights of a file with other metadata."""
    with safe_open(source, "numpy") as file:
        about = {**(file.metadata() or {}), **changes}
    weights = load_file(source)
    with atomic_path(target) as temporary, raising_os_errors():
        save_file(weights, temporary, metadata=about)

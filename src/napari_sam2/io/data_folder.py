"""The folder in which the program keeps data of the user's account, and small files in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import platformdirs

from napari_sam2.io.atomic import atomic_path


def data_folder() -> Path:
    """Data folder of the user; the variable ``NAPARI_SAM2_DATA`` names another one."""
    chosen = os.environ.get("NAPARI_SAM2_DATA")
    return Path(chosen or platformdirs.user_data_dir("napari-sam2", appauthor=False))


def read_kept(name: str) -> Any:
    """Content of a JSON file in the data folder; None if it is missing or damaged."""
    try:
        return json.loads((data_folder() / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def keep(name: str, content: Any) -> None:
    """Write a JSON file into the data folder.

    Raises
    ------
    OSError
        If it cannot be written; an old file is left as it was.
    """
    folder = data_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / name) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")

"""Settings of teaching, which are kept in the data folder of the user."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from napari_sam2.io.atomic import atomic_path


@dataclass(frozen=True)
class TeachingSettings:
    """Settings of teaching.

    Attributes
    ----------
    budget_s : int or None
        Time for a lesson, in seconds; None for the default of the device.
    sources : tuple of str
        Projects and folders to learn from, too.
    """

    budget_s: int | None = None
    sources: tuple[str, ...] = ()


def read_settings() -> TeachingSettings:
    """The settings of the user; the defaults where there are none, or they are damaged."""
    try:
        content = json.loads(_path().read_text(encoding="utf-8"))
        budget = content["budget_s"]
        return TeachingSettings(
            None if budget is None else int(budget), tuple(map(str, content["sources"]))
        )
    except (OSError, ValueError, TypeError, LookupError):
        return TeachingSettings()


def write_settings(settings: TeachingSettings) -> None:
    """Keep the settings of the user.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    _path().parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(_path()) as temporary:
        temporary.write_text(json.dumps(asdict(settings)), encoding="utf-8")


def _path() -> Path:
    from napari_sam2.io.data_folder import data_folder  # not needed to open the window

    return data_folder() / "teaching.json"

"""The name under which a person's verdicts are recorded."""

from __future__ import annotations

import getpass
import json

from napari_sam2.io.atomic import atomic_path
from napari_sam2.io.data_folder import data_folder

_FILE = "reviewer.json"


def reviewer_name() -> str:
    """The name that was set, or else the user name of the system; empty if there is none."""
    try:
        name = json.loads((data_folder() / _FILE).read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, LookupError, TypeError):
        name = ""
    return name if isinstance(name, str) and name else _system_name()


def set_reviewer_name(name: str) -> None:
    """Keep a name for all later verdicts on this account; an empty one restores the default.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    data_folder().mkdir(parents=True, exist_ok=True)
    with atomic_path(data_folder() / _FILE) as temporary:
        temporary.write_text(json.dumps({"name": name.strip()}), encoding="utf-8")


def _system_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name, as in some containers
        return ""

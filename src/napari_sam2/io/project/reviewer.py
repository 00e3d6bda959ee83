"""The name under which a person's verdicts are recorded."""

from __future__ import annotations

import getpass

from napari_sam2.io.data_folder import keep, read_kept

_FILE = "reviewer.json"


def reviewer_name() -> str:
    """The name that was set, or else the user name of the system; empty if there is none."""
    kept = read_kept(_FILE)
    name = kept.get("name") if isinstance(kept, dict) else None
    return name if isinstance(name, str) and name else _system_name()


def set_reviewer_name(name: str) -> None:
    """Keep a name for all later verdicts on this account; an empty one restores the default.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    keep(_FILE, {"name": name.strip()})


def _system_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name, as in some containers
        return ""

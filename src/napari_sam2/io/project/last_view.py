"""What the window showed last of a project: a small file beside the annotation."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from napari_sam2.io.atomic import atomic_path

_FILE = "view.json"


@dataclass(frozen=True)
class LastView:
    """What the window showed.

    Attributes
    ----------
    t : int
        The frame.
    has_lanes : bool
        Whether the lanes were open.
    """

    t: int
    has_lanes: bool = False


def read_last_view(folder: Path) -> LastView | None:
    """The last view of a project; None if there is none, or it is damaged."""
    try:
        content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return LastView(int(content["t"]), content["has_lanes"] is True)
    except (OSError, ValueError, TypeError, LookupError):
        return None


def write_last_view(folder: Path, view: LastView) -> None:
    """Keep the view of a project.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with atomic_path(folder / _FILE) as temporary:
        temporary.write_text(json.dumps(asdict(view)), encoding="utf-8")

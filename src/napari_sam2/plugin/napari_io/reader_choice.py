"""Let napari open projects without asking for a reader."""

from __future__ import annotations

from fnmatch import fnmatch

from napari.settings import get_settings

from napari_sam2.io.project import PROJECT_SUFFIX

PATTERN = f"*{PROJECT_SUFFIX}/"  # a folder, as napari compares it


def prefer_own_reader() -> None:
    """Choose our reader for projects in napari's settings, unless the user has chosen one.

    napari's own reader claims every folder, so that napari would ask for a reader whenever a
    project is dropped on the viewer.
    """
    plugins = get_settings().plugins
    chosen = plugins.extension2reader
    if not any(fnmatch(f"project{PROJECT_SUFFIX}/", pattern) for pattern in chosen):
        plugins.extension2reader = {**chosen, PATTERN: "napari-sam2"}

"""Click a cell once and get it outlined in every frame, with SAM 2.

The public names are imported when they are first used, so that ``import napari_sam2`` costs next to
nothing and loads neither torch nor Qt.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_sam2.version import __version__

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.finding import find_objects
    from napari_sam2.io.growing import GrowingMovie
    from napari_sam2.io.movies import open_movie
    from napari_sam2.io.tiff import write_labels, write_volume_labels
    from napari_sam2.io.volumes import open_volumes
    from napari_sam2.model import load_model
    from napari_sam2.tracking import FrameResult, Frames, Prompt, Tracker
    from napari_sam2.tracking.volumes import VolumeTracker, grow_volume

__all__ = [
    "Annotation",
    "FrameResult",
    "Frames",
    "GrowingMovie",
    "Prompt",
    "Tracker",
    "VolumeTracker",
    "__version__",
    "find_objects",
    "grow_volume",
    "load_model",
    "open_movie",
    "open_volumes",
    "write_labels",
    "write_volume_labels",
]

# Modules that define the names, or that add to them what is done with files.
_HOME_OF_NAME = {
    "Annotation": "napari_sam2.io.project.saving",
    "FrameResult": "napari_sam2.tracking",
    "Frames": "napari_sam2.tracking",
    "GrowingMovie": "napari_sam2.io.growing",
    "Prompt": "napari_sam2.tracking",
    "Tracker": "napari_sam2.io.sources",
    "VolumeTracker": "napari_sam2.tracking.volumes",
    "find_objects": "napari_sam2.finding",
    "grow_volume": "napari_sam2.tracking.volumes",
    "load_model": "napari_sam2.model",
    "open_movie": "napari_sam2.io.movies",
    "open_volumes": "napari_sam2.io.volumes",
    "write_labels": "napari_sam2.io.tiff",
    "write_volume_labels": "napari_sam2.io.tiff",
}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use."""
    if name not in _HOME_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF_NAME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Names that ``dir`` shows: those already there and those imported on first use."""
    return sorted({*globals(), *__all__})

"""Annotation of one stack: objects, prompts, labels, scores, and their history.

The names are imported when they are first used, so that a module which needs no torch, such as
`journal_entries`, can be imported without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sam2.annotation.annotation import Annotation
    from napari_sam2.annotation.events import AnnotationEvents
    from napari_sam2.annotation.objects import AnnotatedObject, Score, Status
    from napari_sam2.annotation.quality import Doubt, Timeline

__all__ = [
    "AnnotatedObject",
    "Annotation",
    "AnnotationEvents",
    "Doubt",
    "Score",
    "Status",
    "Timeline",
]

_MODULE_OF_NAME = {
    "AnnotatedObject": "objects",
    "Annotation": "annotation",
    "AnnotationEvents": "events",
    "Doubt": "quality",
    "Score": "objects",
    "Status": "objects",
    "Timeline": "quality",
}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use."""
    if name not in _MODULE_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF_NAME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Names that ``dir`` shows: those already there and those imported on first use."""
    return sorted({*globals(), *__all__})

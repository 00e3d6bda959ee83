"""Batches: the same work on many movies, in one process or on the workers of Dask.

The names are imported when they are first used, so that a window can import `process` without
torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sam2.batch.estimate import preview_batch
    from napari_sam2.batch.plan import Plan, plan_of_folder, read_plan
    from napari_sam2.batch.results import BatchReport, MovieResult
    from napari_sam2.batch.run import run_batch

__all__ = [
    "BatchReport",
    "MovieResult",
    "Plan",
    "plan_of_folder",
    "preview_batch",
    "read_plan",
    "run_batch",
]

_MODULE_OF_NAME = {
    "BatchReport": "results",
    "MovieResult": "results",
    "Plan": "plan",
    "plan_of_folder": "plan",
    "preview_batch": "estimate",
    "read_plan": "plan",
    "run_batch": "run",
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

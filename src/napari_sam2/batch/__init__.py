"""Batches: the same work on many movies, in one process or on the workers of Dask."""

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

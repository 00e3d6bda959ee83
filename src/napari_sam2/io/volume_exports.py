"""Write a result in 3D, labels of volumes over time, in the formats that can hold it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.io.formats import FORMATS, ExportFormat, format_of
from napari_sam2.io.label_arrays import volumes_of_planes
from napari_sam2.io.measure_volumes import Qualities, write_volume_measurements
from napari_sam2.io.tiff import write_volume_labels
from napari_sam2.io.tracked import TrackedLabels
from napari_sam2.io.volume_scale import VolumeScale

if TYPE_CHECKING:
    from napari_sam2.annotation import AnnotatedObject
    from napari_sam2.annotation.quality import Timeline
    from napari_sam2.arrays import ArrayLike


@dataclass(frozen=True, eq=False)
class TrackedVolumes:
    """Object ids of all volumes, with scale and qualities.

    Parameters
    ----------
    labels : (T, Z, Y, X) array-like of integers
        0 is background; one plane or volume is read at a time.
    scale : VolumeScale
        Voxel size and interval.
    predicted_iou : mapping of (int, int) to float
        Mean quality of the masks by time and object, as the network predicts it; may be empty.
    """

    labels: ArrayLike
    scale: VolumeScale = field(default_factory=VolumeScale)
    predicted_iou: Qualities = field(default_factory=dict)

    @classmethod
    def of_objects(
        cls,
        labels: ArrayLike,
        planes: int,
        objects: Mapping[int, AnnotatedObject],
        scale: VolumeScale,
        timelines: Mapping[int, Timeline],
    ) -> TrackedVolumes:
        """Labels of an annotation in 3D without its rejected objects.

        Parameters
        ----------
        labels : (T * Z, Y, X) array-like
            All planes, one volume after the other.
        planes : int
            Planes of each volume, Z.
        objects : mapping of int to AnnotatedObject
            The objects.
        scale : VolumeScale
            Voxel size and interval.
        timelines : mapping of int to Timeline
            They have the qualities.
        """
        kept = TrackedLabels.of_objects(labels, objects).labels
        found = {
            (t, object_id): float(line.predicted_iou[t])
            for object_id, line in timelines.items()
            if line.predicted_iou is not None
            for t in np.flatnonzero(~np.isnan(line.predicted_iou)).tolist()
        }
        return cls(volumes_of_planes(kept, planes), scale, found)


def write_volume_export(
    path: str | os.PathLike[str], tracked: TrackedVolumes, format: ExportFormat | None = None
) -> None:
    """Write a result in 3D, complete or not at all.

    Parameters
    ----------
    path : path
        File or folder to write; an earlier one of the same kind is replaced.
    tracked : TrackedVolumes
    format : ExportFormat, optional
        Default: the one that the name stands for.

    Raises
    ------
    ValueError
        If the name stands for no format, or for one that holds images only.
    OSError
        If it cannot be written; an old one is left as it was.
    """
    chosen = format or format_of(path)
    if chosen.name not in _WRITERS:
        known = ", ".join(FORMATS[name].title for name in _WRITERS)
        raise ValueError(
            f"{chosen.title}: this format holds images, not volumes. In 3D choose one of: {known}"
        )
    _WRITERS[chosen.name](Path(path), tracked)


def _write_tiff(path: Path, tracked: TrackedVolumes) -> None:
    write_volume_labels(path, tracked.labels, tracked.scale)


def _write_as(format: str, path: Path, tracked: TrackedVolumes) -> None:
    write_volume_labels(path, tracked.labels, tracked.scale, format)  # type: ignore[arg-type]


def _write_table(path: Path, tracked: TrackedVolumes) -> None:
    write_volume_measurements(path, tracked.labels, tracked.scale, tracked.predicted_iou)


_WRITERS: dict[str, Callable[[Path, TrackedVolumes], None]] = {
    "tiff": _write_tiff,
    "ome": partial(_write_as, "ome"),
    "ome-zarr": partial(_write_as, "ome-zarr"),
    "ome-zarr-0.5": partial(_write_as, "ome-zarr-0.5"),
    "csv": _write_table,
}

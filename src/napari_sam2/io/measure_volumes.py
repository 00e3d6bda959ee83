"""Measurements of every object in every volume, as a table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops_table

from napari_sam2.arrays import ArrayLike
from napari_sam2.io.tables import write_table
from napari_sam2.io.tracked import compact_labels
from napari_sam2.io.volume_scale import VolumeScale

Qualities = Mapping[tuple[int, int], float]  # by time and object
Row = dict[str, Any]


def measure_volumes(
    labels: ArrayLike, scale: VolumeScale | None = None, predicted_iou: Qualities | None = None
) -> Iterator[Row]:
    """One row for each object and time point, by time and then by id.

    Parameters
    ----------
    labels : (T, Z, Y, X) array-like of integers
        0 is background; one volume is read at a time.
    scale : VolumeScale, optional
        Voxel size and interval.
    predicted_iou : mapping of (int, int) to float, optional
        Mean quality of the masks by time and object, as the network predicts it.

    Yields
    ------
    dict
        The columns of `volume_columns`, in their order.
    """
    known = scale or VolumeScale()
    names = volume_columns(known)
    for t in range(labels.shape[0]):
        for row in _rows(np.asarray(labels[t])):
            row["frame"] = t
            row["time_s"] = None if known.interval_s is None else t * known.interval_s
            row["predicted_iou"] = (predicted_iou or {}).get((t, row["object"]))
            row |= _physical(row, known)
            yield {name: row[name] for name in names}


def volume_columns(scale: VolumeScale) -> list[str]:
    """Columns of the table: times and physical sizes only where the scale is known."""
    names = ["frame", *([] if scale.interval_s is None else ["time_s"]), "object", "volume_voxels"]
    places = [f"centroid_{axis}" for axis in "zyx"]
    names += ["centroid_z_plane", "centroid_y_px", "centroid_x_px", "first_plane", "last_plane"]
    if scale.voxel_size is not None:
        names += [f"volume_{scale.unit}3", *(f"{place}_{scale.unit}" for place in places)]
    return [*names, "predicted_iou"]


def write_volume_measurements(
    path: str | os.PathLike[str],
    labels: ArrayLike,
    scale: VolumeScale | None = None,
    predicted_iou: Qualities | None = None,
) -> None:
    """Write the rows of `measure_volumes` as CSV with a header; unknown values are left blank.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    rows = measure_volumes(labels, scale, predicted_iou)
    header = volume_columns(scale or VolumeScale())
    write_table(path, header, (row.values() for row in rows))


def _rows(volume: NDArray[Any]) -> Iterator[Row]:
    ids, compact = compact_labels(volume)
    found = regionprops_table(compact, properties=("area", "centroid", "bbox"))
    for place, object_id in enumerate(ids):
        z, y, x = (float(found[f"centroid-{axis}"][place]) for axis in range(3))
        yield {
            "object": object_id,
            "volume_voxels": int(found["area"][place]),
            "centroid_z_plane": z,
            "centroid_y_px": y,
            "centroid_x_px": x,
            "first_plane": int(found["bbox-0"][place]),
            "last_plane": int(found["bbox-3"][place]) - 1,
        }


def _physical(row: Row, scale: VolumeScale) -> Row:
    if scale.voxel_size is None:
        return {}
    z, y, x = scale.voxel_size
    return {
        f"volume_{scale.unit}3": row["volume_voxels"] * z * y * x,
        f"centroid_z_{scale.unit}": row["centroid_z_plane"] * z,
        f"centroid_y_{scale.unit}": row["centroid_y_px"] * y,
        f"centroid_x_{scale.unit}": row["centroid_x_px"] * x,
    }

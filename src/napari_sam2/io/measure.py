"""Measurements of every object on every frame, as a table."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops_table

from napari_sam2.annotation.error_probability import known_value
from napari_sam2.io.life_cycles import LifeCycle, life_cycles
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tables import write_table
from napari_sam2.io.tracked import TrackedLabels, compact_labels

# name of scikit-image -> our column; lengths and areas get _px and, where known, a unit
_PLACES = {
    "area": "area_px",
    "centroid-0": "centroid_y_px",
    "centroid-1": "centroid_x_px",
    "bbox-0": "bbox_y0",
    "bbox-1": "bbox_x0",
    "bbox-2": "bbox_y1",
    "bbox-3": "bbox_x1",
}
_SHAPES = {
    "perimeter": "perimeter_px",
    "equivalent_diameter_area": "equivalent_diameter_px",
    "axis_major_length": "major_axis_px",
    "axis_minor_length": "minor_axis_px",
    "orientation": "orientation_rad",
    "eccentricity": "eccentricity",
    "solidity": "solidity",
    "extent": "extent",
    "euler_number": "euler_number",
}
_LENGTHS = ("perimeter", "equivalent_diameter", "major_axis", "minor_axis")
_INTENSITIES = ("mean", "min", "max")

Row = dict[str, Any]


@dataclass(frozen=True)
class _Step:
    """Position of an object on the last frame on which it had a mask."""

    t: int
    y: float
    x: float


def measure(tracked: TrackedLabels) -> Iterator[Row]:
    """One row for each object and frame, by frame and then by id.

    Parameters
    ----------
    tracked : TrackedLabels
        Read one frame at a time: once, or twice where objects have mothers.

    Yields
    ------
    dict
        The columns of `column_names`, in their order. What is not known is None: a displacement on
        the first frame or slice and after a gap, an intensity of pixels that are all NaN, an age
        without a mother, a cycle without a mother or daughters, and lengths in physical units where
        a pixel is not square (areas and positions are known then too).
    """
    names = column_names(tracked)
    before: dict[int, _Step] = {}
    cycles = life_cycles(tracked)
    for t, frame in enumerate(tracked.frames()):
        for row in _rows(frame, tracked.images(t)):
            object_id = row["object"]
            row |= {tracked.scale.frame_column: t, "name": tracked.names.get(object_id)}
            row["parent"] = tracked.parents.get(object_id)
            row |= _life(cycles.get(object_id, LifeCycle()), t, tracked.scale)
            here = _Step(t, row["centroid_y_px"], row["centroid_x_px"])
            row |= _motion(before.get(object_id), here, tracked.scale)
            row |= _physical(row, tracked.scale)
            row["error_probability"] = _error_probability(tracked, object_id, t)
            before[object_id] = here
            yield {name: row.get(name) for name in names}


def column_names(tracked: TrackedLabels) -> list[str]:
    """Columns of the table: physical ones only where the scale is known.

    A movie has ``frame`` and ``time_s`` where a Z stack has ``z`` and the depth, as ``z_um``.
    ``error_probability`` comes last, where it was computed.
    """
    scale = tracked.scale
    unit, interval = scale.physical_unit, scale.interval_s
    position = scale.frame_position(0)
    names = [scale.frame_column, *([position[0]] if position else [])]
    names += ["object", "name", "parent", "generation"]
    if scale.frame_column == "frame":
        names += ["age_frames", "cycle_frames", *(["age_s", "cycle_s"] if interval else [])]
    names += [*_PLACES.values(), *_SHAPES.values()]
    if unit:
        names += [f"area_{unit}2", f"centroid_y_{unit}", f"centroid_x_{unit}"]
        names += [f"{length}_{unit}" for length in _LENGTHS]
    names.append("displacement_px")
    names += [f"displacement_{unit}"] if unit else []
    if interval:
        names += ["speed_px_per_s", *([f"speed_{unit}_per_s"] if unit else [])]
    for channel in tracked.images(0):
        names += [f"{_slug(channel)}_{statistic}" for statistic in (*_INTENSITIES, "sum")]
    names += ["error_probability"] if tracked.error_probability else []
    return names


def write_measurements(path: str | os.PathLike[str], tracked: TrackedLabels) -> None:
    """Write the rows of `measure` as CSV with a header; unknown values are left blank.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    write_table(path, column_names(tracked), (row.values() for row in measure(tracked)))


def _rows(frame: NDArray[Any], images: dict[str, NDArray[Any]]) -> Iterator[Row]:
    ids, compact = compact_labels(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no hull of an object of one or two pixels
        found = regionprops_table(compact, properties=("area", "centroid", "bbox", *_SHAPES))
    columns: dict[str, list[Any]] = {"object": ids}
    columns |= {column: found[name].tolist() for name, column in (_PLACES | _SHAPES).items()}
    for channel, image in images.items():
        columns |= _intensities(_slug(channel), compact, image)
    return (
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    )


def _intensities(
    name: str, compact: NDArray[np.int32], image: NDArray[Any]
) -> dict[str, list[float | None]]:
    """Mean, smallest, largest and sum of the pixels of each object; NaN pixels do not count."""
    inside = compact > 0
    objects = int(compact.max())
    values, owners = image[inside].astype(np.float64), compact[inside] - 1
    known = np.isfinite(values)
    values, owners = values[known], owners[known]
    counts = np.bincount(owners, minlength=objects)
    sums = np.bincount(owners, weights=values, minlength=objects)
    lows, highs = np.full(objects, np.inf), np.full(objects, -np.inf)
    np.minimum.at(lows, owners, values)
    np.maximum.at(highs, owners, values)
    table = {"mean": sums / np.maximum(counts, 1), "min": lows, "max": highs, "sum": sums}
    return {
        f"{name}_{statistic}": [
            float(value) if count else None for value, count in zip(column, counts, strict=True)
        ]
        for statistic, column in table.items()
    }


def _life(cycle: LifeCycle, t: int, scale: ImageScale) -> Row:
    """Generation, time since birth, and time from birth to division."""
    age = None if cycle.birth is None else t - cycle.birth
    row: Row = {"generation": cycle.generation, "age_frames": age, "cycle_frames": cycle.length}
    if scale.interval_s is not None:
        for name in ("age", "cycle"):
            frames = row[f"{name}_frames"]
            row[f"{name}_s"] = None if frames is None else frames * scale.interval_s
    return row


def _motion(before: _Step | None, here: _Step, scale: ImageScale) -> Row:
    """Time or depth, distance from the frame or slice before, and speed."""
    position = scale.frame_position(here.t)
    row: Row = dict([position] if position else [])
    if before is None or before.t != here.t - 1:
        return row
    dy, dx = here.y - before.y, here.x - before.x
    row["displacement_px"] = math.hypot(dy, dx)
    unit = scale.physical_unit
    if scale.pixel_size is not None and unit:
        y, x = scale.pixel_size
        row[f"displacement_{unit}"] = math.hypot(dy * y, dx * x)
    if scale.interval_s is not None:
        for length in ("px", unit):
            if length:
                distance = row[f"displacement_{length}"]
                row[f"speed_{length}_per_s"] = distance / scale.interval_s
    return row


def _error_probability(tracked: TrackedLabels, object_id: int, t: int) -> float | None:
    """Chance that a mask is wrong; None where it is unknown."""
    known = tracked.error_probability.get(object_id)
    return None if known is None else known_value(known[t])


def _physical(row: Row, scale: ImageScale) -> Row:
    unit = scale.physical_unit
    if scale.pixel_size is None or not unit:
        return {}
    y, x = scale.pixel_size
    physical: Row = {
        f"area_{unit}2": row["area_px"] * y * x,
        f"centroid_y_{unit}": row["centroid_y_px"] * y,
        f"centroid_x_{unit}": row["centroid_x_px"] * x,
    }
    if math.isclose(y, x, rel_tol=1e-3):
        physical |= {f"{length}_{unit}": row[f"{length}_px"] * y for length in _LENGTHS}
    return physical


def _slug(name: str) -> str:
    """Name of a channel as part of a column: letters of any script, digits and "_"."""
    return re.sub(r"\W+", "_", name).strip("_") or "image"

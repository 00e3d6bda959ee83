"""Tables of tracks that other programs import: TrackMate and napari-track-edit."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

from napari_sam2.io.spots import NO_PARENT, Spots, find_spots
from napari_sam2.io.tables import write_table
from napari_sam2.io.tracked import TrackedLabels

_TRACKMATE = (
    "LABEL", "ID", "TRACK_ID", "QUALITY", "POSITION_X", "POSITION_Y", "POSITION_Z", "POSITION_T",
    "FRAME", "RADIUS",
)  # fmt: skip
_TRACK_EDIT = ("y", "x", "id", "parent_id", "track_id", "seg_id", "area")


def write_trackmate(path: str | os.PathLike[str], tracked: TrackedLabels) -> None:
    """Write a table of spots for Fiji's *Plugins > Tracking > TrackMate CSV importer*.

    The columns have the names of TrackMate's own table of spots. Positions and radii are in the
    unit of the image and times in seconds, where they are known, else in pixels and frames. The
    slices of a Z stack differ in ``POSITION_Z`` and lie all on frame 0. The
    importer links the spots of a track from frame to frame; it has no divisions, so a mother and
    her daughters are separate tracks.

    Parameters
    ----------
    path : path
        .csv file.
    tracked : TrackedLabels

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    write_table(path, _TRACKMATE, _trackmate_rows(find_spots(tracked), tracked))


def write_track_edit(path: str | os.PathLike[str], tracked: TrackedLabels) -> None:
    """Write a table of nodes that napari-track-edit (funtracks) imports beside the labels.

    One row per object and frame: ``t, y, x`` in frames and pixels, ``id`` of the node,
    ``parent_id`` of the node that it comes from (blank for none), ``track_id``, ``seg_id`` (value
    in the labels) and ``area`` in pixels. Divisions are two rows with one parent. The first column
    of a Z stack is ``z``, the index of the slice.

    Parameters
    ----------
    path : path
        .csv file.
    tracked : TrackedLabels

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    first = "z" if tracked.scale.is_depth else "t"
    write_table(path, (first, *_TRACK_EDIT), _track_edit_rows(find_spots(tracked)))


def _trackmate_rows(spots: Spots, tracked: TrackedLabels) -> Iterator[tuple[object, ...]]:
    scale = tracked.scale
    y, x = scale.pixel_size or (1.0, 1.0)
    for row in range(len(spots)):
        object_id, t = int(spots.object_id[row]), int(spots.t[row])
        yield (
            tracked.names.get(object_id) or f"object {object_id}",
            row,
            int(spots.tracklet[row]),
            1,
            float(spots.x[row]) * x,
            float(spots.y[row]) * y,
            t * (scale.z_spacing or 1.0) if scale.is_depth else 0,
            0 if scale.is_depth else t * (scale.interval_s or 1.0),
            0 if scale.is_depth else t,
            math.sqrt(float(spots.area_px[row]) * y * x / math.pi),
        )


def _track_edit_rows(spots: Spots) -> Iterator[tuple[object, ...]]:
    for row in range(len(spots)):
        parent = int(spots.parent[row])
        yield (
            int(spots.t[row]),
            float(spots.y[row]),
            float(spots.x[row]),
            row + 1,
            None if parent == NO_PARENT else parent + 1,
            int(spots.tracklet[row]),
            int(spots.object_id[row]),
            int(spots.area_px[row]),
        )

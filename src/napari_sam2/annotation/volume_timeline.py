"""Timelines of objects in volumes over time: one entry for each time point, not for each plane."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.annotation.frame_states import FrameStates
from napari_sam2.annotation.measured import measurements_of
from napari_sam2.annotation.measures import Trace
from napari_sam2.annotation.quality import Timeline, find_doubts, grade

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_sam2.annotation.state import DocumentState


def make_volume_timeline(state: DocumentState, object_id: int) -> Timeline:
    """State and quality of an object in each of T volumes.

    A volume is prompted or locked if any plane is, and reviewed if all planes with a mask are, or
    all planes where there is no mask. Its area is the number of its voxels, and its scores are
    means over the planes. The chance of an error is unknown, because it was measured on images.
    """
    planes, trace = state.planes, state.measures.trace(object_id)
    shape = (len(state.labels) // planes, planes)
    states = FrameStates.of(state, object_id)
    has_plane = trace.area > 0
    volumes = volume_trace(trace, planes)
    has_mask = volumes.area > 0
    counted = has_plane.reshape(shape) | ~has_mask[:, None]
    all_reviewed = (states.is_reviewed.reshape(shape) | ~counted).all(1)
    is_fixed = (states.is_prompted | states.is_locked).reshape(shape)
    all_fixed = has_mask & (is_fixed | ~has_plane.reshape(shape)).all(1)
    is_lost = states.has_record.reshape(shape).any(1) & ~has_mask & ~is_fixed.any(1)
    iou, occlusion = (
        _mean(one, has_plane, shape) for one in (states.predicted_iou, states.occlusion_score)
    )
    unknown = np.full(shape[0], np.nan, np.float32)
    doubts = find_doubts(volumes, iou, occlusion, all_fixed, is_lost)
    return Timeline(
        has_mask,
        np.asarray(states.is_prompted.reshape(shape).any(1)),
        np.asarray(states.is_locked.reshape(shape).any(1)),
        np.asarray(all_reviewed),
        is_lost,
        grade(volumes, iou, all_fixed, doubts),
        doubts,
        unknown,
        ("",) * shape[0],
        unknown,
        measurements_of(volumes),
        iou,
        trace.area.reshape(shape).argmax(1),
        volumes.centre,
    )


def volume_trace(trace: Trace, planes: int) -> Trace:
    """One object in each of T volumes, from its planes: voxels, centres, and what volumes share."""
    by_volume = {one.name: getattr(trace, one.name).reshape(-1, planes) for one in fields(trace)}
    area = by_volume["area"]
    whole = area.sum(1)
    parts = np.maximum(whole, 1)
    return Trace(
        area=whole,
        y=((by_volume["y"] * area).sum(1) / parts).astype(np.float32),
        x=((by_volume["x"] * area).sum(1) / parts).astype(np.float32),
        on_border=by_volume["on_border"].any(1),
        shared_1=by_volume["shared_1"].sum(1),
        shared_2=by_volume["shared_2"].sum(1),
        second_piece=np.zeros_like(whole),
        hull_area=np.zeros_like(whole),
    )


def largest_plane(state: DocumentState, object_id: int, time: int) -> int:
    """Plane on which an object is largest at a time point; the middle one if it has no mask.

    Where it has no mask at this time, the time before counts.
    """
    areas = state.measures.trace(object_id).area.reshape(-1, state.planes)
    for known in areas[time], areas[max(time - 1, 0)]:
        if known.any():
            return int(known.argmax())
    return state.planes // 2


def planes_of_times(times: Iterable[int], planes: int) -> list[int]:
    """All frames of some time points, where the frames are planes."""
    return [frame for t in times for frame in range(t * planes, (t + 1) * planes)]


def _mean(
    values: NDArray[np.float32], has_plane: NDArray[np.bool_], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """(T,) mean over the planes with a mask; NaN where there is none."""
    known = (has_plane & ~np.isnan(values)).reshape(shape)
    sums = np.where(known, np.nan_to_num(values).reshape(shape), 0).sum(1)
    counts = known.sum(1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)

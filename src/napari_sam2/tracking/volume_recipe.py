"""The recipe by which objects are followed through volumes over time.

The planes of a volume are tracked as a video along z. From its prompted planes, an object grows
both ways until a plane has no pixel of it. In time, the plane on which an object has its largest
area leads: its mask is tracked to the same plane of the next volume.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.results import FrameResult
from napari_sam2.tracking.volume_planes import (
    Range,
    areas_by_plane,
    cut_loose_planes,
    fade_planes,
    leading_planes,
)

LEADING_SHARE = 0.5  # planes with at least this share of the largest area may lead
LEAST_CONTRAST = 1 / 3  # of the best plane of an object; measured in docs/lab/volumes.md

MasksByPlane = Mapping[int, Mapping[int, PixelMask]]  # by plane, then by object


class PlaneTracker(Protocol):
    """What growth through planes needs of a tracker whose frames are planes."""

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        *,
        object_ids: Iterable[int] | None = None,
    ) -> Iterator[FrameResult]:
        """Track objects through other planes."""
        ...

    def total_steps(
        self,
        start: int | None = None,
        stop: int | None = None,
        *,
        object_ids: Iterable[int] | None = None,
    ) -> int:
        """Largest number of results that `propagate` yields."""
        ...

    def set_span(self, object_id: int, span: range | None) -> None:
        """Limit the planes of an object."""
        ...

    def labels(self, t: int) -> NDArray[np.int32]:
        """(Y, X) labels of a plane."""
        ...


def grow_through_planes(
    tracker: PlaneTracker, planes: range, prompted: Mapping[int, Range], images: NDArray[Any]
) -> Generator[float, None, NDArray[np.int32]]:
    """Grow objects through the planes of a volume from those on which they are prompted.

    Parameters
    ----------
    tracker : PlaneTracker
        Has the prompts of the objects on these planes.
    planes : range
        Frames of the tracker that are the planes of the volume.
    prompted : mapping of int to (int, int)
        First and last prompted frame of each object that grows.
    images : ndarray
        (Z, Y, X) of the volume.

    Yields
    ------
    float
        Share of the work that is done, 0 to 1.

    Returns
    -------
    ndarray
        (Z, Y, X) int32 labels of the volume, 0 is background.
    """
    spans = {object_id: [planes.start, planes.stop] for object_id in prompted}
    total = tracker.total_steps(planes.start, planes.stop, object_ids=tuple(prompted))
    results = tracker.propagate(planes.start, planes.stop, object_ids=tuple(prompted))
    for done, result in enumerate(results, start=1):
        for object_id in _gone(result):
            _end(spans[object_id], result.t, prompted[object_id])
            tracker.set_span(object_id, range(*spans[object_id]))
        yield done / total
    labels = np.stack([tracker.labels(t) for t in planes])
    start = planes.start
    given = {k: (first - start, last - start) for k, (first, last) in prompted.items()}
    fade_planes(images, labels, given, LEAST_CONTRAST)
    cut_loose_planes(labels, given)
    return labels


def follow_leading_planes(
    areas: Mapping[int, NDArray[np.intp]],
    to_next: Callable[[int], Mapping[int, PixelMask]],
    taken: Mapping[int, Collection[int]] | None = None,
) -> Generator[int, None, dict[int, dict[int, PixelMask]]]:
    """Track the leading plane of each object to the next volume.

    Where nothing of an object is left on its leading plane, its next largest plane is tried.

    Parameters
    ----------
    areas : mapping of int to ndarray
        (Z,) pixels on each plane of the volume before by object, of the objects that are tracked.
    to_next : callable
        Masks on a plane of the next volume, of all objects that were on this plane before.
    taken : mapping of int to collection of int, optional
        Planes by object that may not lead.

    Yields
    ------
    int
        A plane that was tracked.

    Returns
    -------
    dict
        Masks by plane and object, without those of which nothing is left.
    """
    waiting = {
        object_id: [
            z
            for z in leading_planes(found, LEADING_SHARE)
            if taken is None or z not in taken.get(object_id, ())
        ]
        for object_id, found in areas.items()
    }
    led: dict[int, dict[int, PixelMask]] = {}
    while waiting := {k: planes for k, planes in waiting.items() if planes}:
        by_plane: dict[int, list[int]] = {}
        for object_id, planes in waiting.items():
            by_plane.setdefault(planes.pop(0), []).append(object_id)
        for z, object_ids in by_plane.items():
            masks = to_next(z)
            here = {k: masks[k] for k in object_ids if k in masks}
            led.setdefault(z, {}).update(here)
            for object_id in here:
                del waiting[object_id]
            yield z
    return led


def areas_of(labels: NDArray[np.int32], object_ids: Collection[int]) -> dict[int, NDArray[np.intp]]:
    """(Z,) areas of some objects of a volume, of those that it shows."""
    return {k: areas for k, areas in areas_by_plane(labels).items() if k in object_ids}


def _gone(result: FrameResult) -> list[int]:
    """Objects of which nothing is left on a plane."""
    pairs = zip(result.object_ids, result.masks, strict=True)
    return [object_id for object_id, mask in pairs if not mask.any()]


def _end(span: list[int], z: int, prompted: Range) -> None:
    """Let an object end at a plane beyond its prompts."""
    first, last = prompted
    if z >= last:
        span[1] = min(span[1], z + 1)
    if z <= first:
        span[0] = max(span[0], z)

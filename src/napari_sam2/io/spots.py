"""Tracks as a graph: a spot for each object and frame, linked to the spot before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops_table

from napari_sam2.io.tracked import TrackedLabels, compact_labels
from napari_sam2.io.tracks import Track

NO_PARENT = -1


@dataclass(frozen=True, eq=False)
class Spots:
    """N objects on frames, by frame and then by id.

    Attributes
    ----------
    t, object_id, track_id : (N,) int64
        Frame, value in the labels, and track without gaps (see `lineage`).
    y, x : (N,) float64
        Centre of mass in pixels.
    area_px : (N,) float64
        Number of pixels.
    parent : (N,) int64
        Row of the same object on the frame before, or of its mother; -1 for none.
    tracklet : (N,) int64
        Track without branches: as `track_id`, but an object that was away keeps its track.
    """

    t: NDArray[np.int64]
    object_id: NDArray[np.int64]
    track_id: NDArray[np.int64]
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    area_px: NDArray[np.float64]
    parent: NDArray[np.int64]
    tracklet: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.t)

    @property
    def links(self) -> NDArray[np.int64]:
        """(E, 2) rows, from the earlier place to the later."""
        later = np.flatnonzero(self.parent != NO_PARENT)
        return np.stack([self.parent[later], later], axis=1)


def find_spots(tracked: TrackedLabels) -> Spots:
    """Places and links of all objects; reads every frame twice, one at a time."""
    lineage = tracked.lineage
    columns: list[NDArray[np.float64]] = []
    for t, frame in enumerate(tracked.frames()):
        ids, compact = compact_labels(frame)
        table = regionprops_table(compact, properties=("centroid", "area"))
        rows = np.stack([np.full(len(ids), t), ids, *table.values()], axis=1)
        columns.append(rows.astype(np.float64))
    t, ids, y, x, area = np.concatenate(columns).T
    places = [(int(k), int(v)) for k, v in zip(t, ids, strict=True)]
    names = [lineage.names[place] for place in places]
    return Spots(
        t=t.astype(np.int64),
        object_id=ids.astype(np.int64),
        track_id=np.array(names, np.int64),
        y=y,
        x=x,
        area_px=area,
        parent=_parents(places, names, lineage.tracks),
        tracklet=_tracklets(names, lineage.tracks),
    )


def _parents(
    places: list[tuple[int, int]], names: list[int], tracks: tuple[Track, ...]
) -> NDArray[np.int64]:
    by_id = {track.object_id: track for track in tracks}
    rows = {(t, name): row for row, ((t, _), name) in enumerate(zip(places, names, strict=True))}

    def parent(t: int, name: int) -> int:
        track = by_id[name]
        if t > track.first:
            return rows[t - 1, name]
        return rows[by_id[track.parent].last, track.parent] if track.parent else NO_PARENT

    found = (parent(t, name) for (t, _), name in zip(places, names, strict=True))
    return np.fromiter(found, np.int64, len(places))


def _tracklets(names: list[int], tracks: tuple[Track, ...]) -> NDArray[np.int64]:
    """Tracks that continue their only predecessor have its name."""
    daughters: dict[int, int] = {}
    for track in tracks:
        daughters[track.parent] = daughters.get(track.parent, 0) + 1
    tracklet: dict[int, int] = {}
    for track in sorted(tracks, key=lambda track: track.first):
        goes_on = track.parent and daughters[track.parent] == 1
        tracklet[track.object_id] = tracklet[track.parent] if goes_on else track.object_id
    return np.array([tracklet[name] for name in names], np.int64)

"""Labels of a movie without a prompt, by the network and by the classical baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.evaluation.baseline import linked
from napari_sam2.finding import find_objects, typical_size
from napari_sam2.finding.automatic import track_found
from napari_sam2.finding.proposals import Proposal
from napari_sam2.finding.regions import best_regions
from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Tracker

Labels = NDArray[Any]


def labels_by_frame(
    model: Sam2, frames: Frames, look_every: int | None
) -> Iterator[tuple[int, Labels]]:
    """Labels of each frame, of objects that the network finds and tracks.

    Parameters
    ----------
    model : Sam2
        The network.
    frames : Frames
        The movie.
    look_every : int or None
        Frames from one search for new objects to the next.

    Yields
    ------
    int
        The frame, ascending.
    ndarray
        (Y, X) int32.
    """
    tracker = Tracker(model, frames)
    sizes: list[float] = []

    def find(t: int) -> list[Proposal]:
        found = find_objects(model, frames, t=t, cell_size=sizes[0] if sizes else None)
        size = typical_size(found)
        if size is not None and not sizes:
            sizes.append(size)
        return found

    done = 0
    for result in track_found(tracker, find, tracker.labels, len(frames), look_every):
        if result.t > done:
            for t in range(done, result.t):
                yield t, tracker.labels(t)
            done = result.t
    for t in range(done, len(frames)):
        yield t, tracker.labels(t)


def regions_by_frame(frames: Frames) -> Iterator[tuple[int, Labels]]:
    """Labels of each frame, of classical regions that are linked by their overlap."""
    previous = np.zeros(frames.shape[1:], np.int32)
    count = 0
    for t in range(len(frames)):
        regions = best_regions(frames.read(t).mean(axis=-1))
        names = np.arange(count, count + int(regions.max(initial=0)) + 1, dtype=np.int32)
        count = int(names[-1])
        names[0] = 0
        for object_id, region in linked(previous, regions).items():
            names[region] = object_id
        previous = names[regions]
        yield t, previous

"""Labels of a movie without a prompt, by the network and by the classical baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.packed_labels import LabelArray
from napari_sam2.batch.tracking_run import FindingSettings, track_found_objects
from napari_sam2.evaluation.baseline import linked
from napari_sam2.finding.regions import best_regions
from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Tracker

Labels = NDArray[Any]


def track_automatically(
    model: Sam2,
    frames: Frames,
    look_every: int | None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[LabelArray, dict[int, int]]:
    """Labels and families of objects that the network finds and tracks, as `track` makes them.

    Parameters
    ----------
    model : Sam2
        The network.
    frames : Frames
        The movie.
    look_every : int or None
        As of `FindingSettings`.
    on_progress : callable, optional
        Called with the number of frames done and of all frames.

    Returns
    -------
    labels : array_like
        (T, Y, X) integers.
    parents : dict of int to int
        Daughter to mother.
    """
    annotation = Annotation(Tracker(model, frames))
    for step in track_found_objects(annotation, model, frames, FindingSettings(look_every)):
        if on_progress is not None and step.done:
            on_progress(step.done, step.total)
    _, parents = annotation.tracks()
    return annotation.labels, parents


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

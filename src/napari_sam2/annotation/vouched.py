"""Vouched masks: those of an annotation that a person made, corrected or accepted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_sam2.annotation.annotation import Annotation
from napari_sam2.annotation.objects import Status


def vouched_labels(annotation: Annotation) -> dict[int, NDArray[np.integer]]:
    """Labels that a model may learn from, by frame.

    A mask is vouched for where a person prompted it (clicks, box, brush or import), locked it, or
    marked it as reviewed; all masks of an object with the status "reviewed" are, except those that
    changed after the verdict. Masks that only the model has made are left out, and so is every
    mask of an object with the status "to refine" or "rejected".

    Parameters
    ----------
    annotation : Annotation
        The document.

    Returns
    -------
    dict of int to ndarray
        (Y, X) object ids of each frame with at least one vouched mask, 0 elsewhere.
    """
    frames_of = {
        object_id: _vouched_frames(annotation, object_id)
        for object_id, known in annotation.objects.items()
        if known.status not in (Status.REJECTED, Status.TO_REFINE)
    }
    found: dict[int, NDArray[np.integer]] = {}
    for t in sorted(frozenset().union(*frames_of.values())):
        ids = [object_id for object_id, frames in frames_of.items() if t in frames]
        labels = np.asarray(annotation.labels[t])
        kept = np.where(np.isin(labels, ids), labels, 0)
        if kept.any():
            found[t] = kept
    return found


def _vouched_frames(annotation: Annotation, object_id: int) -> frozenset[int]:
    if annotation.is_satisfactory(object_id):
        return frozenset(range(annotation.shape[0]))
    prompted = {prompt.t for prompt in annotation.prompts() if prompt.object_id == object_id}
    locked = annotation.locked_frames(object_id)
    return frozenset(prompted) | locked | annotation.reviewed_frames(object_id)

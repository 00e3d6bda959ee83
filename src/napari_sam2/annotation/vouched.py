"""Vouched masks: those of an annotation that a person made, corrected or accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.annotation.objects import Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation.annotation import Annotation
    from napari_sam2.annotation.objects import AnnotatedObject
    from napari_sam2.annotation.quality import Timeline

FEWEST_MASKS = 5
"""Vouched masks that a model can be taught from."""


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
        object_id: is_vouched(known, annotation.timeline(object_id))
        for object_id, known in annotation.objects.items()
    }
    found: dict[int, NDArray[np.integer]] = {}
    for t in range(annotation.shape[0]):
        ids = [object_id for object_id, is_learnt in frames_of.items() if is_learnt[t]]
        if ids:
            labels = np.asarray(annotation.labels[t])
            found[t] = np.where(np.isin(labels, ids), labels, 0)
    return found


def is_vouched(known: AnnotatedObject, timeline: Timeline) -> NDArray[np.bool_]:
    """(T,) whether a person vouches for the mask of an object on each frame.

    `vouched_labels` describes which masks they are.
    """
    if known.status in (Status.REJECTED, Status.TO_REFINE):
        return np.zeros_like(timeline.has_mask)
    is_unchanged = known.verdict is None or timeline.is_reviewed.all()
    if known.status is Status.REVIEWED and is_unchanged:
        return timeline.has_mask
    said = timeline.is_prompted | timeline.is_locked | timeline.is_reviewed
    return np.asarray(timeline.has_mask & said)

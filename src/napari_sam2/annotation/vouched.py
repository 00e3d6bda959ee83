"""Vouched masks: those of an annotation that a person made, corrected or accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.annotation.objects import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_sam2.annotation.annotation import Annotation
    from napari_sam2.annotation.objects import AnnotatedObject
    from napari_sam2.annotation.quality import Timeline
    from napari_sam2.tracking.pixels import PixelMask

FEWEST_MASKS = 5
"""Vouched masks that a model can be taught from."""


def vouched_labels(annotation: Annotation) -> dict[int, NDArray[np.integer]]:
    """Labels that a model may learn from, by frame.

    A mask is vouched for where a person prompted it (clicks, box, brush or import), locked it, or
    marked it as reviewed; all masks of an object with the status "reviewed" are, except those that
    changed after the verdict. Masks that only the model has made are left out, also those of
    prompts that a program gave and whose masks nobody has looked at, and so is every mask of an
    object with the status "to refine" or "rejected". Where another model has computed the mask of
    a prompt again, the labels hold the mask that the person saw.

    Parameters
    ----------
    annotation : Annotation
        The document, of images: in volumes, timelines count time points.

    Returns
    -------
    dict of int to ndarray
        (Y, X) object ids of each frame with at least one vouched mask, 0 elsewhere.
    """
    frames_of = {
        object_id: is_vouched(known, annotation.timeline(object_id))
        for object_id, known in annotation.objects.items()
    }
    seen_of = {object_id: _seen_masks(annotation, object_id) for object_id in frames_of}
    found: dict[int, NDArray[np.integer]] = {}
    for t in range(annotation.shape[0]):
        ids = [object_id for object_id, is_learnt in frames_of.items() if is_learnt[t]]
        if ids:
            labels = np.asarray(annotation.labels[t])
            found[t] = np.where(np.isin(labels, ids), labels, 0)
            for object_id in ids:
                seen = seen_of[object_id].get(t)
                if seen is not None:
                    _put_back(found[t], object_id, seen)
    return found


def _seen_masks(annotation: Annotation, object_id: int) -> dict[int, PixelMask]:
    """Masks to learn in the place of those in the labels, by frame."""
    if annotation.objects[object_id].status is Status.REVIEWED:
        return {}
    timeline = annotation.timeline(object_id)
    is_confirmed = timeline.is_locked | timeline.is_reviewed
    return {t: seen for t, seen in annotation.seen_masks(object_id).items() if not is_confirmed[t]}


def _put_back(labels: NDArray[np.integer], object_id: int, seen: PixelMask) -> None:
    """Replace the mask of an object by the one that a person saw; other masks stay whole."""
    labels[labels == object_id] = 0
    part = labels[seen.window]
    part[seen.crop & (part == 0)] = object_id


def count_overlapping(annotation: Annotation, labels: Mapping[int, NDArray[np.integer]]) -> int:
    """Number of frames on which masks of vouched objects overlap.

    Parameters
    ----------
    annotation : Annotation
        The document.
    labels : mapping of int to ndarray
        Frames from `vouched_labels`.
    """
    state, count = annotation._document.state, 0
    for t, frame in labels.items():
        ids = np.unique(frame[frame > 0]).tolist()
        found = (state.result(t, object_id) for object_id in ids)
        masks = [result.masks[0] for result in found if result is not None]
        count += len(masks) > 1 and bool((np.sum(masks, axis=0, dtype=np.uint16) > 1).any())
    return count


def is_vouched(known: AnnotatedObject, timeline: Timeline) -> NDArray[np.bool_]:
    """(T,) whether a person vouches for the mask of an object on each frame.

    `vouched_labels` describes which masks they are.
    """
    if known.status in (Status.REJECTED, Status.TO_REFINE):
        return np.zeros_like(timeline.has_mask)
    is_unchanged = known.verdict is None or timeline.is_reviewed.all()
    if known.status is Status.REVIEWED and is_unchanged:
        return timeline.has_mask
    is_prompted = timeline.is_prompted
    if timeline.is_unseen is not None:
        is_prompted = is_prompted & ~timeline.is_unseen
    return np.asarray(timeline.has_mask & (is_prompted | timeline.is_locked | timeline.is_reviewed))

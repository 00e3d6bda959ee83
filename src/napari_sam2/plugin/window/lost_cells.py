"""Lost cells: cells that vanished before the end of the movie, away from its border."""

from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.arrays import is_at_border
from napari_sam2.plugin.protocol.find_messages import LostCell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_sam2.finding import Proposal
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.tracking.pixels import PixelMask


def labels_of(image_state: ImageState, t: int) -> NDArray[np.integer[Any]]:
    """The (Y, X) labels of a frame of an open image."""
    labels = image_state.labels
    assert labels is not None, "an image that is open has labels"
    return np.asarray(labels[t] if labels.ndim == 3 else labels)


def lost_cells(image_state: ImageState) -> dict[int, LostCell]:
    """The lost cells by object; those that divided are not lost. In 3D none is looked for.

    Cells that are not tracked from their last prompt on are not lost either.
    """
    if image_state.in_3d:
        return {}
    found = {}
    for object_id, t in _last_frames(image_state).items():
        if t + 1 == image_state.frames or _is_waiting(image_state, t, object_id):
            continue
        mask = labels_of(image_state, t) == object_id
        if mask.any() and not is_at_border(mask):
            y, x = np.argwhere(mask).mean(axis=0)
            found[object_id] = LostCell(t, (float(y), float(x)), 2 * sqrt(mask.sum() / pi))
    return found


def _last_frames(image_state: ImageState) -> dict[int, int]:
    """Last frame with a mask of each cell that did not divide."""
    mothers = {known.parent for known in image_state.objects.values()}
    return {
        object_id: summary.last
        for object_id, summary in image_state.summaries.items()
        if object_id not in mothers and summary.last is not None
    }


def not_tracked(image_state: ImageState) -> dict[int, list[Proposal]]:
    """Cells that are not tracked from their last prompt on, as proposals, by that frame."""
    from napari_sam2.finding import Proposal  # imports torch, which is loaded by now
    from napari_sam2.tracking.pixels import masks_of

    waiting: dict[int, list[int]] = {}
    for object_id, t in _last_frames(image_state).items():
        if _is_waiting(image_state, t, object_id):
            waiting.setdefault(t, []).append(object_id)
    found = {}
    for t, object_ids in waiting.items():
        masks = masks_of(labels_of(image_state, t))
        found[t] = [
            Proposal(masks[key], 1.0, 1.0, _middle(masks[key]))
            for key in object_ids
            if key in masks
        ]
    return found


def _is_waiting(image_state: ImageState, t: int, object_id: int) -> bool:
    """Whether an object has a prompt on its last frame `t`, and is not tracked from there on."""
    has_more = t + 1 < image_state.frames
    is_lost = has_more and bool(image_state.timelines[object_id].is_lost[t + 1])
    return has_more and not is_lost and (t, object_id) in image_state.prompts


def _middle(mask: PixelMask) -> tuple[float, float]:
    y, x = np.argwhere(mask.crop).mean(axis=0) + mask.corner
    return float(y), float(x)


def frames_after(image_state: ImageState, last: int) -> range:
    """The frames on which a cell is searched for that was lost after frame `last`."""
    from napari_sam2.finding.automatic import GAP  # imports torch, which is loaded by now

    return range(last + 1, min(last + GAP + 1, image_state.frames))


def found_again(
    image_state: ImageState, t: int, proposals: Mapping[int, Proposal]
) -> dict[int, int]:
    """Proposals that lie where a cell was last, at most three frames before.

    Parameters
    ----------
    image_state : ImageState
        An open image.
    t : int
        Frame of the proposals.
    proposals : mapping of int to Proposal
        Proposals by number.

    Returns
    -------
    dict of int to int
        Numbers of proposals, and the lost cell that each of them is; each cell once.
    """
    if image_state.in_3d:
        return {}
    from napari_sam2.finding import automatic  # imports torch, which is loaded by now

    vanished = {
        key: labels_of(image_state, last) == key
        for key, last in _last_frames(image_state).items()
        if t in frames_after(image_state, last)
    }
    return automatic.found_again(proposals, {k: mask for k, mask in vanished.items() if mask.any()})

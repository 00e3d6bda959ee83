"""Convert brush strokes to prompted masks, in the inference thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.errors import ObjectError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation import Annotation
    from napari_sam2.plugin.protocol.messages import Stroke


def paint(annotation: Annotation, strokes: Sequence[Stroke]) -> None:
    """Apply the strokes of one gesture as one undo step.

    Every object that gains or loses a pixel gets its new mask on that frame as a prompt, so that
    the labels equal the painted pixels.

    Raises
    ------
    ValueError
        If an object is locked on that frame; the labels are then unchanged.
    """
    by_frame: defaultdict[int, list[Stroke]] = defaultdict(list)
    for stroke in strokes:
        by_frame[stroke.t].append(stroke)
    annotation.repair_labels(by_frame)  # napari's brush has changed this array already
    with annotation.grouped(_text(by_frame)):
        for t, parts in by_frame.items():
            before = annotation.labels[t].copy()
            wanted = painted(before, parts)
            _give(annotation, t, wanted, before != wanted)
            # removing a mask may have uncovered another one, which was not painted
            _give(annotation, t, wanted, annotation.labels[t] != wanted)


def painted(labels: NDArray[np.integer[Any]], strokes: Iterable[Stroke]) -> NDArray[Any]:
    """Labels of a frame, (Y, X), after the strokes."""
    after = labels.copy()
    for stroke in strokes:
        after[stroke.rows, stroke.columns] = stroke.values
    return after


def _give(annotation: Annotation, t: int, wanted: NDArray[Any], differs: NDArray[np.bool_]) -> None:
    """Set the mask of each object that has, or should have, pixels where the labels differ."""
    ids = np.unique([annotation.labels[t][differs], wanted[differs]])
    for object_id in ids[ids > 0].tolist():
        mask = wanted == object_id
        others = (p.t for p in annotation.prompts() if p.object_id == object_id)
        if mask.any() or any(other != t for other in others):
            annotation.add_mask(t, object_id, mask)
        elif t in annotation.locked_frames(object_id):
            raise ObjectError.locked(object_id, t)
        else:  # an empty mask is a prompt only if another frame has a prompt, too
            annotation.clear_masks(object_id, [t])


def _text(frames: Iterable[int]) -> str:
    names = [str(t) for t in frames]
    return f"paint on frame {names[0]}" if len(names) == 1 else f"paint on {len(names)} frames"

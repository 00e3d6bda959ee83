"""Strokes of a brush become masks that a person gave, in the inference thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation import Annotation
    from napari_sam2.plugin.protocol.messages import Stroke


def paint(annotation: Annotation, strokes: Sequence[Stroke]) -> None:
    """Carry out the strokes of one gesture as one undo step.

    Every object that gains or loses a pixel gets its mask on that frame as a prompt, so that the
    labels are what was painted.

    Raises
    ------
    ValueError
        If an object is locked there; the labels are then as before the gesture.
    """
    by_frame: defaultdict[int, list[Stroke]] = defaultdict(list)
    for stroke in strokes:
        by_frame[stroke.t].append(stroke)
    annotation.repair_labels(by_frame)  # the brush has painted into this very array
    with annotation.grouped(_text(by_frame)):
        for t, parts in by_frame.items():
            before = annotation.labels[t].copy()
            wanted = painted(before, parts)
            _give(annotation, t, wanted, before != wanted)
            # where a mask was covered by one that is gone now, nobody painted it
            _give(annotation, t, wanted, annotation.labels[t] != wanted)


def painted(labels: NDArray[np.integer[Any]], strokes: Iterable[Stroke]) -> NDArray[Any]:
    """Labels of a frame, (Y, X), after some strokes."""
    after = labels.copy()
    for stroke in strokes:
        after[stroke.rows, stroke.columns] = stroke.values
    return after


def _give(annotation: Annotation, t: int, wanted: NDArray[Any], differs: NDArray[np.bool_]) -> None:
    """Prompt each object that has or should have a pixel where something differs."""
    ids = np.unique([annotation.labels[t][differs], wanted[differs]])
    for object_id in ids[ids > 0].tolist():
        mask = wanted == object_id
        others = (p.t for p in annotation.prompts() if p.object_id == object_id)
        if mask.any() or any(other != t for other in others):
            annotation.add_mask(t, object_id, mask)
        else:  # nothing is left to say of it here, and an empty mask needs another frame
            annotation.clear_masks(object_id, [t])


def _text(frames: Iterable[int]) -> str:
    names = [str(t) for t in frames]
    return f"paint on frame {names[0]}" if len(names) == 1 else f"paint on {len(names)} frames"

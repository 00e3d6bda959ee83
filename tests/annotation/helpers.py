"""What several tests of the document do and look at."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.actions import describe_prompt

from .stand_in import StandInTracker


def click(annotation: Annotation, tracker: StandInTracker, object_id: int, t: int = 0) -> None:
    """Click the disc of the world that has the number of the object."""
    annotation.add_points(t, object_id, [tracker.centres[t, object_id - 1]], [1])


def mask(annotation: Annotation, t: int, object_id: int) -> np.ndarray:
    """Pixels that an object has on a frame."""
    return annotation.labels[t] == object_id


def seen(annotation: Annotation) -> dict[str, Any]:
    """Everything of a document that a person can see, as values that can be compared."""
    ids = sorted(annotation.objects)
    frames = range(annotation.shape[0])
    return {
        "labels": np.asarray(annotation.labels).tolist(),
        "objects": annotation.objects,
        "prompts": sorted(map(repr, map(describe_prompt, annotation.prompts()))),
        "locked": {key: annotation.locked_frames(key) for key in ids},
        "reviewed": {key: annotation.reviewed_frames(key) for key in ids},
        "wrong": {key: annotation.wrong_frames(key) for key in ids},
        "scores": {(t, key): annotation.score(t, key) for t in frames for key in ids},
    }

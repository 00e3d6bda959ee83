"""A tiny annotation on disk, and what several tests do with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.actions import describe_prompt
from napari_sam2.annotation.recovery import kept_states
from napari_sam2.io.project.folder import ProjectFolder
from napari_sam2.io.project.reading import make_tracker
from napari_sam2.io.project.subject import ImageOrigin, subject_of
from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.worlds import World


def begin(model: Sam2, world: World) -> Annotation:
    """An annotation in which both discs were clicked."""
    annotation = Annotation(Tracker(model, world.images))
    for object_id in (1, 2):
        annotation.add_points(0, object_id, [world.centre(0, object_id)], [1])
    return annotation


def save(folder: Path, annotation: Annotation, world: World, **origin: Any) -> ProjectFolder:
    tracker = annotation._document.state.tracker
    about = subject_of(tracker, world.images, ImageOrigin("movie", **origin), "tiny")
    return ProjectFolder.create(folder, annotation, about)


def reopen(path: Path, model: Sam2, world: World, **options: Any) -> ProjectFolder:
    return ProjectFolder.open(
        path, lambda manifest: make_tracker(manifest, model, world.images), **options
    )


def seen(annotation: Annotation) -> dict[str, Any]:
    """Everything that a person sees, as values that can be compared."""
    frames = range(annotation.shape[0])
    ids = sorted(annotation.objects)
    return {
        "labels": np.asarray(annotation.labels).tolist(),
        "dtype": annotation.labels.dtype,
        "objects": annotation.objects,
        "new id": annotation.new_object_id(),
        "prompts": sorted(map(repr, map(describe_prompt, annotation.prompts()))),
        "scores": {(t, key): annotation.score(t, key) for t in frames for key in ids},
        "locked": {key: annotation.locked_frames(key) for key in ids},
        "reviewed": {key: annotation.reviewed_frames(key) for key in ids},
        "wrong": {key: annotation.wrong_frames(key) for key in ids},
        "masks": masks(annotation),
    }


def masks(annotation: Annotation) -> dict[tuple[int, int], Any]:
    """All that is kept of each mask, to the last bit."""
    return {
        (object_id, t): (
            record.logits().tobytes(),
            record.pointer.tobytes(),
            record.direction,
            record.basis,
            record.window,
            (record.agreement, record.cell_overlap),
            None if record.painted is None else record.painted.full().tobytes(),
        )
        for object_id, state in kept_states(annotation).items()
        for t, record in state.records.items()
    }


def undo_texts(annotation: Annotation) -> list[str]:
    return [group.text for group in annotation.history]


def same_seen(one: Annotation, other: Annotation) -> bool:
    first, second = seen(one), seen(other)
    different = [name for name in first if first[name] != second[name]]
    assert not different, f"differs: {different}"
    return np.array_equal(one.labels, other.labels)


__all__ = ["begin", "masks", "reopen", "same_seen", "save", "seen", "undo_texts"]

"""Files of an `Annotation` in Python: save and load a project, and write the labels.

Importing this module registers paths with `save_project` and `open_project`, those of movies with
`as_frames`, and annotations with `labels_of`. The public name ``napari_sam2.Annotation`` does so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.project import open_project, save_project
from napari_sam2.annotation.recovery import tracker_of
from napari_sam2.arrays import ArrayLike
from napari_sam2.io.label_arrays import volumes_of_planes
from napari_sam2.io.movie import Movie
from napari_sam2.io.movie_frames import MovieFrames
from napari_sam2.io.project import PROJECT_SUFFIX
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.folder import ProjectFolder
from napari_sam2.io.project.images import find_image
from napari_sam2.io.project.manifest import Manifest, read_manifest
from napari_sam2.io.project.parts import Deed
from napari_sam2.io.project.reading import is_same_model, make_tracker
from napari_sam2.io.project.subject import ImageOrigin, Subject, subject_of
from napari_sam2.io.project.tags import BEGIN, END, TRACK
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.sources import Tracker
from napari_sam2.io.tiff import labels_of
from napari_sam2.io.tracked import TrackedLabels
from napari_sam2.model import Sam2, load_model
from napari_sam2.tracking import Frames
from napari_sam2.tracking.frames import Stack

__all__ = ["Annotation"]


@save_project.register(str)
@save_project.register(os.PathLike)
def _save(
    path: str | os.PathLike[str],
    annotation: Annotation,
    before: ProjectFolder | None,
    *,
    overwrite: bool,
) -> ProjectFolder:
    place = Path(os.path.abspath(path))
    if before is not None and before.path == place:
        before.save()
        return before
    if place.suffix != PROJECT_SUFFIX:
        raise ValueError(f"a project is a folder NAME{PROJECT_SUFFIX}; got {place.name}")
    if place.exists() and not overwrite:
        raise FileExistsError(
            f"{place} is there already: choose another name, or replace it with overwrite=True"
        )
    if before is None:
        return ProjectFolder.create(
            place, annotation, _subject(annotation), [*past_deeds(annotation)]
        )
    after = ProjectFolder.create(place, annotation, before.subject, before.deeds)
    before.leave()
    annotation.follow_journal(after.keep)
    return after


def _subject(annotation: Annotation) -> Subject:
    tracker = tracker_of(annotation)
    frames, has_contrast = tracker.frames, tracker.frames.has_given_limits
    origin = ImageOrigin("image", has_user_contrast=has_contrast)
    if isinstance(frames, MovieFrames):
        movie = frames.movie
        origin = ImageOrigin(
            movie.name or "image", movie.path, movie.scale, has_contrast, movie.selection
        )
    return subject_of(tracker, frames.data, origin, tracker.model.config.name)


def past_deeds(annotation: Annotation) -> Iterator[Deed]:
    """Deeds that replace the steps before the first save, which were not recorded.

    They take over the objects and compute their prompts, then track each frame that was tracked.

    Parameters
    ----------
    annotation : Annotation
        A document that was not saved yet.
    """
    if not annotation.objects:
        return
    moment, work = time.time(), annotation.work()
    yield Deed(moment, "carry_over", {"work": work})
    yield Deed(moment, BEGIN, {})
    frames = range(annotation.shape[0])
    for direction, passed in (("forward", frames), ("backward", frames[::-1])):
        for t in passed:
            records = {k: state.records.get(t) for k, state in work.states.items()}
            moved = tuple(k for k, mask in records.items() if mask and mask.direction == direction)
            if moved:
                arguments = {"t": t, "direction": direction, "object_ids": moved}
                yield Deed(moment, TRACK, arguments)
    yield Deed(moment, END, {})


@open_project.register(str)
@open_project.register(os.PathLike)
def _open(path: str | os.PathLike[str], model: Sam2 | None, movie: Stack | None) -> ProjectFolder:
    place = Path(os.path.abspath(path))
    manifest = read_manifest(place)
    made_by = manifest.model
    if model is None:
        model = load_model(made_by.name, image_size=made_by.image_size)
    if not is_same_model(manifest, model):
        raise ProjectError(
            f"{place.name} was made with the model {made_by}, with other weights or another input "
            f"size than {model.config.name} at {model.config.image_size} px: give that model"
        )
    folder = ProjectFolder.open(place, partial(_tracker, place, model=model, movie=movie))
    frames = tracker_of(folder.annotation).frames
    if isinstance(frames, MovieFrames) and frames.movie.path is not None:
        where = {"path": os.path.abspath(frames.movie.path)}
        image = folder.subject.image.model_copy(update=where)
        folder.subject = replace(folder.subject, image=image)
    return folder


def _tracker(place: Path, manifest: Manifest, *, model: Sam2, movie: Stack | None) -> Tracker:
    """An empty tracker of the images, wherever they are."""
    if movie is None or isinstance(movie, str | os.PathLike):
        found = find_image(place, manifest, movie)
        movie = replace(found.movie, data=found.data)
    if isinstance(movie, Movie):
        return make_tracker(manifest, model, movie)
    pixels = movie.data if isinstance(movie, Frames) else cast("ArrayLike", movie)
    return make_tracker(manifest, model, pixels)


@labels_of.register(Annotation)
def _labels(annotation: Annotation) -> tuple[ArrayLike, ImageScale | None]:
    frames = tracker_of(annotation).frames
    scale = frames.movie.scale if isinstance(frames, MovieFrames) else None
    labels = TrackedLabels.of_objects(annotation.labels, annotation.objects).labels
    if annotation.planes > 1:
        labels = volumes_of_planes(labels, annotation.planes)
    return labels, scale

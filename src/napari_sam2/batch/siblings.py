"""Repeat the work that was done on one movie on other movies of the same kind."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.annotation import AnnotatedObject, Annotation
from napari_sam2.annotation.model_change import Work
from napari_sam2.batch.tracking_run import RunStep, track_changed, track_prompts
from napari_sam2.io.movie import Movie
from napari_sam2.io.movie_frames import MovieFrames
from napari_sam2.io.project.codec import RecordPool, pack
from napari_sam2.io.project.fingerprint import image_fingerprint
from napari_sam2.io.project.history import repeat
from napari_sam2.io.project.manifest import Manifest, read_manifest
from napari_sam2.io.project.parts import Deed
from napari_sam2.io.project.reading import load, read_deeds, tracker_settings
from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, ObjectState, Tracker


def replay_steps(
    project: Path, network: Sam2, movie: Movie
) -> tuple[Annotation, Generator[RunStep]]:
    """An annotation of a movie, and the steps that repeat on it the work of a project.

    On the movie of the project, all of its history is repeated, as ``napari-sam2 replay`` does. On
    another movie its objects get their prompts, names and families, and are tracked from there.
    Tracked masks, locks and reviews are about the pixels of the first movie and are left out, as
    are rejected objects and prompts on frames that the other movie does not have.

    Parameters
    ----------
    project : Path
        Folder ``NAME.sam2``, of this movie or of another one.
    network : Sam2
        The model.
    movie : Movie
        The opened movie.

    Raises
    ------
    FileNotFoundError
        If there is no such project.
    ProjectError
        If the project is damaged.
    ValueError
        If the images of the movie have another size than those of the project, or no prompt of the
        project is on a frame of the movie.
    """
    manifest = read_manifest(project)
    image = manifest.image
    size = image.shape[-3:-1] if image.rgb else image.shape[-2:]
    if size != movie.shape[1:]:
        raise ValueError(
            f"{project.name} was made on images of {_text(size)} pixels, but {movie.name} has "
            f"{_text(movie.shape[1:])} pixels"
        )
    is_own = image.fingerprint == image_fingerprint(movie.data)
    limits = image.contrast_limits if is_own or image.has_user_contrast else None
    frames = MovieFrames(movie, contrast_limits=limits)
    annotation = Annotation(Tracker(network, frames, **tracker_settings(manifest, network)))
    if is_own:
        return annotation, _repeat(read_deeds(project, manifest), annotation)
    work = for_sibling(_work_of(project, manifest, network), movie.shape[0])
    if not work.objects:
        raise ValueError(f"{project.name} has no prompts on the frames of {movie.name}")
    return annotation, _track(work, annotation)


def work_digest(project: Path) -> str:
    """Digest of all that a replay of a project depends on; saving it again does not change it.

    Parameters
    ----------
    project : Path
        Folder ``NAME.sam2``.

    Raises
    ------
    FileNotFoundError
        If there is no such project.
    ProjectError
        If the project is damaged.
    """
    manifest = read_manifest(project)
    image = {"fingerprint", "contrast_limits", "has_user_contrast"}
    known: dict[str, Any] = {"image": image, "model": {"fingerprint"}, "settings": True}
    digest = sha256(manifest.model_dump_json(include=known).encode())
    digest.update(pack(read_deeds(project, manifest), RecordPool()))
    return digest.hexdigest()


def for_sibling(work: Work, length: int) -> Work:
    """What can be done with the same prompts on another movie.

    Parameters
    ----------
    work : Work
        All that was done on a movie.
    length : int
        Frames of the other movie.
    """
    rejected = {known.object_id for known in work.objects if known.is_rejected}
    found = {key: _only_prompts(state, length) for key, state in work.states.items()}
    states = {key: known for key, known in found.items() if known.prompted and key not in rejected}
    objects = tuple(
        AnnotatedObject(
            known.object_id,
            known.name,
            parent=known.parent if known.parent in states else None,
            birth=known.birth,
            end=None if known.end is None or known.end >= length else known.end,
        )
        for known in work.objects
        if known.object_id in states
    )
    return Work(objects, states, {}, work.largest_id)


def _only_prompts(state: ObjectState, length: int) -> ObjectState:
    prompted = {t: replace(entry, before=None) for t, entry in state.prompted.items() if t < length}
    records = {t: record for t, record in state.records.items() if t in prompted}
    return ObjectState(records=records, prompted=prompted)


def _work_of(project: Path, manifest: Manifest, network: Sam2) -> Work:
    """The objects of a project, read without its movie."""
    image = manifest.image
    black = np.broadcast_to(np.zeros((), image.dtype), image.shape)
    frames = Frames(black, contrast_limits=image.contrast_limits, rgb=image.rgb)
    tracker = Tracker(network, frames, **tracker_settings(manifest, network))
    return load(project, manifest, tracker).annotation.work()


def _text(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))


def _repeat(deeds: Sequence[Deed], annotation: Annotation) -> Generator[RunStep]:
    yield RunStep("replay", 0, len(deeds))
    for done in repeat(deeds, annotation):
        yield RunStep("replay", done, len(deeds))
    yield from track_changed(annotation)


def _track(work: Work, annotation: Annotation) -> Generator[RunStep]:
    yield RunStep("prompts", 0, 1)
    annotation.carry_over(work)
    yield from track_prompts(annotation, ())

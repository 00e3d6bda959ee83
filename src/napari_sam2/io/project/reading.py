"""Read a project: restore the document from its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.recovery import Recovery
from napari_sam2.arrays import ArrayLike
from napari_sam2.io.first_frames import FirstFrames
from napari_sam2.io.movie import Movie
from napari_sam2.io.movie_frames import MovieFrames
from napari_sam2.io.project.codec import RecordPool, unpack
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.files import inside, read_stored
from napari_sam2.io.project.fingerprint import image_fingerprint, model_fingerprint
from napari_sam2.io.project.history import History
from napari_sam2.io.project.journal_file import read_journal
from napari_sam2.io.project.manifest import ImageInfo, Manifest
from napari_sam2.io.project.parts import Batch, Deed, Masks, Properties
from napari_sam2.memory_use import releasing_memory
from napari_sam2.model import Sam2, image_sizes
from napari_sam2.tracking import ObjectState, Tracker
from napari_sam2.tracking.volume_planes import Planes, planes_of


@dataclass(frozen=True, eq=False)
class Loaded:
    """A project, read.

    Attributes
    ----------
    annotation : Annotation
        The document, with the deeds since it was saved.
    manifest : Manifest
        As it was saved.
    pool : RecordPool
        Mask records by number.
    states : mapping of str to mapping of int to ObjectState
        Content of each file of masks.
    deeds : tuple of Deed
        Deeds up to the last save.
    new_deeds : tuple of Deed
        Deeds since the last save.
    history : History
        Where the reader of the journal stands.
    unsaved_since : float or None
        When the first change was made that is not saved, in seconds since 1970; None if all is.
    """

    annotation: Annotation
    manifest: Manifest
    pool: RecordPool
    states: Mapping[str, Mapping[int, ObjectState]]
    deeds: tuple[Deed, ...]
    new_deeds: tuple[Deed, ...]
    history: History
    unsaved_since: float | None


def make_tracker(manifest: Manifest, model: Sam2, data: ArrayLike | Movie) -> Tracker:
    """A tracker set up as the one of a project.

    Parameters
    ----------
    manifest : Manifest
        Of the project.
    model : Sam2
        The network to continue with.
    data : array-like or Movie
        The image.

    Raises
    ------
    ProjectError
        If it is another image, or one that cannot be tracked.
    """
    image = manifest.image
    movie = data if isinstance(data, Movie) else Movie(data, image.rgb, name=image.name)
    if image.planes > 1 and len(movie.data.shape) == 4 and not image.rgb:
        movie = replace(movie, data=Planes(movie.data))
    check_image(image, movie.data)
    try:
        frames = MovieFrames(replace(movie, rgb=image.rgb), contrast_limits=image.contrast_limits)
        return Tracker(model, frames, **manifest.settings.model_dump())
    except (ValueError, TypeError) as error:
        raise ProjectError(f"“{image.name}” cannot be opened: {error}") from error


def check_image(
    image: ImageInfo,
    data: ArrayLike,
    fingerprint: Callable[[ArrayLike], str] = image_fingerprint,
) -> None:
    """Raise a ProjectError if `data` is not the image that was annotated.

    A movie that has got more frames since then is the same image. Pixels are read, by
    `fingerprint`, only if shape and type are those of the image.
    """
    shape, dtype = tuple(int(length) for length in data.shape), str(np.dtype(data.dtype))
    if planes_of(data) != image.planes:
        raise ProjectError(
            f"“{image.name}” was annotated in volumes of {image.planes} planes; this image has "
            f"{planes_of(data)}"
        )
    if has_grown(image, shape):
        data, shape = FirstFrames(data, image.shape[0]), image.shape
    if shape != image.shape or dtype != image.dtype:
        raise ProjectError(
            f"this is another image: {shape} {dtype}, but “{image.name}”, which was annotated, "
            f"is {image.shape} {image.dtype}"
        )
    if fingerprint(data) != image.fingerprint:
        raise ProjectError(
            f"this is another image, or it was changed: its pixels differ from those of "
            f"“{image.name}”, which was annotated"
        )


def has_grown(image: ImageInfo, shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape could be a movie that was shorter when it was annotated."""
    return len(shape) > 2 and shape[1:] == image.shape[1:] and shape[0] > image.shape[0]


def is_same_model(manifest: Manifest, model: Sam2) -> bool:
    """Whether a network has the weights and the input size that an annotation was made with."""
    size = manifest.model.image_size or image_sizes(model.config)[0]
    same_size = size == model.config.image_size
    return same_size and model_fingerprint(model) == manifest.model.fingerprint


def tracker_settings(manifest: Manifest, model: Sam2) -> dict[str, Any]:
    """Settings for a tracker that repeats the work of a project, as keywords of `Tracker`.

    Parameters
    ----------
    manifest : Manifest
        Of the project.
    model : Sam2
        The network to repeat it with. Another one than that of the project uses its own windows.
    """
    settings = manifest.settings.model_dump()
    return settings if is_same_model(manifest, model) else settings | {"windows": None}


def load(folder: Path, manifest: Manifest, tracker: Tracker, *, unsaved: bool = True) -> Loaded:
    """Read all files of a project.

    Parameters
    ----------
    folder : Path
        The project.
    manifest : Manifest
        Its ``session.json``.
    tracker : Tracker
        From `make_tracker`, still empty.
    unsaved : bool
        Whether to repeat the deeds since it was saved.

    Raises
    ------
    ProjectError
        If a file is missing, damaged or makes no sense.
    OSError
        If the disk cannot be read.
    """
    pool = RecordPool(manifest.next_number)
    known = read_stored(folder, manifest.properties, Properties, pool)
    states = {
        chunk.file: read_stored(folder, chunk, Masks, pool).states
        for chunk in releasing_memory(manifest.chunks)
    }
    try:
        annotation = _assemble(tracker, known, states.values())
    except _WRONG as error:
        raise ProjectError(f"the masks in {folder.name} make no sense: {error}") from error
    batches = _read_batches(folder, manifest, pool) if unsaved else []
    history = History()
    new_deeds = tuple(deed for batch in batches for deed in history.deeds(batch))
    recovery = Recovery(annotation)
    try:
        for batch in batches:
            for entry in batch.entries:
                recovery.repeat(entry)
        recovery.finish()
    except _WRONG as error:
        raise ProjectError(f"the journal of {folder.name} makes no sense: {error}") from error
    return Loaded(
        annotation=annotation,
        manifest=manifest,
        pool=pool,
        states=states,
        deeds=_read_deeds(folder, manifest),
        new_deeds=new_deeds,
        history=history,
        unsaved_since=batches[0].time if batches else None,
    )


def read_deeds(folder: Path, manifest: Manifest) -> tuple[Deed, ...]:
    """All deeds of a project, unsaved ones included.

    Raises
    ------
    ProjectError
        If a file is missing, damaged or makes no sense.
    """
    pool = RecordPool(manifest.next_number)
    for chunk in manifest.chunks:  # the journal names records that are there
        read_stored(folder, chunk, Masks, pool)
    history = History()
    batches = _read_batches(folder, manifest, pool)
    new = (deed for batch in batches for deed in history.deeds(batch))
    return (*_read_deeds(folder, manifest), *new)


_WRONG = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)


def _assemble(
    tracker: Tracker, known: Properties, parts: Iterable[Mapping[int, ObjectState]]
) -> Annotation:
    """Restore the saved document; its labels are composed from the masks."""
    length = tracker.shape[0]
    for object_id in known.tracked:
        tracker.restore(object_id, ObjectState())
    for states in parts:
        for object_id, state in states.items():
            frames = {*state.records, *state.prompted, *state.locked}
            if frames and not 0 <= min(frames) <= max(frames) < length:
                raise ValueError(f"frames {min(frames)} to {max(frames)} of {length}")
            tracker.restore(object_id, state)
    annotation = Annotation(tracker)
    Recovery(annotation).put(known.actions, known.largest_id)
    return annotation


def _read_batches(folder: Path, manifest: Manifest, pool: RecordPool) -> list[Batch]:
    path = inside(folder, manifest.journal)
    if not path.exists():
        return []
    return [unpack(piece, Batch, pool) for piece in read_journal(path).pieces]


def _read_deeds(folder: Path, manifest: Manifest) -> tuple[Deed, ...]:
    path = inside(folder, manifest.history)
    if not manifest.history_bytes:
        return ()
    try:
        content = read_journal(path, manifest.history_bytes)
    except FileNotFoundError:
        raise ProjectError(f"{manifest.history} is missing from {folder}") from None
    if content.good_bytes != manifest.history_bytes:
        raise ProjectError(f"{manifest.history} in {folder.name} is damaged")
    pieces = (unpack(piece, tuple[Deed, ...], RecordPool()) for piece in content.pieces)
    return tuple(deed for deeds in pieces for deed in deeds)

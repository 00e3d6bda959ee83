"""Summary of a tracked movie: counts, doubts, and a picture of the worst frame."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.quality import LOWEST_BACKWARD_IOU, Timeline
from napari_sam2.batch.movies import BatchMovie
from napari_sam2.batch.record import MovieRecord, project_digest
from napari_sam2.io.movie import Movie
from napari_sam2.io.overlay import OverlayStyle, overlay_frames
from napari_sam2.io.project.manifest import now

_SIDE = 160  # pixels of a thumbnail
_QUALITY = 75  # of its JPEG: about 7 kB each, so that a report of thousands of movies opens


def record_of(
    entry: BatchMovie, movie: Movie, annotation: Annotation, project: Path
) -> MovieRecord:
    """Record of a tracked movie, without key and time.

    Parameters
    ----------
    entry : BatchMovie
        The movie in the batch.
    movie : Movie
        The opened movie.
    annotation : Annotation
        Its tracked objects.
    project : Path
        Its project, closed.
    """
    objects = {key: known for key, known in annotation.objects.items() if not known.is_rejected}
    timelines = [annotation.timeline(object_id) for object_id in objects]
    worst = worst_frame(timelines)
    return MovieRecord(
        name=entry.name,
        movie=str(entry.path),
        plate=entry.plate,
        well=entry.well,
        field=entry.field,
        note=movie.note,
        key="",
        frames=movie.shape[0],
        cells=len(timelines),
        divisions=len({known.parent for known in objects.values()} - {None}),
        possible_divisions=len(annotation.propose_divisions()),
        masks=sum(int(line.has_mask.sum()) for line in timelines),
        doubtful=sum(int((line.has_mask & (line.doubts > 0)).sum()) for line in timelines),
        checked=sum(int((~np.isnan(line.backward_iou)).sum()) for line in timelines),
        differing=sum(int((line.backward_iou < LOWEST_BACKWARD_IOU).sum()) for line in timelines),
        worst_frame=worst,
        thumbnail=thumbnail(movie.frame(worst), annotation.labels[worst]),
        seconds=0.0,
        finished=now(),
        project=project_digest(project),
    )


def worst_frame(timelines: Sequence[Timeline]) -> int:
    """Frame with the most serious doubts, the first of several; 0 without objects."""
    return int(np.argmax(np.sum([line.severity for line in timelines], axis=0)))


def thumbnail(frame: NDArray[Any], labels: NDArray[Any]) -> str:
    """A frame, (Y, X) or (Y, X, 3), with the outlines of its (Y, X) labels as a data URI."""
    style = OverlayStyle(shortest_side=_SIDE)
    frames = overlay_frames(frame[None], labels[None], style)
    picture = Image.fromarray(next(frames))
    picture.thumbnail((_SIDE, _SIDE))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"

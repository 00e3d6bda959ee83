"""The results of a movie of a batch: labels, measurements, the project and other exports."""

from __future__ import annotations

from pathlib import Path

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.error_table import error_probabilities
from napari_sam2.annotation.recovery import tracker_of
from napari_sam2.batch.movies import BatchMovie
from napari_sam2.batch.plan import Plan
from napari_sam2.batch.record import MovieRecord
from napari_sam2.batch.summary import record_of
from napari_sam2.io.exports import write_export
from napari_sam2.io.formats import FORMATS
from napari_sam2.io.measure import write_measurements
from napari_sam2.io.movie import Movie
from napari_sam2.io.project import PROJECT_SUFFIX
from napari_sam2.io.project.folder import ProjectFolder
from napari_sam2.io.project.saving import past_deeds
from napari_sam2.io.project.subject import ImageOrigin, subject_of
from napari_sam2.io.scores import score_rows
from napari_sam2.io.tables import write_scores
from napari_sam2.io.tiff import write_labels
from napari_sam2.io.tracked import TrackedLabels
from napari_sam2.model.checkpoint import named_or_file

LABELS, MEASUREMENTS, SCORES = "labels.tif", "measurements.csv", "scores.csv"
PLACE = ("movie", "plate", "well", "field")  # columns in front of the measurements of all movies
FILES = {
    "ome": "labels.ome.tif",
    "ome-zarr": "labels.ome.zarr",
    "ome-zarr-0.5": "labels.v05.ome.zarr",
    "ome-zarr-movie": "cells.movie.ome.zarr",
    "ome-zarr-movie-0.5": "cells.movie.v05.ome.zarr",
    "ctc": "labels.ctc",
    "geff": "tracks.geff.zarr",
    "trackmate": "spots.trackmate.csv",
    "track-edit": "nodes.track-edit.csv",
    "coco": "masks.coco.json",
    "overlay": "overlay.mp4",
}


def write_results(
    folder: Path, entry: BatchMovie, plan: Plan, movie: Movie, annotation: Annotation
) -> MovieRecord:
    """Write labels, measurements, scores, the project and all exports into an empty folder.

    Parameters
    ----------
    folder : Path
        Where to write.
    entry : BatchMovie
        The movie in the batch.
    plan : Plan
        Its model and its exports.
    movie : Movie
        The opened movie.
    annotation : Annotation
        Its tracked objects.

    Returns
    -------
    MovieRecord
        Without key and time.

    Raises
    ------
    OSError
        If something cannot be written.
    ValueError
        If an export format cannot hold the result.
    """
    write_exports(folder, plan, movie, annotation)
    annotation.mark_unseen(painted=not plan.has_own_prompts)
    project = folder / f"{entry.name}{PROJECT_SUFFIX}"
    tracker = tracker_of(annotation)
    # an image of a plate has a number for a name
    name = entry.name if entry.plate else movie.name
    origin = ImageOrigin(name, movie.path, movie.scale, selection=movie.selection)
    subject = subject_of(tracker, movie.data, origin, str(named_or_file(plan.model_name)))
    ProjectFolder.create(project, annotation, subject, [*past_deeds(annotation)]).close()
    return record_of(entry, movie, annotation, project)


def write_exports(folder: Path, plan: Plan, movie: Movie, annotation: Annotation) -> None:
    """Write the labels, the measurements, the scores and the other exports of a plan.

    Raises
    ------
    OSError
        If something cannot be written.
    ValueError
        If a format cannot hold the result.
    """
    channels = {"image": movie.data}  # the columns are the same for all movies
    chances = error_probabilities(annotation)
    tracked = TrackedLabels.of_objects(
        annotation.labels, annotation.objects, movie.scale, channels, chances
    )
    write_labels(folder / LABELS, tracked.labels, tracked.scale)
    column = movie.scale.frame_column
    write_scores(folder / SCORES, score_rows(annotation), column, was_checked=plan.verify)
    write_measurements(folder / MEASUREMENTS, tracked)
    for name in FILES.keys() & set(plan.exports):
        write_export(folder / FILES[name], tracked, FORMATS[name])

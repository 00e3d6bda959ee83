"""Write a result in any format, and open the labels of any."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from napari_sam2.io.coco import write_coco
from napari_sam2.io.ctc import open_ctc, track_table, write_ctc
from napari_sam2.io.formats import ExportFormat, format_of, is_zarr
from napari_sam2.io.geff import graph_of, open_geff, write_geff
from napari_sam2.io.measure import write_measurements
from napari_sam2.io.movies import open_movie
from napari_sam2.io.ngff_image import ShownImage
from napari_sam2.io.ngff_writing import Version
from napari_sam2.io.ome_zarr import label_properties, write_label_zarr
from napari_sam2.io.overlay import write_animation
from napari_sam2.io.spot_tables import write_track_edit, write_trackmate
from napari_sam2.io.tiff import write_labels
from napari_sam2.io.tracked import TrackedLabels


def write_export(
    path: str | os.PathLike[str], tracked: TrackedLabels, format: ExportFormat | None = None
) -> None:
    """Write a result, complete or not at all.

    Parameters
    ----------
    path : path
        File or folder to write; an earlier one of the same kind is replaced.
    tracked : TrackedLabels
    format : ExportFormat, optional
        Default: the one that the name stands for.

    Raises
    ------
    ValueError
        If the name stands for no format, or the format cannot hold the result.
    OSError
        If it cannot be written; an old one is left as it was.
    """
    _WRITERS[(format or format_of(path)).name](Path(path), tracked)


def _write_tiff(path: Path, tracked: TrackedLabels) -> None:
    write_labels(path, tracked.labels, tracked.scale)


def _write_ome_tiff(path: Path, tracked: TrackedLabels) -> None:
    write_labels(path, tracked.labels, tracked.scale, format="ome")


def _write_ome_zarr(
    version: Version, path: Path, tracked: TrackedLabels, *, with_movie: bool = False
) -> None:
    if with_movie and not tracked.channels:
        raise ValueError("the movie is to be written beside its labels: give it too")
    write_label_zarr(
        path,
        tracked.labels,
        tracked.scale,
        parents=tracked.parents,
        names=tracked.names,
        version=version,
        image=ShownImage(tracked.channels, tracked.shown_limits) if with_movie else None,
    )


def _write_overlay(path: Path, tracked: TrackedLabels) -> None:
    if not tracked.channels:
        raise ValueError("an overlay needs the image: give it too")
    movie = next(iter(tracked.channels.values()))
    stack = tracked.labels if len(tracked.labels.shape) == 3 else tracked.frame(0)[None]
    write_animation(path, movie if stack is tracked.labels else movie[None], stack)


_WRITERS: dict[str, Callable[[Path, TrackedLabels], None]] = {
    "tiff": _write_tiff,
    "ome": _write_ome_tiff,
    "ome-zarr": partial(_write_ome_zarr, "0.4"),
    "ome-zarr-0.5": partial(_write_ome_zarr, "0.5"),
    "ome-zarr-movie": partial(_write_ome_zarr, "0.4", with_movie=True),
    "ome-zarr-movie-0.5": partial(_write_ome_zarr, "0.5", with_movie=True),
    "ctc": write_ctc,
    "geff": write_geff,
    "csv": write_measurements,
    "trackmate": write_trackmate,
    "track-edit": write_track_edit,
    "coco": write_coco,
    "overlay": _write_overlay,
}


def open_tracked(path: str | os.PathLike[str]) -> TrackedLabels:
    """Open labels in any format that we write, or that other programs write.

    Parameters
    ----------
    path : path
        TIFF, folder of images, zarr (of an OME-Zarr image its labels), folder of the Cell Tracking
        Challenge, or GEFF with labels.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ValueError, TypeError
        If it holds no labels; the message names the content that was found.
    """
    place = Path(path)
    if not place.exists():
        raise FileNotFoundError(f"there are no labels {place}")
    if place.is_dir() and track_table(place) is not None:
        return open_ctc(place)
    if graph_of(place) is not None:
        return open_geff(place)
    movie = open_movie(place, as_labels=True)
    if movie.rgb:
        raise TypeError(f"{place.name} holds colours; labels are one integer per pixel")
    parents, names = label_properties(place) if is_zarr(place) else ({}, {})
    return TrackedLabels(movie.data, parents, names, movie.scale)

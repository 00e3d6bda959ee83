"""All formats that results can be written in, with their names in the shell and the window."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_sam2.io.coco import write_coco
from napari_sam2.io.ctc import open_ctc, track_table, write_ctc
from napari_sam2.io.geff import graph_of, open_geff, write_geff
from napari_sam2.io.measure import write_measurements
from napari_sam2.io.movies import open_movie
from napari_sam2.io.overlay import write_animation
from napari_sam2.io.spot_tables import write_track_edit, write_trackmate
from napari_sam2.io.tiff import write_labels
from napari_sam2.io.tracked import TrackedLabels


@dataclass(frozen=True)
class ExportFormat:
    """One way to write a result.

    Parameters
    ----------
    name : str
        On the command line.
    title : str
        In the window.
    suffixes : tuple of str
        Ends of names that stand for it; the first one is proposed.
    write : callable
        Writes a file or folder, complete or not at all.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    write: Callable[[Path, TrackedLabels], None]


def _write_tiff(path: Path, tracked: TrackedLabels) -> None:
    write_labels(path, tracked.labels, tracked.scale)


def _write_ome_tiff(path: Path, tracked: TrackedLabels) -> None:
    write_labels(path, tracked.labels, tracked.scale, format="ome")


def _write_overlay(path: Path, tracked: TrackedLabels) -> None:
    if not tracked.channels:
        raise ValueError("an overlay needs the image: give it too")
    movie = next(iter(tracked.channels.values()))
    stack = tracked.labels if len(tracked.labels.shape) == 3 else tracked.frame(0)[None]
    write_animation(path, movie if stack is tracked.labels else movie[None], stack)


FORMATS = {
    choice.name: choice
    for choice in (
        ExportFormat("tiff", "Labels", (".sam2.tif", ".tif", ".tiff"), _write_tiff),
        ExportFormat("ome", "Labels, OME", (".ome.tif", ".ome.tiff"), _write_ome_tiff),
        ExportFormat("ctc", "Cell Tracking Challenge, a folder", (".ctc",), write_ctc),
        ExportFormat("geff", "Tracks and labels, GEFF", (".geff.zarr",), write_geff),
        ExportFormat("csv", "Measurements", (".csv",), write_measurements),
        ExportFormat("trackmate", "Spots for TrackMate", (".trackmate.csv",), write_trackmate),
        ExportFormat(
            "track-edit", "Nodes for napari-track-edit", (".track-edit.csv",), write_track_edit
        ),
        ExportFormat("coco", "COCO", (".coco.json", ".json"), write_coco),
        ExportFormat("overlay", "Overlay film", (".mp4", ".gif"), _write_overlay),
    )
}


def format_of(path: str | os.PathLike[str]) -> ExportFormat:
    """The format that the name of a file stands for; the longest suffix counts.

    Raises
    ------
    ValueError
        If it stands for none.
    """
    name = Path(path).name.lower()
    found = [
        (len(suffix), choice)
        for choice in FORMATS.values()
        for suffix in choice.suffixes
        if name.endswith(suffix)
    ]
    if not found:
        known = ", ".join(choice.suffixes[0] for choice in FORMATS.values())
        raise ValueError(f"{Path(path).name} stands for no format; expected one of {known}")
    return max(found, key=lambda pair: pair[0])[1]


def open_tracked(path: str | os.PathLike[str]) -> TrackedLabels:
    """Open labels of any kind that we write, and those of others.

    Parameters
    ----------
    path : path
        TIFF, folder of images, zarr, folder of the Cell Tracking Challenge, or GEFF with labels.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    ValueError, TypeError
        If it holds no labels; the message says what was found.
    """
    place = Path(path)
    if not place.exists():
        raise FileNotFoundError(f"there are no labels {place}")
    if place.is_dir() and track_table(place) is not None:
        return open_ctc(place)
    if graph_of(place) is not None:
        return open_geff(place)
    movie = open_movie(place)
    if movie.rgb:
        raise TypeError(f"{place.name} holds colours; labels are one integer per pixel")
    return TrackedLabels(movie.data, scale=movie.scale)

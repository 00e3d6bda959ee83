"""Names and suffixes of the export formats; this module imports no writer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_ZARR_MARKERS = ("zarr.json", ".zarray", ".zgroup")


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
    """

    name: str
    title: str
    suffixes: tuple[str, ...]


_ALL = (
    ExportFormat("tiff", "Labels as TIFF", (".sam2.tif", ".sam2.tiff", ".tif", ".tiff")),
    ExportFormat("ome", "Labels as OME-TIFF", (".ome.tif", ".ome.tiff")),
    ExportFormat("ome-zarr", "Labels as OME-Zarr 0.4", (".ome.zarr",)),
    ExportFormat("ome-zarr-0.5", "Labels as OME-Zarr 0.5", (".v05.ome.zarr",)),
    ExportFormat("ome-zarr-movie", "Movie and labels as OME-Zarr 0.4", (".movie.ome.zarr",)),
    ExportFormat(
        "ome-zarr-movie-0.5", "Movie and labels as OME-Zarr 0.5", (".movie.v05.ome.zarr",)
    ),
    ExportFormat("ctc", "Folder of the Cell Tracking Challenge", (".ctc",)),
    ExportFormat("geff", "Tracks and labels as GEFF", (".geff.zarr",)),
    ExportFormat("csv", "Measurements", (".csv",)),
    ExportFormat("trackmate", "Spots for TrackMate", (".trackmate.csv",)),
    ExportFormat("track-edit", "Nodes for napari-track-edit", (".track-edit.csv",)),
    ExportFormat("coco", "Masks as COCO", (".coco.json", ".json")),
    ExportFormat("overlay", "Film of the outlines", (".mp4", ".gif")),
)
FORMATS = {choice.name: choice for choice in _ALL}


def format_of(path: str | os.PathLike[str]) -> ExportFormat:
    """The format that the name of a file stands for; the longest suffix counts.

    Raises
    ------
    ValueError
        If it stands for none.
    """
    name = Path(path).name
    found = [(len(name) - len(stem_of(name, choice)), choice) for choice in _ALL]
    length, best = max(found, key=lambda pair: pair[0])
    if not length:
        known = ", ".join(choice.suffixes[0] for choice in _ALL)
        raise ValueError(f"{name} stands for no format; expected one of {known}")
    return best


def stem_of(name: str, *formats: ExportFormat) -> str:
    """The name without the longest suffix of the formats, of all of them by default."""
    suffixes = [suffix for choice in formats or _ALL for suffix in choice.suffixes]
    ends = [suffix for suffix in suffixes if name.lower().endswith(suffix)]
    return name[: len(name) - max(map(len, ends), default=0)]


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr array or group."""
    return path.is_dir() and (
        path.suffix.lower() == ".zarr" or any((path / marker).is_file() for marker in _ZARR_MARKERS)
    )


def is_ome_zarr(path: str | os.PathLike[str]) -> bool:
    """Whether a name is that of an OME-Zarr folder of labels, in one of the two versions."""
    return Path(path).name.lower().endswith(".ome.zarr")

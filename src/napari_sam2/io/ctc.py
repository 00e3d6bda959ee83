"""Folders of the Cell Tracking Challenge: ``mask000.tif`` ... and ``res_track.txt``.

The rules are those of the challenge (https://celltrackingchallenge.net, "Naming and file content
conventions"): 16-bit images of one frame each, and a table ``id first last parent`` of tracks that
are there on every frame from the first to the last. Pixel size and frame interval, which the rules
do not name, are in each image as ImageJ keeps them; the spacing of a Z stack has no place there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_sam2.io.atomic import atomic_folder
from napari_sam2.io.image_folder import read_first, read_image
from napari_sam2.io.movie import lazy_stack
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tiff_metadata import imagej_metadata, imagej_resolution
from napari_sam2.io.tracked import TrackedLabels
from napari_sam2.io.tracks import TableCheck, Track, read_tracks

_MASK = re.compile(r"(mask|man_track)(\d+)\.tiff?", re.IGNORECASE)
_TABLES = ("res_track.txt", "man_track.txt")
_LARGEST_ID = np.iinfo(np.uint16).max


def write_ctc(folder: str | os.PathLike[str], tracked: TrackedLabels) -> None:
    """Write labels as a result of the Cell Tracking Challenge.

    Ids stay as they are, unless the rules of the challenge do not allow it: an object that was
    away for some frames, or still exists after its division, is a new track from then on, the
    daughter of the old one; when an id is above 65535, all tracks are numbered from 1. A link to a
    mother without a mask before its daughter is left out.

    Parameters
    ----------
    folder : path
        Folder to write; an earlier result of the challenge is replaced when the new one is
        complete.
    tracked : TrackedLabels
        Read one frame at a time, twice.

    Raises
    ------
    ValueError
        If there is no object, or there are more tracks than 16 bits can name.
    FileExistsError
        If the folder holds anything else.
    OSError
        If it cannot be written; an old result is left as it was.
    """
    lineage = tracked.lineage
    tracks, names = lineage.tracks, dict(lineage.names)
    if not tracks:
        raise ValueError("there is no object to write: all labels are 0")
    if max(track.object_id for track in tracks) > _LARGEST_ID:
        tracks, numbers = _renumbered(tracks)
        names = {place: numbers[name] for place, name in names.items()}
    digits = max(3, len(str(tracked.shape[0] - 1)))
    with atomic_folder(folder, is_result) as temporary:
        for t, frame in enumerate(tracked.frames()):
            mask = _renamed(frame, t, names)
            _write_mask(temporary / f"mask{t:0{digits}d}.tif", mask, tracked.scale)
        write_track_table(temporary / "res_track.txt", tracks)


def _write_mask(path: Path, mask: NDArray[np.uint16], scale: ImageScale) -> None:
    resolution = imagej_resolution(scale)
    if resolution is None and scale.interval_s is None:
        tifffile.imwrite(path, mask, compression="zlib")
    else:
        metadata = imagej_metadata("TYX", scale, (0, max(int(mask.max()), 1)))
        tifffile.imwrite(
            path,
            mask[np.newaxis],
            compression="zlib",
            photometric="minisblack",
            imagej=True,
            resolution=resolution,
            metadata=metadata,
        )


def write_track_table(path: Path, tracks: Iterable[Track]) -> None:
    """Write ``id first last parent``, one track a line, ascending."""
    rows = sorted((k.object_id, k.first, k.last, k.parent) for k in tracks)
    text = "".join(f"{' '.join(map(str, row))}\n" for row in rows)
    path.write_text(text, encoding="ascii", newline="\n")


def open_ctc(folder: str | os.PathLike[str]) -> TrackedLabels:
    """Open a result or the tracking truth of the challenge; frames are read when they are needed.

    Parameters
    ----------
    folder : path
        With ``mask000.tif`` and ``res_track.txt``, or ``man_track000.tif`` and ``man_track.txt``.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, table or image.
    ValueError
        If the table is no table of tracks, speaks of frames or mothers that are not there, or a
        frame is missing or differs from the others. When a frame is read: if it holds an object
        that is not in the table on this frame.

    Warns
    -----
    UserWarning
        When a frame is read, once: if an object of the table has no pixels on it.
    """
    place = Path(folder)
    table = track_table(place)
    if table is None:
        raise FileNotFoundError(
            f"no {' or '.join(_TABLES)} in {place}: is it a folder of the Cell Tracking Challenge?"
        )
    files = _frame_files(place)
    tracks = read_tracks(table)
    _check(tracks, len(files), table.name)
    first, _, scale = read_first(files[0])
    if first.ndim != 2 or first.dtype.kind not in "ui":
        raise ValueError(f"{files[0].name} holds no labels: {first.shape} {first.dtype}")

    check = TableCheck(tracks, table.name, place.name)

    def read_frame(t: int) -> NDArray[Any]:
        image = read_image(files[t])
        if image.shape != first.shape or image.dtype.kind not in "ui":
            raise ValueError(f"{files[t].name} is {image.shape}, {files[0].name} {first.shape}")
        check.check({t: np.unique(image[image > 0]).tolist()})
        return image.astype(first.dtype, copy=False)

    labels = lazy_stack(read_frame, (len(files), *first.shape), first.dtype)
    return TrackedLabels(labels, {k.object_id: k.parent for k in tracks if k.parent}, scale=scale)


def track_table(folder: Path) -> Path | None:
    """The table of a folder of the challenge, None where there is none."""
    return next((folder / name for name in _TABLES if (folder / name).is_file()), None)


def is_result(folder: Path) -> bool:
    """Whether a folder holds a result of the challenge and nothing else."""
    names = {file.name for file in folder.iterdir() if not file.name.startswith(".")}
    images = {name for name in names if _MASK.fullmatch(name)}
    return bool(images) and names - images <= set(_TABLES)


def _renumbered(tracks: Iterable[Track]) -> tuple[tuple[Track, ...], dict[int, int]]:
    ordered = sorted(tracks, key=lambda track: (track.first, track.object_id))
    if len(ordered) > _LARGEST_ID:
        raise ValueError(
            f"there are {len(ordered)} tracks; the Cell Tracking Challenge has names for "
            f"{_LARGEST_ID}"
        )
    numbers = {track.object_id: number for number, track in enumerate(ordered, start=1)}
    numbers[0] = 0
    renumbered = (Track(numbers[k.object_id], k.first, k.last, numbers[k.parent]) for k in ordered)
    return tuple(renumbered), numbers


def _renamed(frame: NDArray[Any], t: int, names: dict[tuple[int, int], int]) -> NDArray[np.uint16]:
    ids, places = np.unique(frame, return_inverse=True)
    renamed = np.array([names.get((t, k), 0) for k in ids.tolist()], np.uint16)
    return renamed[places].reshape(frame.shape)


def _frame_files(folder: Path) -> list[Path]:
    found = {
        int(match[2]): file
        for file in folder.iterdir()
        if (match := _MASK.fullmatch(file.name)) is not None
    }
    if not found:
        raise FileNotFoundError(f"no mask000.tif or man_track000.tif in {folder}")
    missing = next(t for t in count() if t not in found)
    if missing <= max(found):
        raise ValueError(f"frame {missing} is missing in {folder}")
    return [found[t] for t in sorted(found)]


def _check(tracks: Iterable[Track], frames: int, source: str) -> None:
    known = {track.object_id: track for track in tracks}
    for track in known.values():
        if track.last >= frames:
            raise ValueError(
                f"{source}: track {track.object_id} ends on frame {track.last}, "
                f"but there are {frames} frames"
            )
        if track.parent and track.parent not in known:
            raise ValueError(
                f"{source}: the parent {track.parent} of track {track.object_id} is not there"
            )
        if track.parent and known[track.parent].last >= track.first:
            raise ValueError(
                f"{source}: track {track.object_id} begins on frame {track.first}, "
                f"before its parent {track.parent} ends"
            )

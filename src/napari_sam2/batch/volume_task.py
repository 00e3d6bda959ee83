"""Tracking of volumes over time in 3D, from prompts in a file, and its results."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from napari_sam2.annotation.quality import LOWEST_IOU
from napari_sam2.batch.movies import BatchMovie
from napari_sam2.batch.outputs import FILES, LABELS, MEASUREMENTS
from napari_sam2.batch.plan import Plan
from napari_sam2.batch.record import MovieRecord
from napari_sam2.batch.summary import thumbnail
from napari_sam2.io.measure_volumes import write_volume_measurements
from napari_sam2.io.project.manifest import now
from napari_sam2.io.tiff import LabelsFormat, write_volume_labels
from napari_sam2.io.volume_prompts import read_volume_prompts
from napari_sam2.tracking.volumes import VolumeTracker

if TYPE_CHECKING:
    from napari_sam2.io.measure_volumes import Qualities
    from napari_sam2.io.volumes import VolumeMovie
    from napari_sam2.model import Sam2
    from napari_sam2.tracking.volumes import VolumeStep


def prompted_tracker(network: Sam2, movie: VolumeMovie, prompts: Path) -> VolumeTracker:
    """A tracker of volumes with the prompts of a file.

    Raises
    ------
    FileNotFoundError
        If the prompts are not there.
    ValueError
        If they do not fit the volumes.
    """
    tracker = VolumeTracker(network, movie.data, shown_limits=movie.shown_limits)
    for t, prompt in read_volume_prompts(prompts, movie.shape):
        tracker.set_prompt(t, prompt)
    return tracker


def follow_volumes(
    steps: Iterable[VolumeStep], tell: Callable[[VolumeStep], None]
) -> tuple[Qualities, list[str]]:
    """Do the work; qualities of the masks by time and object, and what went wrong.

    Parameters
    ----------
    steps : iterable of VolumeStep
        From `VolumeTracker.track`.
    tell : callable
        Gets every step.
    """
    qualities: dict[tuple[int, int], float] = {}
    problems: dict[int, str] = {}
    for step in steps:
        tell(step)
        qualities |= {(step.t, k): value for k, value in step.predicted_iou.items()}
        if step.problem is not None:
            problems[step.t] = step.problem
    return qualities, list(problems.values())


def track_in_3d(
    folder: Path,
    entry: BatchMovie,
    plan: Plan,
    movie: VolumeMovie,
    tracker: VolumeTracker,
    tell: Callable[[VolumeStep], None],
) -> MovieRecord:
    """Track volumes, and write labels, measurements and the exports of a plan into a folder.

    There is no project, because a project holds frames.

    Parameters
    ----------
    folder : Path
        Where to write.
    entry : BatchMovie
        The movie in the batch.
    plan : Plan
        Its direction and its exports.
    movie : VolumeMovie
        The volumes.
    tracker : VolumeTracker
        From `prompted_tracker`.
    tell : callable
        Gets every step.

    Returns
    -------
    MovieRecord
        Without key and time. Masks with a low predicted quality count as doubtful; the note names
        volumes that could not be read.

    Raises
    ------
    OSError
        If something cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="napari-sam2-") as place:
        labels = np.lib.format.open_memmap(  # a long movie does not fit into memory
            Path(place) / "labels.npy", mode="w+", dtype=np.uint32, shape=movie.shape
        )
        qualities, problems = follow_volumes(tracker.track(labels, plan.direction), tell)
        write_volume_labels(folder / LABELS, labels, movie.scale)
        write_volume_measurements(folder / MEASUREMENTS, labels, movie.scale, qualities)
        for name in plan.exports:
            chosen = cast(LabelsFormat, name)  # the plan takes no other exports
            write_volume_labels(folder / FILES[name], labels, movie.scale, chosen)
        worst = min(qualities, key=lambda key: qualities[key], default=(0, 0))[0]
        picture = thumbnail(movie.volume(worst).max(axis=0), labels[worst].max(axis=0))
        del labels  # closes the file
    return MovieRecord(
        name=entry.name,
        movie=str(entry.path),
        plate=entry.plate,
        well=entry.well,
        field=entry.field,
        note="; ".join([movie.note, *(f"{problem}, skipped" for problem in problems)]),
        key="",
        frames=movie.shape[0],
        cells=len(tracker.object_ids),
        divisions=0,
        possible_divisions=0,
        masks=len(qualities),
        doubtful=sum(quality < LOWEST_IOU for quality in qualities.values()),
        worst_frame=worst,
        thumbnail=picture,
        seconds=0.0,
        finished=now(),
        project="",
    )

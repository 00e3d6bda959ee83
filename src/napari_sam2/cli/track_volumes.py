"""``napari-sam2 track --z 3d``: track objects through volumes over time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer

from napari_sam2.cli.errors import UsageError
from napari_sam2.cli.movies import UNREADABLE
from napari_sam2.cli.tracking_run import progress_bar

if TYPE_CHECKING:
    from napari_sam2.io.measure_volumes import Qualities
    from napari_sam2.io.selection import Selection
    from napari_sam2.io.volumes import VolumeMovie
    from napari_sam2.model import Sam2
    from napari_sam2.tracking.plan import Sweep
    from napari_sam2.tracking.volumes import VolumeStep


def open_all_planes(path: Path, part: Selection) -> VolumeMovie:
    """Open the volumes of a movie, and say on stderr which part they are.

    Raises
    ------
    UsageError
        If several channels were chosen.
    """
    from napari_sam2.io.volumes import open_volumes

    if part.is_mix:
        raise UsageError("--z 3d tracks one channel: choose one, as with --channel 0")
    movie = open_volumes(
        path,
        axes=part.axes,
        channel=part.channels[0] if part.channels else None,
        frames=part.frames,
        series=part.series,
    )
    typer.echo(movie.note, err=True)
    return movie


def track_volumes(
    network: Sam2,
    movie: VolumeMovie,
    prompts: Path,
    output: Path,
    direction: Sweep,
    table: Path | None,
) -> None:
    """Track the objects of a prompt file through volumes, and write labels and a table.

    Raises
    ------
    ValueError
        If the prompts do not fit the volumes.
    typer.Exit
        With the exit code for this, if volumes could not be read.
    """
    from napari_sam2.batch.volume_task import prompted_tracker
    from napari_sam2.io.measure_volumes import write_volume_measurements
    from napari_sam2.io.tiff import write_volume_labels

    tracker = prompted_tracker(network, movie, prompts)
    with tempfile.TemporaryDirectory(prefix="napari-sam2-") as folder:
        labels = np.lib.format.open_memmap(  # a long movie does not fit into memory
            Path(folder) / "labels.npy", mode="w+", dtype=np.uint32, shape=movie.shape
        )
        qualities, problems = _follow(tracker.track(labels, direction))
        write_volume_labels(output, labels, movie.scale)
        if table is not None:
            write_volume_measurements(table, labels, movie.scale, qualities)
        del labels  # closes the file
    typer.echo(
        f"{output}: {len(tracker.object_ids)} objects in {movie.shape[0]} volumes of "
        f"{movie.shape[1]} planes, on {network.device}"
    )
    for problem in problems:
        typer.echo(f"{movie.name}: {problem}; it was skipped", err=True)
    if problems:
        raise typer.Exit(UNREADABLE)


def _follow(steps: Iterable[VolumeStep]) -> tuple[Qualities, list[str]]:
    """Do the work with a progress bar; qualities by time and object, and what went wrong."""
    from napari_sam2.batch.volume_task import follow_volumes

    with progress_bar() as bar:
        task = bar.add_task("planes", total=None, rate="")
        return follow_volumes(
            steps, lambda step: bar.update(task, completed=step.done, total=step.total)
        )

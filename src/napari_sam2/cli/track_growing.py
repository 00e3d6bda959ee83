"""``napari-sam2 track --follow``: track into the frames of a movie that is being acquired."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from napari_sam2.batch.tracking_run import track_growing
from napari_sam2.cli.tracking_run import follow
from napari_sam2.io.growing import GrowingMovie, MovieChanged

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.io.selection import Selection


def open_growing(path: Path, part: Selection) -> GrowingMovie:
    """Open the frames that are complete, and say on stderr which part is taken."""
    growing = GrowingMovie(path, part)
    if growing.movie.note:
        typer.echo(growing.movie.note, err=True)
    return growing


def follow_acquisition(
    annotation: Annotation, growing: GrowingMovie, quiet_s: float
) -> MovieChanged | None:
    """Track into new frames until none comes any more, or until Ctrl+C.

    Parameters
    ----------
    annotation : Annotation
        The document, tracked on the frames so far.
    growing : GrowingMovie
        The movie.
    quiet_s : float
        Seconds without a new frame until it ends.

    Returns
    -------
    MovieChanged or None
        Why it ended early, to be raised once the labels are written.
    """
    first = annotation.shape[0]
    typer.echo(
        f"{growing.movie.name}: {first} frames so far; waiting for more. Ctrl+C ends it, and the "
        "labels are written",
        err=True,
    )
    try:
        follow(track_growing(annotation, growing, quiet_s))
    except KeyboardInterrupt:
        typer.echo("stopped; the labels so far are written", err=True)
    except MovieChanged as error:
        return error
    finally:
        typer.echo(f"{annotation.shape[0] - first} new frames", err=True)
    return None

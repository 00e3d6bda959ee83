"""``napari-sam2 track``: track objects through a movie from prompts, and write labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_sam2.cli.errors import UsageError, check_outputs
from napari_sam2.cli.options import (
    DeviceOption,
    Direction,
    FastOption,
    LocalOption,
    ModelOption,
    OverwriteOption,
    SizeOption,
    load,
)


def track(
    movie: Annotated[
        Path,
        typer.Argument(
            metavar="MOVIE",
            exists=True,
            help="TIFF, folder of TIFF, PNG or JPEG images, MP4, AVI, GIF or zarr.",
        ),
    ],
    prompts: Annotated[
        Path,
        typer.Option(
            "--prompts", "-p", exists=True, dir_okay=False, help="JSON, or a TIFF with labels."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Labels to write, .tif.")],
    model: ModelOption = "cells",
    device: DeviceOption = "auto",
    image_size: SizeOption = None,
    fast: FastOption = False,
    local: LocalOption = False,
    direction: Annotated[
        Direction, typer.Option(help="Direction of tracking from the prompts.")
    ] = Direction.both,
    scores: Annotated[Path | None, typer.Option(help="Table of scores to write, .csv.")] = None,
    divisions: Annotated[
        Path | None, typer.Option(help="Table of possible divisions to write, .csv.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Track objects through a movie from prompts in a file, and write the labels."""
    if output.suffix.lower() not in (".tif", ".tiff"):
        raise UsageError(f"labels are written as .tif; got {output.name}")
    outputs = [path for path in (output, scores, divisions) if path is not None]
    for path in outputs:
        if path.resolve() in (movie.resolve(), prompts.resolve()):
            raise UsageError(f"{path} is an input; give another name for the output")
    check_outputs(outputs, overwrite)

    from napari_sam2.annotation import Annotation
    from napari_sam2.cli.tracking_run import carry_out, score_rows
    from napari_sam2.io.movies import open_movie
    from napari_sam2.io.prompt_files import read_prompts
    from napari_sam2.io.tables import write_divisions, write_scores
    from napari_sam2.io.tiff import write_labels
    from napari_sam2.tracking import Frames, Tracker

    opened = open_movie(movie)
    given = read_prompts(prompts, opened.shape)
    network = load(model, device, image_size, fast=fast, local=local)
    annotation = Annotation(Tracker(network, Frames(opened.data, rgb=opened.rgb)))
    rate = carry_out(annotation, given, direction)
    write_labels(output, annotation.labels, opened.scale)
    if scores is not None:
        write_scores(scores, score_rows(annotation), opened.scale.frame_column)
    if divisions is not None:
        proposals = annotation.propose_divisions()
        write_divisions(divisions, proposals, opened.scale.frame_column)
        typer.echo(f"{divisions}: {len(proposals)} possible divisions")
    typer.echo(
        f"{output}: {len(annotation.objects)} objects on {opened.shape[0]} frames, "
        f"{rate:.2f} frames/s on {network.device}"
    )

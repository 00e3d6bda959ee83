"""``napari-sam2 track``: track objects through a movie from prompts, and write labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_sam2.cli.errors import UsageError, check_inputs_stay, check_labels_output, check_outputs
from napari_sam2.cli.find import NOTHING_FOUND, CellSizeOption, MinScoreOption
from napari_sam2.cli.movies import (
    AxesOption,
    ChannelOption,
    PlaneOption,
    RangeOption,
    SeriesOption,
    check_all_were_read,
    open_part,
    part_of_movie,
)
from napari_sam2.cli.options import (
    DeviceOption,
    Direction,
    FastOption,
    LocalOption,
    ModelOption,
    MovieArgument,
    OverwriteOption,
    SizeOption,
    WindowsOption,
    WithImageOption,
    load,
    with_movie,
)
from napari_sam2.cli.track_volumes import open_all_planes, track_volumes
from napari_sam2.io.formats import format_of

AUTO = "auto"  # in place of a file with prompts
SMALL_OBJECTS = (
    "The objects are tiny in whole frames: the model sees a square around each of them. "
    "--windows whole is faster."
)


def track(
    movie: Annotated[
        Path,
        MovieArgument,
    ],
    prompts: Annotated[
        str,
        typer.Option(
            "--prompts",
            "-p",
            help="JSON, or a TIFF with labels; auto: all cells are found.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Labels to write, .tif or .ome.zarr.")
    ],
    link: Annotated[
        bool,
        typer.Option(
            "--link",
            help="With a TIFF whose frames were numbered one by one: link masks that overlap.",
        ),
    ] = False,
    model: ModelOption = "cells",
    device: DeviceOption = "auto",
    image_size: SizeOption = None,
    fast: FastOption = False,
    local: LocalOption = False,
    windows: WindowsOption = None,
    axes: AxesOption = None,
    channel: ChannelOption = None,
    z: PlaneOption = None,
    frame_range: RangeOption = None,
    series: SeriesOption = None,
    direction: Annotated[
        Direction, typer.Option(help="Direction of tracking from the prompts.")
    ] = Direction.both,
    look_every: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="With --prompts auto: frames from one search for new cells to the next; 0: the "
            "first frame alone. Default: every frame with the built-in model, the first one with "
            "official models.",
        ),
    ] = None,
    cell_size: CellSizeOption = None,
    min_score: MinScoreOption = 0.5,
    scores: Annotated[
        Path | None,
        typer.Option(help="Table of scores to write, .csv; with --z 3d of volumes and places too."),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Track every cell back from its end, and write into the table of scores how far "
            "its masks agree. Takes about as long as tracking.",
        ),
    ] = False,
    follow_s: Annotated[
        float | None,
        typer.Option(
            "--follow",
            min=0.1,
            metavar="SECONDS",
            help="Follow the acquisition: track into new frames of a folder or zarr as they come, "
            "until there was none for so many seconds.",
        ),
    ] = None,
    divisions: Annotated[
        Path | None, typer.Option(help="Table of possible divisions to write, .csv.")
    ] = None,
    with_image: WithImageOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Track objects through a movie from prompts in a file, or all cells, and write the labels."""
    from napari_sam2.io.selection import IN_3D

    is_3d = z is not None and z.lower() == IN_3D
    part = part_of_movie(axes, channel, None if is_3d else z, frame_range, series)
    check_labels_output(output, may_have_movie=not is_3d)
    is_automatic = prompts == AUTO
    if is_3d:
        _check_3d(
            is_automatic=is_automatic,
            others={
                "--divisions": divisions is not None,
                "--verify": verify,
                "--link": link,
                "--with-image": with_image,
            },
        )
    labels_format: Any = with_movie(format_of(output).name) if with_image else "auto"
    has_movie = with_image or format_of(output).name.startswith("ome-zarr-movie")
    _check_prompts(prompts, look_every, direction)
    if link and is_automatic:
        raise UsageError("--link needs labels as prompts; --prompts auto makes its own")
    if verify and scores is None:
        raise UsageError("--verify writes into the table of scores and needs --scores")
    if follow_s is not None:
        _check_follow({"--z 3d": is_3d, "--link": link, "--look-every": look_every is not None})
    outputs = [path for path in (output, scores, divisions) if path is not None]
    check_inputs_stay(outputs, [movie, Path(prompts)])
    check_outputs(outputs, overwrite, with_movie=has_movie)

    if is_3d:
        volumes = open_all_planes(movie, part)
        network = load(model, device, image_size, fast=fast, local=local, windows=windows)
        track_volumes(network, volumes, Path(prompts), output, direction.value, scores)
        return

    from napari_sam2.annotation import Annotation
    from napari_sam2.batch.tracking_run import (
        FindingSettings,
        check_backward,
        track_found_objects,
        track_prompts,
    )
    from napari_sam2.batch.windows import windows_of_run
    from napari_sam2.cli.track_growing import follow_acquisition, open_growing
    from napari_sam2.cli.tracking_run import follow
    from napari_sam2.io.movie_frames import MovieFrames
    from napari_sam2.io.prompt_files import read_linked_prompts, read_prompts
    from napari_sam2.io.scores import score_rows
    from napari_sam2.io.tables import write_divisions, write_scores
    from napari_sam2.io.tiff import write_labels
    from napari_sam2.tracking import Tracker

    growing = None if follow_s is None else open_growing(movie, part)
    opened = open_part(movie, part) if growing is None else growing.movie
    if link:
        given, links = read_linked_prompts(Path(prompts), opened.shape)
        typer.echo(f"{prompts}: {links.text}")
    else:
        given = [] if is_automatic else read_prompts(Path(prompts), opened.shape)
    network = load(model, device, image_size, fast=fast, local=local, windows=windows)
    frames = MovieFrames(opened)
    chosen = windows_of_run(network, frames.shape, given, cell_size) if windows is None else None
    if chosen is not None and chosen != network.config.windows:
        typer.echo(SMALL_OBJECTS, err=True)
    annotation = Annotation(Tracker(network, frames, windows=chosen))
    if is_automatic:
        searches = 0 if growing is not None else look_every
        settings = FindingSettings(searches, cell_size, min_score)
        rate = follow(track_found_objects(annotation, network, frames, settings))
        if not annotation.objects:
            raise ValueError(NOTHING_FOUND)
    else:
        rate = follow(track_prompts(annotation, given, direction.value))
    problem = None
    if growing is not None and follow_s is not None:
        write_labels(output, annotation.labels, opened, labels_format)
        problem = follow_acquisition(annotation, growing, follow_s)
        opened = growing.movie
    if verify:
        follow(check_backward(annotation))
    write_labels(output, annotation.labels, opened, labels_format)
    if scores is not None:
        column = opened.scale.frame_column
        write_scores(scores, score_rows(annotation), column, was_checked=verify)
    if divisions is not None:
        proposals = annotation.propose_divisions()
        write_divisions(divisions, proposals, opened.scale.frame_column)
        typer.echo(f"{divisions}: {len(proposals)} possible divisions")
    typer.echo(
        f"{output}: {len(annotation.objects)} objects on {opened.shape[0]} frames, "
        f"{rate:.2f} frames/s on {network.device}"
    )
    if problem is not None:
        raise problem
    check_all_were_read(frames, movie.name)


def _check_follow(others: Mapping[str, bool]) -> None:
    """Refuse options that need all frames at the beginning."""
    for option, is_given in others.items():
        if is_given:
            raise UsageError(f"{option} needs all frames at once; leave it or --follow away")


def _check_3d(*, is_automatic: bool, others: Mapping[str, bool]) -> None:
    """Refuse what tracking in 3D cannot do."""
    if is_automatic:
        raise UsageError(
            "--z 3d needs a file of prompts with their planes; --prompts auto finds the cells of "
            "one plane, as with --z 5, or of a projection"
        )
    for option, is_given in others.items():
        if is_given:
            raise UsageError(f"{option} works in planes and projections; leave it or --z 3d away")


def _check_prompts(prompts: str, look_every: int | None, direction: Direction) -> None:
    """Refuse prompts that are no file, and options that go with others."""
    if prompts != AUTO and not Path(prompts).is_file():
        raise UsageError(f"there is no file {prompts}; --prompts auto finds all cells")
    if prompts != AUTO and look_every is not None:
        raise UsageError("--look-every looks for new cells and needs --prompts auto")
    if prompts == AUTO and direction is Direction.backward:
        raise UsageError("--prompts auto begins on the first frame; leave --direction away")

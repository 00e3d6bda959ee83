"""``napari-sam2 evaluate``: score a model on a movie with ground truth, as in the paper."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_sam2.cli.errors import UsageError
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
    FastOption,
    LocalOption,
    ModelOption,
    MovieArgument,
    OverwriteOption,
    SizeOption,
    WindowsOption,
    load,
)
from napari_sam2.cli.reports import (
    ConventionOption,
    CsvOption,
    JsonOption,
    MarginOption,
    MarkersOption,
    PlotOption,
    TruthTracksOption,
    check_report_files,
    progress,
    versions,
    write_report,
)
from napari_sam2.evaluation.protocol_names import Convention, PromptKind, ProtocolName

if TYPE_CHECKING:
    from napari_sam2.evaluation.ground_truth import LabelledMovie
    from napari_sam2.evaluation.results import Evaluation
    from napari_sam2.io.movie import Movie
    from napari_sam2.model import Sam2
    from napari_sam2.tracking import Frames

PerObjectOption = Annotated[
    bool,
    typer.Option(
        "--per-object",
        help="Score each object's own mask in place of the labels, in which no masks overlap; "
        "only vos scores labels.",
    ),
]


def evaluate(
    movie: Annotated[
        Path,
        MovieArgument,
    ],
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH",
            exists=True,
            help="Ground truth: TIFF, folder of images, or folder of the Cell Tracking Challenge.",
        ),
    ],
    protocol: Annotated[
        ProtocolName,
        typer.Option(
            help="image: each frame by itself; vos: prompt once and track; offline: the worst "
            "frame is clicked in each round; online: stop and click where an object is lost; "
            "auto: all objects are found without a click."
        ),
    ] = ProtocolName.vos,
    prompt: Annotated[
        PromptKind | None,
        typer.Option(
            help="First prompt of an object, for image and vos (default: 1-click); for offline "
            "and online see --clicks."
        ),
    ] = None,
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
    objects: Annotated[
        int | None, typer.Option(min=1, help="Number of objects, drawn at random; default: all.")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Number of frames from the first; default: all.")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="Largest number of frames to click, for offline and online.")
    ] = 8,
    clicks: Annotated[
        int,
        typer.Option(min=1, help="Largest number of clicks on a frame, for offline and online."),
    ] = 3,
    look_every: Annotated[
        int | None,
        typer.Option(
            min=0, help="Frames from one search to the next, for auto; 0: one. Default: as track."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw of objects.")] = 0,
    baseline: Annotated[
        bool,
        typer.Option("--baseline", help="Evaluate a classical tracker (threshold, overlap), too."),
    ] = False,
    truth_tracks: TruthTracksOption = None,
    markers: MarkersOption = False,
    margin: MarginOption = 0,
    convention: ConventionOption = Convention.ours,
    per_object: PerObjectOption = False,
    json: JsonOption = None,
    csv: CsvOption = None,
    plot: PlotOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Evaluate a model on a movie with ground truth, from which the clicks are simulated."""
    part = part_of_movie(axes, channel, z, frame_range, series)
    kind = prompt_kind(protocol, prompt)
    check_counting(protocol, convention, per_object)
    if protocol is ProtocolName.auto and objects is not None:
        raise UsageError("auto looks for all objects; leave --objects away")
    check_report_files(json, csv, plot, overwrite)

    from napari_sam2.evaluation.ground_truth import check_pair, open_labels
    from napari_sam2.evaluation.report import Report

    network = load(model, device, image_size, fast=fast, local=local, windows=windows)
    opened = open_part(movie, part)
    right = open_labels(
        truth, tracks=truth_tracks, is_markers=markers, length=opened.shape[0], margin=margin
    )
    check_pair(opened.shape, right)
    right = _part(right, frames, objects, seed)
    steps = protocol_steps(kind, rounds, clicks, look_every, convention, per_object)[protocol]
    seen = _frames(opened, right.shape[0])
    run = _runner(steps, right, seen)
    other = run(_classical(protocol), "baseline") if baseline else None
    evaluation = run(network, str(protocol))
    provenance = {
        **provenance_of(network, model),
        "movie": str(movie),
        "truth": str(truth),
        "shape": list(right.shape),
        "margin": margin,
        "objects": list(right.frames_of),
        "seed": seed,
        "rounds": rounds if evaluation.curve else None,
        "clicks": clicks if evaluation.curve else None,
        "convention": str(convention),
        "per_object": per_object,
        "look_every": look_every if protocol is ProtocolName.auto else None,
        "versions": versions(),
    }
    write_report(Report(evaluation, provenance, other), json, csv, plot)
    check_all_were_read(seen, movie.name)


def prompt_kind(protocol: ProtocolName, prompt: PromptKind | None) -> PromptKind:
    """The first prompt of an object.

    Raises
    ------
    UsageError
        If the protocol does not have this prompt.
    """
    is_interactive = protocol in (ProtocolName.offline, ProtocolName.online)
    if is_interactive and prompt not in (None, PromptKind.three_clicks):
        raise UsageError(f"{protocol} always gives clicks; leave --prompt away and set --clicks")
    if protocol is ProtocolName.image and prompt is PromptKind.mask:
        raise UsageError("on single images a mask is the answer; prompt with clicks or a box")
    return prompt or (PromptKind.three_clicks if is_interactive else PromptKind.one_click)


def check_counting(protocol: ProtocolName, convention: Convention, per_object: bool) -> None:
    """Refuse conventions that a protocol does not have.

    Raises
    ------
    UsageError
        If the protocol does not follow objects by name.
    """
    if convention is Convention.davis and protocol in (ProtocolName.image, ProtocolName.auto):
        raise UsageError(f"{protocol} has no convention of DAVIS; leave --convention away")
    if per_object and protocol is ProtocolName.auto:
        raise UsageError("auto scores whole frames; leave --per-object away")


def _part(
    truth: LabelledMovie, frames: int | None, objects: int | None, seed: int
) -> LabelledMovie:
    if frames is not None:
        if frames > truth.shape[0]:
            raise UsageError(f"the movie has {truth.shape[0]} frames; --frames {frames} is more")
        truth = truth.shortened(frames)
        if not truth.frames_of:
            raise UsageError(f"there is no object in the truth of the first {frames} frames")
    return truth if objects is None else truth.thinned(objects, seed)


def _frames(movie: Movie, length: int) -> Frames:
    from napari_sam2.io.movie_frames import MovieFrames

    return MovieFrames(replace(movie, data=movie.data[:length]))


def protocol_steps(
    kind: PromptKind,
    rounds: int,
    clicks: int,
    look_every: int | None,
    convention: Convention,
    per_object: bool,
) -> dict[ProtocolName, Callable[..., Evaluation]]:
    """The protocols with their settings."""
    from napari_sam2.evaluation import protocols

    def corrected(protocol: Callable[..., Evaluation]) -> Callable[..., Evaluation]:
        return partial(protocol, rounds=rounds, clicks=clicks, convention=convention)

    return {
        ProtocolName.image: partial(protocols.image, prompt=kind),
        ProtocolName.vos: partial(
            protocols.vos, prompt=kind, convention=convention, per_object=per_object
        ),
        ProtocolName.offline: corrected(protocols.offline),
        ProtocolName.online: corrected(protocols.online),
        ProtocolName.auto: partial(protocols.auto, look_every=look_every),
    }


def _runner(
    steps: Callable[..., Evaluation], truth: LabelledMovie, frames: Frames
) -> Callable[[Any, str], Evaluation]:
    """What evaluates a model, with a bar of this description."""

    def run(model: Sam2 | Callable[[Frames], Any] | None, description: str) -> Evaluation:
        with progress(description) as tell:
            return steps(model, frames, truth, on_progress=tell)

    return run


def _classical(protocol: ProtocolName) -> Callable[[Frames], Any] | None:
    """The classical tracker; None for the protocol that prompts nothing."""
    from napari_sam2.evaluation.optional_packages import needs_extra

    with needs_extra("--baseline"):
        import laptrack  # noqa: F401  # before the work, not in the middle of it
    if protocol is ProtocolName.auto:
        return None
    from napari_sam2.evaluation.baseline import ClassicalTracker

    return ClassicalTracker


def provenance_of(network: Sam2, name: str) -> dict[str, Any]:
    """What a report says of the network that was loaded by this name."""
    return {
        "model": network.config.name,
        "image_size": network.config.image_size,
        "precision": network.config.precision,
        "memory_reach": network.config.memory_reach,
        "windows": network.config.windows,
        "weights_sha256": hash_of_weights(name),
        "device": str(network.device),
    }


def hash_of_weights(name: str) -> str | None:
    """SHA-256 of the file that a model was read from."""
    from napari_sam2.model import PRESETS
    from napari_sam2.model.registry import checkpoint_path

    full_name = name if name in PRESETS else f"sam2.1_{name}"
    path = checkpoint_path(full_name) if full_name in PRESETS else Path(name)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""``napari-sam2 benchmark``: evaluate a model on data sets of video object segmentation."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.cli.errors import UsageError, check_outputs
from napari_sam2.cli.evaluate import (
    PerObjectOption,
    check_counting,
    prompt_kind,
    protocol_steps,
    provenance_of,
)
from napari_sam2.cli.options import (
    DeviceOption,
    FastOption,
    LocalOption,
    ModelOption,
    OverwriteOption,
    SizeOption,
    load,
)
from napari_sam2.cli.reports import ConventionOption, JsonOption, progress, versions
from napari_sam2.evaluation.protocol_names import Convention, PromptKind, ProtocolName

if TYPE_CHECKING:
    from napari_sam2.evaluation.ground_truth import LabelledMovie
    from napari_sam2.evaluation.results import Evaluation


def benchmark(
    data_sets: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATASET",
            exists=True,
            file_okay=False,
            help="Folders laid out as DAVIS, MOSE, YouTube-VOS or SA-V.",
        ),
    ],
    protocol: Annotated[
        ProtocolName, typer.Option(help="vos, offline or online; see `napari-sam2 evaluate`.")
    ] = ProtocolName.vos,
    prompt: Annotated[
        PromptKind | None,
        typer.Option(help="First prompt of an object, for vos (default: 1-click)."),
    ] = None,
    model: ModelOption = "cells",
    device: DeviceOption = "auto",
    image_size: SizeOption = None,
    fast: FastOption = False,
    local: LocalOption = False,
    sequences: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of sequences of each data set, from the first; default: all."
        ),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="Largest number of frames to click, for offline and online.")
    ] = 8,
    clicks: Annotated[
        int,
        typer.Option(min=1, help="Largest number of clicks on a frame, for offline and online."),
    ] = 3,
    seen_from: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Categories that the model was trained with, for G: the meta.json of the training "
            "data of YouTube-VOS, or a text file with one category a line.",
        ),
    ] = None,
    convention: ConventionOption = Convention.ours,
    per_object: PerObjectOption = False,
    json: JsonOption = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Table with a line per object, .csv.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Evaluate a model on data sets of video object segmentation, and average over them."""
    if protocol not in (ProtocolName.vos, ProtocolName.offline, ProtocolName.online):
        raise UsageError(f"data sets are evaluated by vos, offline or online; got {protocol}")
    kind = prompt_kind(protocol, prompt)
    check_counting(protocol, convention, per_object)
    check_outputs([path for path in (json, csv) if path is not None], overwrite)

    from napari_sam2.evaluation.benchmark import as_text, write_csv, write_json
    from napari_sam2.evaluation.benchmark import benchmark as run_all
    from napari_sam2.evaluation.datasets import Sequence, open_data_set
    from napari_sam2.io.movie_frames import MovieFrames

    opened = [open_data_set(folder) for folder in data_sets]
    names = [one.name for one in opened]
    if len(set(names)) < len(names):
        opened = [
            replace(one, name=str(folder)) for one, folder in zip(opened, data_sets, strict=True)
        ]
    opened = [replace(one, sequences=one.sequences[:sequences]) for one in opened]
    seen = None if seen_from is None else seen_categories(seen_from)
    network = load(model, device, image_size, fast=fast, local=local)
    steps = partial(protocol_steps, kind, rounds, clicks, None, convention)

    def run(sequence: Sequence, truth: LabelledMovie) -> Evaluation:
        movie = sequence.movie()
        step = steps(per_object or sequence.overlaps)[protocol]
        frames = MovieFrames(movie)
        found = step(network, frames, truth)
        for t, reason in sorted(frames.unreadable.items()):
            raise ValueError(f"frame {t} cannot be read: {reason}")
        return found

    provenance = {
        **provenance_of(network, model),
        "data_sets": [str(folder) for folder in data_sets],
        "protocol": str(protocol),
        "prompt": f"{clicks}-click" if protocol is not ProtocolName.vos else str(kind),
        "rounds": rounds if protocol is not ProtocolName.vos else None,
        "convention": str(convention),
        "per_object": per_object,
        "seen_from": None if seen_from is None else str(seen_from),
        "versions": versions(),
    }
    with progress("sequences") as tell:
        report = run_all(opened, run, seen, tell, provenance)
    typer.echo(as_text(report))
    for path, write in ((json, write_json), (csv, write_csv)):
        if path is not None:
            write(path, report)
            typer.echo(f"written: {path}")
    if report.failures:
        raise typer.Exit(1)


def seen_categories(file: Path) -> frozenset[str]:
    """Categories of a meta.json of YouTube-VOS, or of a text file with one a line.

    Raises
    ------
    ValueError
        If a .json file is of another kind.
    """
    from napari_sam2.evaluation.datasets import read_categories

    if file.suffix.lower() == ".json":
        videos = read_categories(file)
        return frozenset(name for video in videos.values() for name in video.values())
    lines = file.read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip())

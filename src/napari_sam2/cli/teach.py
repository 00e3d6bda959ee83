"""``napari-sam2 teach``: labelled movies or projects in, a model that knows their cells out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.annotation.undo_texts import counted
from napari_sam2.cli.errors import UsageError, check_outputs
from napari_sam2.cli.movies import (
    AxesOption,
    ChannelOption,
    PlaneOption,
    RangeOption,
    SeriesOption,
    open_part,
    part_of_movie,
)
from napari_sam2.cli.options import DeviceOption, ModelOption, OverwriteOption, load
from napari_sam2.cli.project import open_project
from napari_sam2.io.project import PROJECT_SUFFIX

if TYPE_CHECKING:
    from napari_sam2.io.selection import Selection
    from napari_sam2.training.examples import Example
    from napari_sam2.training.teach import Taught, TeachingProgress

NO_GAIN = 3  # exit code


def teach(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="MOVIE_OR_PROJECT...",
            exists=True,
            help="Movies with --labels for each, projects (.sam2), or data sets of `collect`.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model to write, .safetensors.")],
    labels: Annotated[
        list[Path] | None,
        typer.Option("--labels", "-l", exists=True, help="Labels of each movie, in their order."),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image",
            "-i",
            exists=True,
            help="Movie of each project, in their order, if movies were moved.",
        ),
    ] = None,
    axes: AxesOption = None,
    channel: ChannelOption = None,
    z: PlaneOption = None,
    frame_range: RangeOption = None,
    series: SeriesOption = None,
    frames: Annotated[
        str | None,
        typer.Option(help="Learn from these frames of each movie only, as 0-9 or 0,5,12-20."),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Time for everything.")] = 3.0,
    model: ModelOption = "cells",
    device: DeviceOption = "auto",
    encoder: Annotated[
        bool | None,
        typer.Option(
            "--encoder/--no-encoder",
            help="Whether the image encoder learns too (default: for the built-in model only).",
        ),
    ] = None,
    keep_anyway: Annotated[
        bool, typer.Option("--keep-anyway", help="Write the model also if it is not better.")
    ] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Teach a model your cells, from masks that you vouch for.

    Of a project, the masks that you clicked, painted, imported, locked or reviewed are learnt.
    Some masks are kept aside, and the model is written only if it became better on those; the
    exit code is 3 if it did not.
    """
    part = part_of_movie(axes, channel, z, frame_range, series)
    if output.suffix.lower() != ".safetensors":
        raise UsageError(f"models are written as .safetensors; got {output.name}")
    check_outputs([output], overwrite)
    chosen = None if frames is None else parse_frames(frames)
    network = load(model, device)

    from napari_sam2.training import teach as lessons

    examples = _examples(sources, labels or [], image or [], chosen, part)
    with _lesson_bar(minutes * 60) as on_progress:
        try:
            taught = lessons.teach(
                network, examples, minutes * 60, on_progress, learn_encoder=encoder
            )
        except ValueError as error:
            raise UsageError(str(error)) from error
    for note in taught.notes:
        typer.echo(note, err=True)
    typer.echo(_verdict(taught))
    if taught.is_better or keep_anyway:
        lessons.write_model(taught, output, base=model)
        typer.echo(f"{output}: use it with --model {output}")
    if not taught.is_better:
        raise typer.Exit(NO_GAIN)


def parse_frames(text: str) -> list[int]:
    """Frames of a list such as ``0-9`` or ``0,5,12-20``, both ends included.

    Raises
    ------
    UsageError
        If it is no such list.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or not (last or first).isdigit() or int(last or first) < int(first):
            raise UsageError(f"--frames is a list such as 0-9 or 0,5,12-20; got {text!r}")
        found.update(range(int(first), int(last or first) + 1))
    return sorted(found)


def _examples(
    sources: list[Path],
    labels: list[Path],
    images: list[Path],
    chosen: list[int] | None,
    part: Selection,
) -> list[Example]:
    folders = [path for path in sources if _is_dataset(path)]
    movies = [path for path in sources if path.suffix != PROJECT_SUFFIX and path not in folders]
    if len(movies) != len(labels):
        raise UsageError(
            f"{len(movies)} movies and {len(labels)} times --labels: each movie needs its labels"
        )
    projects = [path for path in sources if path.suffix == PROJECT_SUFFIX]
    if images and len(projects) != len(images):
        raise UsageError(
            f"{len(projects)} projects and {len(images)} times --image: give the movie of each "
            "project, or of none"
        )
    from napari_sam2.training.example_files import (
        example_of_annotation,
        example_of_movie,
        examples_of_folder,
    )

    places: list[Path | None] = [*images] or [None] * len(projects)
    try:
        examples = [
            example_of_movie(open_part(movie, part), truth, chosen)
            for movie, truth in zip(movies, labels, strict=True)
        ]
        for path, image in zip(projects, places, strict=True):
            opened = open_project(path, image)
            examples.append(
                example_of_annotation(opened.annotation, opened.image.data, path.name, chosen)
            )
        for folder in folders:
            examples += examples_of_folder(folder, chosen)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return examples


def _is_dataset(path: Path) -> bool:
    """Whether a folder holds images and labels, or a data set of `napari-sam2 collect`."""
    parts = (path, path / "train")
    return any((part / "images").is_dir() and (part / "labels").is_dir() for part in parts)


@contextmanager
def _lesson_bar(budget_s: float) -> Iterator[Callable[[TeachingProgress], None]]:
    from napari_sam2.cli.tracking_run import progress_bar

    with progress_bar() as bar:
        task = bar.add_task("teaching", total=round(budget_s), rate="")

        def show(progress: TeachingProgress) -> None:
            best = max(value for _, value in progress.curve)
            rate = f"IoU {progress.curve[0][1]:.3f} -> {best:.3f}"
            bar.update(task, completed=min(round(progress.seconds), round(budget_s)), rate=rate)

        yield show


def _verdict(taught: Taught) -> str:
    verdict = "better" if taught.is_better else "no gain: keep the old model"
    return (
        f"{counted(taught.learnt_masks, 'mask')} learnt in {taught.seconds:.0f} s; mean IoU of "
        f"{counted(taught.judged_masks, 'mask')} kept aside: {taught.before:.3f} before, "
        f"{taught.after:.3f} after ({verdict})"
    )

"""``napari-sam2 train``: train a network by a recipe."""

from __future__ import annotations

import math
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.cli.errors import UsageError
from napari_sam2.cli.options import DeviceOption

if TYPE_CHECKING:
    from napari_sam2.training.checkpoints import TrainingRun
    from napari_sam2.training.recipe import Recipe

RECIPE = "recipe.toml"  # copy of the recipe in the folder of a run


def train(
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG", exists=True, dir_okay=False, help="TOML; see docs/training.md."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", file_okay=False, help="Folder of the run; CONFIG-run by default."
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after so many minutes, with a checkpoint.")
    ] = None,
    device: DeviceOption = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run in the folder.")] = False,
) -> None:
    """Train a network, or tune one on your own labelled images and movies."""
    folder = output or Path(f"{config.stem}-run")
    if folder.exists() and any(folder.iterdir()) and not resume:
        raise UsageError(f"{folder} is not empty: add --resume to continue, or name another folder")

    from napari_sam2.cli.tracking_run import progress_bar
    from napari_sam2.training import loop
    from napari_sam2.training.recipe import read_recipe
    from napari_sam2.training.validation import evaluate, held_out_clips

    recipe = _checked(partial(read_recipe, config))
    clips = held_out_clips(recipe.validation, recipe.training.seed)
    source = recipe.open_data()
    run = _resumed(recipe, folder, device) if resume else _started(recipe, config, folder, device)
    typer.echo(f"{len(source)} clips for training, {len(clips)} for validation")
    with (
        closing(loop.batches(source, recipe.training, run.step)) as batches,
        _stop_on_interrupt() as interrupted,
        progress_bar() as bar,
    ):
        task = bar.add_task("training", total=recipe.training.steps, rate="", completed=run.step)
        try:
            loop.train(
                run,
                recipe.training,
                batches,
                folder,
                minutes=math.inf if minutes is None else minutes,
                report=typer.echo,
                validate=partial(evaluate, clips=clips) if clips else None,
                validate_every=recipe.validation.every,
                should_stop=interrupted.is_set,
                on_step=lambda step, steps: bar.update(task, completed=step),
            )
        except loop.NotFiniteError as error:
            raise RuntimeError(f"training stopped: {error}; {_last_checkpoint(folder)}") from error
    _say_what_is_there(run, recipe, folder)


def _checked(read: partial[Recipe]) -> Recipe:
    """Read a recipe; errors in it are errors of use."""
    try:
        return read()
    except ValueError as error:
        raise UsageError(str(error)) from error


def _started(recipe: Recipe, config: Path, folder: Path, device: str) -> TrainingRun:
    from napari_sam2.training import loop

    init = recipe.open_init()
    state = None if init is None else init.state_dict()
    run = loop.start(recipe.training, _device(device), weights=state)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(config, folder / RECIPE)
    return run


def _resumed(recipe: Recipe, folder: Path, device: str) -> TrainingRun:
    from napari_sam2.training import loop
    from napari_sam2.training.checkpoints import CHECKPOINT
    from napari_sam2.training.recipe import check_same_run, read_recipe

    if not (folder / CHECKPOINT).exists():
        raise UsageError(f"there is no run in {folder} to resume ({CHECKPOINT} is missing)")
    if (folder / RECIPE).exists():
        check_same_run(read_recipe(folder / RECIPE), recipe)
    return loop.resume(recipe.training, folder, _device(device))


def _device(name: str) -> str:
    from napari_sam2.model.checkpoint import resolve_device

    try:
        return str(resolve_device(name))
    except ValueError as error:
        raise UsageError(str(error)) from error


@contextmanager
def _stop_on_interrupt() -> Iterator[Event]:
    """Ctrl+C sets the event, so that the current step is finished; a second one stops at once."""
    interrupted = Event()

    def note(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)
        typer.echo("stopping after this step", err=True)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _last_checkpoint(folder: Path) -> str:
    from napari_sam2.training.checkpoints import CHECKPOINT

    path = folder / CHECKPOINT
    return f"{path} is in its last saved state" if path.exists() else "nothing was saved yet"


def _say_what_is_there(run: TrainingRun, recipe: Recipe, folder: Path) -> None:
    from napari_sam2.training.checkpoints import BEST

    steps, name = recipe.training.steps, f"{recipe.training.preset}.safetensors"
    best = f", best of the validations: {folder / BEST}" if (folder / BEST).exists() else ""
    rest = "" if run.step >= steps else "; continue with --resume"
    typer.echo(f"{run.step} of {steps} steps: {folder / name}{best}{rest}")

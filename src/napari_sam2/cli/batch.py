"""``napari-sam2 batch``: the same work on many movies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.cli.errors import UsageError
from napari_sam2.cli.options import DeviceOption, ModelOption

if TYPE_CHECKING:
    from napari_sam2.batch import BatchReport, Plan


def batch(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PLAN.toml|FOLDER",
            exists=True,
            help="A plan, or a folder of movies, or an OME-Zarr plate.",
        ),
    ],
    prompts: Annotated[
        str | None,
        typer.Option(
            "--prompts",
            "-p",
            help="With a folder: auto, or the prompts of each movie, as prompts/{name}.tif.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="With a folder: where all results are written."),
    ] = None,
    model: ModelOption = "cells",
    device: DeviceOption = "auto",
    export: Annotated[
        list[str] | None,
        typer.Option(
            "--export",
            help="With a folder: a format to write too, as ctc; repeat the option for each.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--no-resume",
            help="Keep results of an earlier run where plan, model and movie are unchanged.",
        ),
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be done and how long it takes.")
    ] = False,
) -> None:
    """Track many movies, each with its labels, measurements and project, and write a report."""
    from napari_sam2.batch import preview_batch, read_plan, run_batch
    from napari_sam2.cli.batch_screen import BatchScreen, say_preview

    if source.is_file():
        if prompts is not None or output is not None or export:
            raise UsageError("a plan names prompts, output and exports itself; change the plan")
        plan = read_plan(source)
    else:
        plan = _plan_of_options(source, prompts, output, model, device, export or [])
    if dry_run:
        say_preview(preview_batch(plan, resume=resume))
        return
    with BatchScreen() as screen:
        report = run_batch(plan, resume=resume, watcher=screen)
    _say(report)


def _plan_of_options(
    folder: Path,
    prompts: str | None,
    output: Path | None,
    model: str,
    device: str,
    exports: list[str],
) -> Plan:
    from napari_sam2.batch import plan_of_folder

    if prompts is None or output is None:
        raise UsageError("a folder needs --prompts auto or a pattern, and --output")
    try:
        return plan_of_folder(folder, prompts, output, model=model, device=device, exports=exports)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _say(report: BatchReport) -> None:
    """Show the counts and the failures; exit code 1 if a movie has no results."""
    from napari_sam2.batch.report import REPORT_PAGE, sentence_of

    for result in report.failed:
        if result.error:
            typer.echo(f"{result.name}: {result.error}", err=True)
    typer.echo(f"{report.output / REPORT_PAGE}: {sentence_of(report)}")
    if not report.is_complete:
        raise typer.Exit(1)

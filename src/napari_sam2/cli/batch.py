"""``napari-sam2 batch``: the same work on many movies."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_sam2.cli.errors import UsageError
from napari_sam2.cli.options import Windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from distributed import Client

    from napari_sam2.batch import BatchReport, Plan

_JOBS = 8  # of a cluster at a time, by default


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
            help="With a folder: auto, a project (.sam2) to repeat on every movie, or the prompts "
            "of each movie, as prompts/{name}.tif.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="With a folder: where all results are written."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="With a folder: cells, a name of `models`, or a checkpoint file."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="With a folder: auto, cpu, cuda, cuda:1, mps.")
    ] = None,
    windows: Annotated[
        Windows | None,
        typer.Option(help="With a folder: what an official model sees of a frame; see `track`."),
    ] = None,
    export: Annotated[
        list[str] | None,
        typer.Option(
            "--export",
            help="With a folder: a format to write too, as ctc; repeat the option for each.",
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="With a folder: track every cell back from its end, and report how many masks "
            "differ. Takes about as long as tracking.",
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--no-resume",
            help="Keep results of an earlier run where plan, model and movie are unchanged.",
        ),
    ] = True,
    replay_corrected: Annotated[
        bool,
        typer.Option(
            "--replay-corrected",
            help="Track the projects again that were corrected in napari, and export them again.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be done and how long it takes.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Movies at a time: processes on this computer, or jobs of a cluster."
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="A running scheduler of Dask, as tcp://10.0.0.1:8786."
        ),
    ] = None,
    slurm: Annotated[
        str | None,
        typer.Option(
            metavar="OPTIONS",
            help="Jobs of SLURM, as partition=gpu,time=4:00:00,cores=8,memory=32GB,gpus=1.",
        ),
    ] = None,
    pbs: Annotated[str | None, typer.Option(metavar="OPTIONS", help="Jobs of PBS.")] = None,
    lsf: Annotated[str | None, typer.Option(metavar="OPTIONS", help="Jobs of LSF.")] = None,
    sge: Annotated[str | None, typer.Option(metavar="OPTIONS", help="Jobs of Grid Engine.")] = None,
) -> None:
    """Track many movies, each with its labels, measurements and project, and write a report."""
    from napari_sam2.batch import preview_batch, read_plan, run_batch
    from napari_sam2.cli.batch_screen import BatchScreen, say_preview

    options: dict[str, Any] = {
        "prompts": prompts,
        "output": output,
        "model": model,
        "device": device,
        "windows": None if windows is None else windows.value,
        "verify": verify or None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    given |= {"exports": export} if export else {}
    if source.is_dir():
        plan = _plan_of_options(source, given)
    elif given:
        raise UsageError(f"the plan says {', '.join(given)}; change the plan")
    else:
        plan = read_plan(source)
    jobs = {"slurm": slurm, "pbs": pbs, "lsf": lsf, "sge": sge}
    chosen = {name: text for name, text in jobs.items() if text is not None}
    if len(chosen) + (scheduler is not None) > 1:
        raise UsageError("choose one of --scheduler, --slurm, --pbs, --lsf and --sge")
    where = _where(workers, scheduler, chosen)
    if dry_run and replay_corrected:
        raise UsageError("--dry-run and --replay-corrected do not go together")
    if dry_run:
        say_preview(preview_batch(plan, resume=resume), workers or 1)
        return
    with where as client, BatchScreen() as screen:
        report = run_batch(
            plan, client, resume=resume, only_corrected=replay_corrected, watcher=screen
        )
    _say(report)


@contextmanager
def _where(
    workers: int | None, scheduler: str | None, jobs: Mapping[str, str]
) -> Iterator[Client | None]:
    """Workers of the options; None where this process does the work."""
    if workers is None and scheduler is None and not jobs:
        yield None
        return
    from napari_sam2.evaluation.optional_packages import needs_extra

    with needs_extra("work on several workers", "cluster" if jobs else "batch"):
        from napari_sam2.batch import clusters

        if jobs:
            clusters.import_jobqueue()  # before the work, not in the middle of it
    if scheduler is not None:
        made = clusters.scheduler_client(scheduler)
    elif jobs:
        ((system, options),) = jobs.items()
        try:
            clusters.parse_job_options(options)
        except ValueError as error:
            raise UsageError(f"--{system}: {error}") from error
        made = clusters.job_client(system, options, workers or _JOBS)
    else:
        made = clusters.local_client(workers or 1)
    with made as client:
        typer.echo(f"Dask dashboard: {client.dashboard_link}", err=True)
        yield client


def _plan_of_options(folder: Path, given: dict[str, Any]) -> Plan:
    from napari_sam2.batch import plan_of_folder

    if not {"prompts", "output"} <= given.keys():
        raise UsageError("a folder needs --prompts auto or a pattern, and --output")
    try:
        return plan_of_folder(folder, **given)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _say(report: BatchReport) -> None:
    """Show the counts and the failures; exit code 1 if a movie has no results."""
    from napari_sam2.batch.report import REPORT_PAGE, sentence_of

    for result in report.failed:
        if result.error:
            typer.echo(f"{result.name}: {result.error}", err=True)
    for note in dict.fromkeys(one.record.note for one in report.results if one.record is not None):
        if note:
            typer.echo(note, err=True)
    typer.echo(f"{report.output / REPORT_PAGE}: {sentence_of(report)}")
    if not report.is_complete:
        raise typer.Exit(1)

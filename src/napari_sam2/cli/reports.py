"""Shared parts of `evaluate` and `score`: options, progress bar and files to write."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.cli.errors import UsageError, check_outputs
from napari_sam2.evaluation.protocol_names import Convention
from napari_sam2.version import __version__

if TYPE_CHECKING:
    from napari_sam2.evaluation.report import Report

JsonOption = Annotated[Path | None, typer.Option("--json", help="File for all figures, .json.")]
CsvOption = Annotated[
    Path | None, typer.Option("--csv", help="Table with a line per object and frame, .csv.")
]
PlotOption = Annotated[
    Path | None, typer.Option("--plot", help="File for the plot, .png, .pdf or .svg.")
]
TruthTracksOption = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="Track table of the truth, a line per track: id first last parent.",
    ),
]
MarkersOption = Annotated[
    bool,
    typer.Option(
        "--markers", help="The truth holds markers, not shapes: compute DET and TRA only."
    ),
]
MarginOption = Annotated[
    int,
    typer.Option(
        min=0,
        help="Pixels at the border in which the truth labels nothing (Cell Tracking Challenge: 50 "
        "for U373, 25 for HeLa and PSC): labels there that touch no true object do not count.",
    ),
]

ConventionOption = Annotated[
    Convention,
    typer.Option(
        help="Frames that count. ours: frames on which an object is in neither labels nor truth "
        "are left out. davis: these count 1, and the first and the last frame are left out."
    ),
]


def check_report_files(
    json: Path | None, csv: Path | None, plot: Path | None, overwrite: bool
) -> None:
    """Refuse report files that could not be written at the end.

    Raises
    ------
    UsageError
        If one is in the way or has no folder, or the plot is no picture.
    ModuleNotFoundError
        If there is nothing to draw with.
    """
    from napari_sam2.evaluation.optional_packages import needs_extra
    from napari_sam2.evaluation.plot import PLOT_SUFFIXES

    check_outputs([path for path in (json, csv, plot) if path is not None], overwrite)
    if plot is None:
        return
    if plot.suffix.lower() not in PLOT_SUFFIXES:
        raise UsageError(f"plots are written as {', '.join(PLOT_SUFFIXES)}; got {plot.name}")
    with needs_extra("--plot"):
        import matplotlib  # noqa: F401  # before the work, not after it


def write_report(report: Report, json: Path | None, csv: Path | None, plot: Path | None) -> None:
    """Show the table, and write the files that were asked for."""
    from napari_sam2.evaluation.plot import write_plot
    from napari_sam2.evaluation.report import as_text, write_csv, write_json

    typer.echo(as_text(report))
    for path, write in ((json, write_json), (csv, write_csv), (plot, write_plot)):
        if path is not None:
            write(path, report)
            typer.echo(f"written: {path}")


@contextmanager
def progress(description: str) -> Iterator[Callable[[int, int], None]]:
    """Progress bar: a function that takes the steps done and all steps."""
    from napari_sam2.cli.tracking_run import progress_bar

    with progress_bar() as bar:
        task = bar.add_task(description, total=None, rate="")
        yield lambda done, total: bar.update(task, completed=done, total=total)


def versions() -> dict[str, str]:
    """Versions of the installed packages on which figures may depend."""
    found = {"napari-sam2": __version__, "python": platform.python_version()}
    for name in ("numpy", "scipy", "torch", "scikit-image", "py-ctcmetrics", "laptrack"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

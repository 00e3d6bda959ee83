"""Plots of evaluations."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.evaluation.optional_packages import needs_extra
from napari_sam2.evaluation.report import Report
from napari_sam2.io.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLOT_SUFFIXES = (".png", ".pdf", ".svg")


def write_plot(path: str | os.PathLike[str], report: Report) -> None:
    """Draw J&F over annotated frames and seconds, mIoU by prompt, or J and F over the movie.

    Parameters
    ----------
    path : path
        .png, .pdf or .svg.
    report : Report

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is not installed.
    ValueError
        If the suffix is another.
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    with needs_extra("a plot"):
        from matplotlib.figure import Figure
    suffix = Path(path).suffix.lower()
    if suffix not in PLOT_SUFFIXES:
        raise ValueError(f"plots are written as {', '.join(PLOT_SUFFIXES)}; got {Path(path).name}")
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    if report.evaluation.curve:
        _draw_curves(left, right, report)
    elif report.evaluation.mean_iou:
        _draw_bars(left, report)
        _draw_frames(right, report, "J")
    else:
        _draw_frames(left, report, "J")
        _draw_frames(right, report, "F")
    figure.suptitle(_title(report))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=suffix[1:], dpi=150)


def _title(report: Report) -> str:
    movie = Path(str(report.provenance.get("movie", "")))
    place = "/".join(movie.parts[-2:])
    names = (place, report.evaluation.protocol, report.evaluation.prompt)
    return ", ".join(str(name) for name in names if name)


def _draw_curves(left: Axes, right: Axes, report: Report) -> None:
    for name, evaluation in report.methods.items():
        quality = [point.j_and_f for point in evaluation.curve]
        left.plot([p.prompted_frames for p in evaluation.curve], quality, "o-", label=name)
        right.plot([p.annotation_seconds for p in evaluation.curve], quality, "o-", label=name)
    left.set_xlabel("annotated frames")
    right.set_xlabel("annotation seconds per object")
    for axes in (left, right):
        _finish(axes, "J&F")


def _draw_bars(axes: Axes, report: Report) -> None:
    methods = report.methods
    width = 0.8 / len(methods)
    for number, (name, evaluation) in enumerate(methods.items()):
        places = np.arange(len(evaluation.mean_iou)) + number * width
        axes.bar(places, list(evaluation.mean_iou.values()), width, label=name)
        axes.set_xticks(places - number * width / 2, list(evaluation.mean_iou))
    _finish(axes, "mIoU")


def _draw_frames(axes: Axes, report: Report, measure: str) -> None:
    for name, evaluation in report.methods.items():
        frames = evaluation.by_frame()
        values = [f.region if measure == "J" else f.boundary for f in frames.values()]
        axes.plot(list(frames), values, ".-", label=name)
    axes.set_xlabel("frame")
    _finish(axes, measure)


def _finish(axes: Axes, label: str) -> None:
    axes.set_ylabel(label)
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    axes.legend()

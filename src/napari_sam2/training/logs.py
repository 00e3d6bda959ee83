"""Logs of a training run: CSV tables of its figures, and their curves."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from napari_sam2.io.atomic import atomic_path

LOG, VALIDATION, CURVE = "log.csv", "validation.csv", "curve.png"
COLUMNS = ["step", "seconds", "learning_rate", "figure", "mean", "count"]
WINDOW = 8  # lines of the log that are averaged in the curve

Points = dict[str, list[tuple[int, float]]]


def append_figures(
    path: Path, step: int, seconds: float, rate: float, figures: Mapping[str, Sequence[float]]
) -> dict[str, float]:
    """Append a line for each figure.

    Parameters
    ----------
    path : Path
        Table; made with its folder if missing.
    step : int
        Optimizer steps so far.
    seconds : float
        Spent in training so far.
    rate : float
        Learning rate.
    figures : mapping of str to sequence of float
        Values by name.

    Returns
    -------
    dict of str to float
        Mean of each figure, NaN where no value is a number.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    means = {name: _mean(values) for name, values in sorted(figures.items())}
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(COLUMNS)
        for name, mean in means.items():
            row = [step, round(seconds), f"{rate:.2e}", name, f"{mean:.4f}", len(figures[name])]
            writer.writerow(row)
    return means


def forget_later(path: Path, step: int) -> None:
    """Remove the lines after a step; a run that is resumed there writes them again."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *(row for row in rows if int(row[0]) <= step)])


def read_figures(path: Path) -> Points:
    """Figures of a table by name, as (step, mean); none where there is no table."""
    points: Points = defaultdict(list)
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                points[row["figure"]].append((int(row["step"]), float(row["mean"])))
    return points


def draw_curve(folder: Path) -> None:
    """Draw `curve.png` of the tables of a run; nothing is done where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        return
    from matplotlib.figure import Figure

    training, validation = read_figures(folder / LOG), read_figures(folder / VALIDATION)
    losses = {name: points for name, points in training.items() if name.startswith("loss")}
    ious = {k: points for k, points in training.items() if k.startswith("iou_") and "+" not in k}
    panels = [("loss", losses, WINDOW), ("IoU in training", ious, WINDOW)]
    panels += [("IoU in validation", validation, 1)] if validation else []
    chart = Figure(figsize=(4 * len(panels), 3.6), layout="constrained")
    for axes, (title, curves, window) in zip(chart.subplots(1, len(panels)), panels, strict=True):
        for name, points in curves.items():
            axes.plot(*_smooth(points, window), ".-", label=name, linewidth=1, markersize=3)
        axes.set(xlabel="step", title=title, ylim=(0, None if title == "loss" else 1))
        if curves:
            axes.legend(frameon=False, fontsize=7, ncols=2)
    with atomic_path(folder / CURVE) as temporary:
        chart.savefig(temporary, format="png", dpi=110)


def _smooth(curve: list[tuple[int, float]], window: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps and means over the last few lines; all lines of a curve that is too short for that."""
    steps, means = np.array(sorted(curve), float).T
    window = min(window, len(means))
    return steps[window - 1 :], np.convolve(means, np.ones(window) / window, mode="valid")


def _mean(values: Sequence[float]) -> float:
    numbers = np.array(values, float)
    numbers = numbers[~np.isnan(numbers)]
    return float(numbers.mean()) if len(numbers) else float("nan")

"""Draw the curves of one or several `log.csv` of training, one run after the other.

python docs/scripts/training_curve.py docs/images/training.png RUN/log.csv [RUN/log.csv ...]
"""

import sys
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from napari_sam2.training.logs import read_figures

KINDS = {
    "iou_box": "box",
    "iou_click": "one click",
    "iou_click+1": "one click, one correction",
    "iou_track": "tracked frames",
}
WINDOW = 8  # lines of the log that are averaged


def read(paths: list[str]) -> tuple[dict[str, list[tuple[int, float]]], list[int]]:
    """Figures by name as (step, mean), and the steps at which a run ended."""
    figures: dict[str, list[tuple[int, float]]] = defaultdict(list)
    ends, begin = [], 0
    for path in paths:
        found = read_figures(Path(path))
        for name, points in found.items():
            figures[name] += [(begin + step, mean) for step, mean in points]
        begin += max(step for points in found.values() for step, _ in points)
        ends.append(begin)
    return figures, ends


def main(target: str, *paths: str) -> None:
    """Draw the logs of `paths` into the picture `target`."""
    figures, ends = read(list(paths))
    chart, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for name, label in KINDS.items():
        step, mean = np.array(sorted(figures[name])).T
        smooth = np.convolve(mean, np.ones(WINDOW) / WINDOW, mode="valid")
        axes.plot(step[WINDOW - 1 :], smooth, label=label, linewidth=1.2)
    for end in ends[:-1]:
        axes.axvline(end, color="0.7", linewidth=0.8, linestyle=":")
    axes.set(xlabel="step", ylabel="IoU in training", ylim=(0, 1))
    axes.legend(frameon=False, ncols=2, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    chart.savefig(target, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])

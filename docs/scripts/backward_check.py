"""Measure whether the backward check finds wrong masks; docs/lab/review.md has the figures.

python docs/scripts/backward_check.py RAW.tif LABELS.tif --frames 40 --objects 6

Cells are tracked from one click each in the middle of their first mask. A mask is wrong if its IoU
with the label is below 0.75.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import tifffile
from scipy.stats import rankdata

from napari_sam2 import Annotation, load_model
from napari_sam2.evaluation.clicks import centre_click

GOOD_IOU = 0.75
LIMITS = (0.5, 0.6, 0.7, 0.8)  # of the backward check


def area_under_curve(score: np.ndarray, is_wrong: np.ndarray) -> float:
    """The chance that a wrong mask scores higher than a good one."""
    wrong, good = int(is_wrong.sum()), int((~is_wrong).sum())
    if not wrong or not good:
        return float("nan")
    return float((rankdata(score)[is_wrong].sum() - wrong * (wrong + 1) / 2) / (wrong * good))


def share(is_one: np.ndarray) -> float:
    """Share of True values; NaN of nothing."""
    return float(is_one.mean()) if len(is_one) else float("nan")


def check(raw: np.ndarray, labels: np.ndarray, objects: int) -> None:
    """Track, check backward, and print the figures."""
    annotation = Annotation(load_model("cells"), raw)
    first = {int(k): t for t in reversed(range(len(labels))) for k in np.unique(labels[t]) if k}
    ids = sorted(k for k, t in first.items() if t == 0)[:objects]
    for k in ids:
        annotation.add_points(0, k, [centre_click(labels[0] == k).point], [1])
    start = time.process_time()
    for _ in annotation.propagate(direction="forward"):
        pass
    tracked = time.process_time()
    for _ in annotation.check_backward():
        pass
    checked = time.process_time()
    iou, backward, chance = [], [], []
    for k in ids:
        timeline = annotation.timeline(k)
        for t in np.flatnonzero(~np.isnan(timeline.backward_iou)).tolist():
            truth, mask = labels[t] == k, annotation.labels[t] == k
            if truth.any():
                iou.append((truth & mask).sum() / (truth | mask).sum())
                backward.append(timeline.backward_iou[t])
                chance.append(timeline.error_probability[t])
    is_wrong = np.array(iou) < GOOD_IOU
    differs, risk = 1 - np.array(backward), np.array(chance)
    print(f"{len(is_wrong)} masks of {len(ids)} cells, {share(is_wrong):.1%} wrong")
    both = rankdata(differs) + rankdata(risk)
    for name, score in (("backward check", differs), ("chance of an error", risk), ("both", both)):
        print(f"{name}: area under the ROC curve {area_under_curve(score, is_wrong):.3f}")
    for limit in LIMITS:
        is_low = differs > 1 - limit
        print(f"below {limit}: {share(is_low[is_wrong]):.0%} of the wrong masks", end="")
        print(f", {share(is_low[~is_wrong]):.0%} of the good ones")
    print(f"processor time: tracking {tracked - start:.1f} s, check {checked - tracked:.1f} s")


def main() -> None:
    """Read the movie and check it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--objects", type=int, default=6)
    options = parser.parse_args()
    raw, labels = (
        tifffile.imread(path)[: options.frames] for path in (options.images, options.labels)
    )
    check(raw, labels, options.objects)


if __name__ == "__main__":
    main()

"""Measure whether object pointers tell neighbouring cells apart; see docs/lab/review.md.

python docs/scripts/swap_pointers.py RAW.tif LABELS.tif --frames 16 --objects 24

Cells are tracked from one click each. For each well tracked cell and its nearest well tracked
neighbour, the pointers of three frames are compared with those of three frames after the next one:
a pair is told apart if each cell is more like itself than like the other one.
"""

import argparse
from pathlib import Path

import numpy as np
import tifffile

from napari_sam2 import Annotation, Tracker, load_model
from napari_sam2.annotation.swap_proposals import FRAMES_BESIDE
from napari_sam2.evaluation.clicks import centre_click

GOOD_IOU = 0.6  # on all frames that are compared


def look(tracker: Tracker, object_id: int, frames: range) -> np.ndarray:
    """(C,) mean direction of the pointers of a cell."""
    pointers = [np.asarray(tracker.pointer(t, object_id), float) for t in frames]
    return np.mean([pointer / np.linalg.norm(pointer) for pointer in pointers], axis=0)


def compare(raw: np.ndarray, labels: np.ndarray, objects: int) -> None:
    """Track, compare neighbours, and print how many are told apart."""
    tracker = Tracker(load_model("cells"), raw)
    annotation = Annotation(tracker)
    ids = [int(k) for k in np.unique(labels[0]) if k][:objects]
    for k in ids:
        annotation.add_points(0, k, [centre_click(labels[0] == k).point], [1])
    for _ in annotation.propagate(direction="forward"):
        pass
    is_good, centre = np.zeros((len(ids), len(raw)), bool), np.zeros((len(ids), len(raw), 2))
    for i, k in enumerate(ids):
        for t in range(len(raw)):
            mask, truth = annotation.labels[t] == k, labels[t] == k
            if mask.any() and tracker.pointer(t, k) is not None:
                centre[i, t] = np.argwhere(mask).mean(axis=0)
                is_good[i, t] = (mask & truth).sum() > GOOD_IOU * (mask | truth).sum()
    margins = []
    reach = FRAMES_BESIDE + 1
    for t in range(reach, len(raw) - reach):
        near = slice(t - FRAMES_BESIDE, t + reach)
        there = np.flatnonzero(is_good[:, near].all(axis=1)).tolist()
        for i in there:
            others = [j for j in there if j != i]
            if others:
                steps = [float(np.linalg.norm(centre[i, t] - centre[j, t])) for j in others]
                pair = ids[i], ids[others[int(np.argmin(steps))]]
                old = [look(tracker, k, range(t - FRAMES_BESIDE, t)) for k in pair]
                new = [look(tracker, k, range(t + 1, t + reach)) for k in pair]
                margins.append((old[0] - old[1]) @ (new[0] - new[1]))
    found = np.array(margins)
    print(f"{len(found)} pairs, {(found > 0).sum()} of them told apart")


def main() -> None:
    """Read the movie and compare its cells."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--objects", type=int, default=24)
    options = parser.parse_args()
    paths = (options.images, options.labels)
    raw, labels = (tifffile.imread(path)[: options.frames] for path in paths)
    compare(raw, labels, options.objects)


if __name__ == "__main__":
    main()

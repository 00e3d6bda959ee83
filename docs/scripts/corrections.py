"""Measure how well clicks correct wrong tracked masks; docs/evaluation.md has the figures.

python docs/scripts/corrections.py DATA [--movies yeast_short] [--plain] [--weights cells]

DATA holds a folder for each movie with raw.tif and labels.tif. Some cells of each movie are tracked
after one click on each. On up to three frames of each cell whose mask has an IoU below 0.75, a
simulated user clicks the middle of the largest error three times. `--plain` leaves out what
`napari_sam2.tracking.guided_corrections` adds.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
import torch

from napari_sam2 import load_model
from napari_sam2.evaluation.ground_truth import label_movie
from napari_sam2.evaluation.protocol_names import PromptKind
from napari_sam2.evaluation.simulated_user import SimulatedUser
from napari_sam2.evaluation.vos import region_similarity
from napari_sam2.model import Sam2

WRONG, CLICKS, FRAMES_OF_A_CELL = 0.75, 3, 3
MOVIES = {  # frames and cells
    "u373_01": (115, 8),
    "psc_crowded": (24, 10),
    "yeast_short": (10, 16),
    "yeast_long": (20, 12),
    "t98g": (20, 12),
    "u373_02": (60, 12),
    "hela_n2dl_01": (20, 20),
}


def corrected(model: Sam2, frames: np.ndarray, labels: np.ndarray, cells: int) -> Iterator[list]:
    """IoU of each wrong mask that is corrected: as it was tracked, and after each click."""
    user = SimulatedUser(model, frames, label_movie(labels).thinned(cells))
    firsts = {k: user.truth.first_frame(k) for k in user.object_ids}
    for k, t in firsts.items():
        user.prompt(t, k, PromptKind.one_click)
    wrong: dict[int, list[tuple[int, np.ndarray]]] = {k: [] for k in firsts}
    for result in user.track(min(firsts.values()), len(frames), user.object_ids):
        for k, mask in zip(result.object_ids, result.masks, strict=True):
            truth = labels[result.t] == k
            if firsts[k] < result.t and truth.any() and region_similarity(truth, mask) < WRONG:
                wrong[k].append((result.t, mask))
    for k, found in wrong.items():
        step = max(len(found) // FRAMES_OF_A_CELL, 1)
        for t, mask in found[::step][:FRAMES_OF_A_CELL]:
            truth, ious = labels[t] == k, [region_similarity(labels[t] == k, mask)]
            for _ in range(CLICKS):
                mask = user.correct(t, k, truth, mask, 1)
                ious.append(region_similarity(truth, mask))
            user.tracker.clear_prompts(t, k)
            yield ious


def main() -> None:
    """Print a row for each movie."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--movies", nargs="+", default=list(MOVIES))
    parser.add_argument("--weights", default="cells")
    parser.add_argument("--plain", action="store_true", help="corrections are not guided")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(options.weights, "cpu")
    if options.plain:
        model.config = replace(model.config, guided_corrections=False)
    print("movie | wrong masks | tracked | " + " | ".join(f"click {n + 1}" for n in range(CLICKS)))
    for movie in options.movies:
        frames, cells = MOVIES.get(movie, (20, 12))
        stacks = (options.data / movie / f"{part}.tif" for part in ("raw", "labels"))
        images, labels = (tifffile.imread(path)[:frames] for path in stacks)
        rows = list(corrected(model, images, labels, cells))
        means = np.mean(rows, axis=0) if rows else np.full(CLICKS + 1, np.nan)
        print(" | ".join([movie, str(len(rows)), *(f"{iou:.3f}" for iou in means)]), flush=True)


if __name__ == "__main__":
    main()

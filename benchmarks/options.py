"""What quick options cost in accuracy, with the embedded model on movies whose truth is known.

    python benchmarks/options.py movie.tif truth.tif [movie.tif truth.tif ...] [--json FILE]

Objects start from the truth of the first frame and are tracked. A row tells the mean IoU of masks
with those of the exact setting in the same windows, the mean IoU with the truth, and the processor
time of a frame as a share of the exact one's. Frames that were prompted do not count.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sam2 import Tracker, load_model
from napari_sam2.evaluation.ground_truth import open_labels
from napari_sam2.io.movies import open_movie

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import markdown, write_json

Masks = dict[tuple[int, int], NDArray[np.bool_]]
WHOLE: dict[str, Any] = {"image_size": 512}  # for blocks to be part of the maps
SETTINGS: list[tuple[str, dict[str, Any], str | None]] = [  # name, of the model, of the tracker
    ("exact", {}, None),
    ("fast", {"precision": "fast"}, None),
    ("whole frames, 512 px: exact", WHOLE, "whole"),
    ("whole frames, 512 px: fast", {**WHOLE, "precision": "fast"}, "whole"),
    ("whole frames, 512 px: local", {**WHOLE, "memory_reach": "local"}, "whole"),
    (
        "whole frames, 512 px: fast, local",
        {**WHOLE, "precision": "fast", "memory_reach": "local"},
        "whole",
    ),
]


@dataclass(frozen=True)
class Row:
    """One setting on one movie.

    Attributes
    ----------
    movie, setting : str
        Names.
    masks : int
        How many count.
    iou_exact, iou_truth : float
        Mean IoU with the exact masks, and with the truth.
    seconds : float
        On the processor, a frame with all objects.
    """

    movie: str
    setting: str
    masks: int
    iou_exact: float
    iou_truth: float
    seconds: float


def main(argv: Sequence[str] | None = None) -> None:
    """Compare the settings on every movie."""
    options = _options(argv)
    torch.set_num_threads(options.threads)
    rows = []
    for image, labels in zip(options.files[::2], options.files[1::2], strict=True):
        rows += compare(Path(image), Path(labels), options.frames, options.objects)
    heads = ("movie", "setting", "masks", "IoU with exact", "IoU with truth", "s a frame")
    lines = [
        (
            r.movie,
            r.setting,
            r.masks,
            f"{r.iou_exact:.4f}",
            f"{r.iou_truth:.3f}",
            f"{r.seconds:.2f}",
        )
        for r in rows
    ]
    print(markdown(heads, lines))
    write_json(options.json, [asdict(row) for row in rows])


def compare(image: Path, labels: Path, frames: int, objects: int) -> list[Row]:
    """The rows of one movie."""
    movie = np.asarray(open_movie(image).data[:frames])
    truth_file = open_labels(labels)
    truth = np.stack([truth_file.frame(t) for t in range(len(movie))])
    ids, areas = np.unique(truth[0][truth[0] > 0], return_counts=True)
    chosen = [int(k) for k in ids[np.argsort(-areas)][:objects]]
    rows, exact = [], {}
    for name, model, windows in SETTINGS:
        masks, seconds = tracked(movie, truth[0], chosen, model, windows)
        if name.endswith("exact"):
            exact = masks
        with_exact = np.mean([iou(mask, exact[key]) for key, mask in masks.items()])
        with_truth = np.mean([iou(mask, truth[t] == k) for (t, k), mask in masks.items()])
        scores = float(with_exact), float(with_truth)
        rows.append(Row(image.parent.name, name, len(masks), *scores, seconds))
    return rows


def tracked(
    movie: NDArray[Any],
    first: NDArray[Any],
    object_ids: Sequence[int],
    settings: dict[str, Any],
    windows: str | None,
) -> tuple[Masks, float]:
    """Masks by frame and object, and the seconds that a frame took."""
    tracker = Tracker(load_model("cells", "cpu", **settings), movie, windows=windows)  # type: ignore[arg-type]
    tracker.import_masks(0, {k: first == k for k in object_ids})
    start, masks = time.process_time(), {}
    for result in tracker.propagate(direction="forward"):
        if result.t:
            masks.update(
                {(result.t, k): m for k, m in zip(result.object_ids, result.masks, strict=True)}
            )
    return masks, (time.process_time() - start) / max(len(movie) - 1, 1)


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union; 1 where both are empty."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", help="a movie, its truth, the next movie, ...")
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument(
        "--objects", type=int, default=6, help="the largest ones of the first frame"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for the rows")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()

"""Time of a frame of a movie with all cells of its first frame, prompted by their masks.

    python benchmarks/many_cells.py MOVIE LABELS [--frames 12] [--threads 1] [--fast]

prints seconds a frame on the clock and of the processor, and the mean IoU of the tracked masks.
With one thread, the processor's seconds are fair where other programs run as well.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
import torch

from napari_sam2 import Tracker, load_model
from napari_sam2.evaluation.overlap import frame_ious


def main(argv: Sequence[str] | None = None) -> None:
    """Track, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("movie", type=Path)
    parser.add_argument("labels", type=Path, help="known labels of the movie, a TIFF stack")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fast", action="store_true", help="products in bfloat16")
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    truth = tifffile.imread(options.labels)[: options.frames]
    model = load_model("cells", "cpu", precision="fast" if options.fast else "exact")
    tracker = Tracker(model, tifffile.imread(options.movie)[: options.frames])
    numbers = [int(number) for number in np.unique(truth[0]) if number]
    for number in numbers:
        tracker.add_mask(0, number, truth[0] == number)
    wall, processor = time.perf_counter(), time.process_time()
    for _ in tracker.propagate(0):
        pass
    frames = len(truth) - 1
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{len(numbers)} objects, {frames} tracked frames, {options.threads} threads")
    print(f"{wall / frames:.3f} s a frame on the clock, {processor / frames:.3f} of the processor")
    overlaps = []
    for t in range(1, len(truth)):
        ious = frame_ious(truth[t], tracker.labels(t))
        overlaps += [ious[number] for number in numbers if (truth[t] == number).any()]
    print(f"mean IoU of {len(overlaps)} masks: {np.mean(overlaps):.3f}")


if __name__ == "__main__":
    main()

"""Peak memory of the engine by the number of frames it has tracked, with the embedded model.

    python benchmarks/memory.py                                   # 200, 1000, 2000 frames of 1024
    python benchmarks/memory.py --frames 200,1000 --size 256 --objects 3 --cache 64

Discs drift over noise in a generated zarr, read one frame at a time. One movie of the largest
length is tracked; the rows tell the highest peak that the system had counted (Linux) by then. The
labels lie in memory as a user has them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from numpy.typing import NDArray

from napari_sam2 import Annotation, Tracker, load_model

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import write_json

MIB = 1024**2
ALLOWED_MIB = 1536  # beside labels and cache: the program itself, one batch, and masks as kept


@dataclass(frozen=True)
class Load:
    """What is tracked.

    Attributes
    ----------
    frames, objects : int
        How many.
    size : int
        Side of the frames in pixels.
    cache_mib : int
        Budget of features in memory.
    """

    frames: int
    objects: int
    size: int
    cache_mib: int


def main(argv: Sequence[str] | None = None) -> None:
    """Track a movie, print a table and write the rows."""
    options = _options(argv)
    torch.set_num_threads(options.threads)
    load = Load(max(options.frames), options.objects, options.size, options.cache)
    print(f"{'frames':>7} {'labels':>8} {'cache':>8} {'peak':>8} {'bound':>8} MiB   frames/s")
    rows = []
    for row in tracked(load, set(options.frames)):
        rows.append(row)
        numbers = (row[key] for key in ("labels_mib", "cache_mib", "peak_mib", "bound_mib"))
        text = " ".join(f"{number:8.0f}" for number in numbers)
        verdict = "" if row["peak_mib"] <= row["bound_mib"] else "  over the bound"
        print(f"{row['frames']:7} {text} {row['frames_per_s']:14.2f}{verdict}", flush=True)
    write_json(options.json, rows, **asdict(load))


def tracked(load: Load, stops: set[int]) -> Iterator[dict[str, Any]]:
    """Track a movie; a row whenever so many frames are done."""
    with tempfile.TemporaryDirectory() as folder:
        movie, places = drifting_discs(Path(folder) / "movie.zarr", load)
        tracker = Tracker(load_model("cells", "cpu"), movie, cache_bytes=load.cache_mib * MIB)
        annotation = Annotation(tracker)
        for object_id, place in enumerate(places, start=1):
            annotation.add_points(0, object_id, [place], [1])
        start = time.perf_counter()
        for done, _ in enumerate(annotation.propagate(direction="forward"), start=1):
            if done not in stops:
                continue
            labels = done * annotation.labels[0].nbytes / MIB
            yield {
                "frames": done,
                "labels_mib": labels,
                "cache_mib": load.cache_mib,
                "peak_mib": peak_bytes() / MIB,
                "bound_mib": labels + load.cache_mib + ALLOWED_MIB,
                "frames_per_s": done / (time.perf_counter() - start),
            }


def peak_bytes() -> int:
    """Most memory that this process ever had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def drifting_discs(path: Path, load: Load) -> tuple[Any, NDArray[np.float64]]:
    """A (T, Y, X) uint16 zarr of one frame a chunk, and (objects, 2) (y, x) on the first one."""
    rng, side = np.random.default_rng(0), load.size
    per_row = int(np.ceil(load.objects**0.5))
    cell = side / per_row
    radius = min(cell / 5, 14)
    index = np.arange(load.objects)
    home = (np.stack([index // per_row, index % per_row], axis=1) + 0.5) * cell
    phase, speed = rng.uniform(0, 2 * np.pi, (2, *home.shape))
    movie = zarr.create_array(
        path, shape=(load.frames, side, side), chunks=(1, side, side), dtype=np.uint16
    )
    noise = rng.normal(500, 30, (side, side))
    reach = int(radius) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = 900 * (np.hypot(y, x) < radius)

    def places(t: int) -> NDArray[np.float64]:
        return home + (cell / 2 - radius) * 0.7 * np.sin(phase + 0.02 * speed * t)

    for t in range(load.frames):
        frame = np.roll(noise, 17 * t, axis=1)
        for row, column in places(t).astype(int):
            frame[row - reach : row + reach + 1, column - reach : column + reach + 1] += disc
        movie[t] = frame.astype(np.uint16)
    return movie, places(0)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--frames",
        type=lambda text: [int(n) for n in text.split(",")],
        default=[200, 1000, 2000],
        help="numbers of frames to look at",
    )
    parser.add_argument("--objects", type=int, default=20)
    parser.add_argument("--size", type=int, default=1024, help="side of frames in pixels")
    parser.add_argument("--cache", type=int, default=1024, help="budget of features in MiB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="file for the rows")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()

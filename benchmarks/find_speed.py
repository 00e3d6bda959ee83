"""Time and memory of finding all cells of a large drawn field.

python benchmarks/find_speed.py [--side 2048] [--cells 500] [--model cells] [--method auto]
python benchmarks/find_speed.py --side 16384 --cells 32000 --cell-size 40 --stop-after 60

The field is a mosaic of drawn nuclei; a field of more than 2048 pixels is a memory map that repeats
a smaller one. Times are of this process: seconds that have passed, and seconds of one core. With
--stop-after, the search is stopped as a user stops it, after so many seconds of a core.
"""

import argparse
import resource
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from napari_sam2 import load_model
from napari_sam2.finding import FindingStopped, Proposal, find_objects, typical_size

LARGEST_DRAWN = 2048  # pixels, side of a field that is drawn in memory


def drawn_field(side: int, cells: int, seed: int = 0) -> np.ndarray:
    """(side, side) uint16 with bright discs on a jittered grid, over noise."""
    rng = np.random.default_rng(seed)
    image = rng.normal(400, 40, (side, side))
    per_row = int(np.ceil(np.sqrt(cells)))
    pitch = side / per_row
    for index in range(cells):
        row, column = divmod(index, per_row)
        y, x = (np.array([row, column]) + 0.5 + rng.uniform(-0.15, 0.15, 2)) * pitch
        radius = pitch * rng.uniform(0.16, 0.24)
        top, left = (max(int(value - radius), 0) for value in (y, x))
        box = slice(top, int(y + radius) + 2), slice(left, int(x + radius) + 2)
        rows, columns = np.ogrid[box]
        inside = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
        image[box] += inside * rng.uniform(800, 2500)
    return image.clip(0, 65535).astype(np.uint16)


def mapped_field(side: int, cells: int, folder: str) -> np.ndarray:
    """(side, side) uint16 on the disk, of equal fields beside each other."""
    repeats = -(-side // LARGEST_DRAWN)
    part = drawn_field(side // repeats, cells // repeats**2)
    shape = (repeats * len(part), repeats * len(part))
    mapped = np.memmap(Path(folder) / "field.dat", np.uint16, "w+", shape=shape)
    for row in range(repeats):
        rows = slice(row * len(part), (row + 1) * len(part))
        mapped[rows] = np.tile(part, (1, repeats))
    mapped.flush()
    return np.memmap(Path(folder) / "field.dat", np.uint16, "r", shape=shape)


class Watch:
    """Stops a search after some seconds of a core, and notes how far it was and its memory."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds, self._start = seconds, time.process_time()
        self.done = self.total = 0
        self.anonymous_mib = 0.0

    def progress(self, done: int, total: int) -> None:
        """Note the steps, and the memory without files that are mapped."""
        self.done, self.total = done, total
        status = Path("/proc/self/status").read_text()
        value = next(line for line in status.splitlines() if line.startswith("RssAnon"))
        self.anonymous_mib = max(self.anonymous_mib, int(value.split()[1]) / 1024)

    def should_stop(self) -> bool:
        """Whether the time is up."""
        spent = time.process_time() - self._start
        return self._seconds is not None and spent > self._seconds


def main() -> None:
    """Measure, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--cells", type=int, default=500)
    parser.add_argument("--model", default="cells")
    parser.add_argument("--method", default="auto")
    parser.add_argument("--cell-size", type=float, help="pixels; default: found by trial")
    parser.add_argument("--stop-after", type=float, help="seconds of a core")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        measure(options, folder)


def measure(options: argparse.Namespace, folder: str) -> None:
    """Search a field, and print what it took."""
    draw = partial(mapped_field, folder=folder) if options.side > LARGEST_DRAWN else drawn_field
    model, image = load_model(options.model, "cpu"), draw(options.side, options.cells)
    watch = Watch(options.stop_after)
    watch.progress(0, 0)
    anonymous = watch.anonymous_mib
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    found: list[Proposal] = []
    try:
        found = find_objects(
            model,
            image,
            method=options.method,
            cell_size=options.cell_size,
            progress=watch.progress,
            should_stop=watch.should_stop,
        )
    except FindingStopped:
        print(f"stopped after {watch.done} of {watch.total} steps known so far")
    seconds, core = time.perf_counter() - start, time.process_time() - cpu
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{options.side} x {options.side}, {options.cells} cells: {len(found)} found, typically "
        f"{typical_size(found) or 0:.0f} px; {seconds:.0f} s, {core:.0f} s of a core, "
        f"{torch.get_num_threads()} threads, {growth:.0f} MiB more memory, "
        f"{watch.anonymous_mib - anonymous:.0f} MiB of it beside mapped files"
    )


if __name__ == "__main__":
    main()

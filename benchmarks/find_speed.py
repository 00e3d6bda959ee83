"""Time and memory of finding all cells of a large drawn field.

python benchmarks/find_speed.py [--side 2048] [--cells 500] [--model cells] [--method auto]

The field is a mosaic of drawn nuclei. Times are of this process: seconds that have passed, and
seconds of one core.
"""

import argparse
import resource
import time

import numpy as np
import torch

from napari_sam2 import load_model
from napari_sam2.finding import find_objects, typical_size


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


def main() -> None:
    """Measure, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--cells", type=int, default=500)
    parser.add_argument("--model", default="cells")
    parser.add_argument("--method", default="auto")
    options = parser.parse_args()
    model, image = load_model(options.model, "cpu"), drawn_field(options.side, options.cells)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    found = find_objects(model, image, method=options.method)
    seconds, core = time.perf_counter() - start, time.process_time() - cpu
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{options.side} x {options.side}, {options.cells} cells: {len(found)} found, typically "
        f"{typical_size(found) or 0:.0f} px; {seconds:.0f} s, {core:.0f} s of a core, "
        f"{torch.get_num_threads()} threads, {growth:.0f} MiB more memory"
    )


if __name__ == "__main__":
    main()

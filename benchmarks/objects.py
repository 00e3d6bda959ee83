"""Time of a frame by the number of objects: a straight line, and how steep.

    python benchmarks/objects.py                                 # 1, 4, 16, 64 objects, tiny
    python benchmarks/objects.py --image-size 256 --reference-up-to 64 --threads 1 --clock processor

Ours and the reference have the same random weights and run in turn. `local` looks at memories near
the object only, which fills a tenth of the side.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import CLOCKS, take_turns, write_json
from benchmarks.pair import OurMovie, Pair, ReferenceMovie

MODES = ("exact", "fast", "local", "fast, local")


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table and write the rows."""
    options = _options(argv)
    torch.set_num_threads(options.threads)
    with torch.inference_mode():
        pair = Pair(options.size, 1, image_size=options.image_size)
        times = {
            count: take_turns(
                _works(pair, count, with_reference=count <= options.reference_up_to),
                repeats=options.repeats,
                warm=False,
                clock=CLOCKS[options.clock],
            )
            for count in options.objects
        }
    names = (*MODES, "reference")
    print(f"{options.size}, {options.image_size} px, {options.threads} threads, {options.clock} s")
    print(f"{'objects':>24}" + "".join(f"{name:>14}" for name in names))
    for count, found in times.items():
        cells = (f"{found[name]:14.3f}" if name in found else f"{'-':>14}" for name in names)
        print(f"{count:24}" + "".join(cells), flush=True)
    lines = {
        name: straight_line({n: t[name] for n, t in times.items() if name in t}) for name in names
    }
    print(f"{'s for each object':>24}" + "".join(f"{lines[name][0]:14.3f}" for name in names))
    print(f"{'farthest from the line':>24}" + "".join(f"{lines[name][1]:14.0%}" for name in names))
    rows = [{"objects": count, **found} for count, found in times.items()]
    slopes = {name: line[0] for name, line in lines.items()}
    write_json(options.json, rows, slopes=slopes, image_size=options.image_size)


def straight_line(times: dict[int, float]) -> tuple[float, float]:
    """Slope of the line through the times, and the largest distance from it as a share."""
    counts, seconds = np.array(list(times)), np.array(list(times.values()))
    if len(counts) < 2:
        return float("nan"), float("nan")
    slope, start = np.polyfit(counts, seconds, 1, w=1 / seconds)
    return float(slope), float(np.abs((slope * counts + start) / seconds - 1).max())


def _works(pair: Pair, count: int, *, with_reference: bool) -> dict[str, Callable[[], object]]:
    works = {
        mode: _ours(pair.tracker(count, fast="fast" in mode, local="local" in mode))
        for mode in MODES
    }
    if with_reference:
        works["reference"] = _theirs(pair.session(count))
    return works


def _ours(movie: OurMovie) -> Callable[[], object]:
    return lambda: movie.track(1, cached=False)


def _theirs(movie: ReferenceMovie) -> Callable[[], object]:
    return lambda: movie.track(1)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="tiny", help="tiny, small, base_plus or large")
    parser.add_argument(
        "--objects",
        type=lambda text: [int(n) for n in text.split(",")],
        default=[1, 4, 16, 64],
        help="numbers of objects",
    )
    parser.add_argument("--reference-up-to", type=int, default=16, help="objects; it is slow")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--image-size", type=int, default=1024)
    parser.add_argument("--json", type=Path, help="file for the rows")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()

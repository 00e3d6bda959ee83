"""Frames a second on a GPU beside the paper and beside the reference implementation.

    python benchmarks/gpu.py --json gpu.json                     # all official sizes at 1024 px
    python benchmarks/gpu.py --device cpu --sizes tiny --image-size 128 --objects 1,2 --frames 2

Ours and the reference have the same random weights, run in turn on the same card, one frame at a
time, both with bfloat16 products; `compiled` has the image encoder compiled. Peak is the share of
the card's measured matrix products that ours reaches with one object.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import seconds, take_turns, write_json
from benchmarks.pair import OurMovie, Pair, ReferenceMovie

PAPER_A100 = {"base_plus": 43.8, "large": 30.2}  # frames/s of SAM 2 with compilation, §7


@dataclass(frozen=True)
class Row:
    """One size with some objects.

    Attributes
    ----------
    size : str
        Of the network.
    objects : int
        On every frame.
    ours_fps, compiled_fps, reference_fps : float or None
        Frames a second.
    paper_fps : float or None
        What the paper gives for one object on an A100.
    peak_share : float or None
        Of the device's measured matrix products.
    """

    size: str
    objects: int
    ours_fps: float
    compiled_fps: float | None
    reference_fps: float | None
    paper_fps: float | None
    peak_share: float | None


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table and write the rows."""
    options = _options(argv)
    peak = matmul_peak(options.device, options.peak_seconds)
    print(f"{options.device}: bfloat16 matrix products of {peak / 1e12:.1f} TFLOP/s")
    print(
        f"{'':>12}{'objects':>8}{'ours':>8}{'compiled':>10}{'reference':>11}{'paper':>8}{'peak':>7}"
    )
    rows = []
    with torch.inference_mode():
        for size in options.sizes:
            pair = Pair(size, options.frames, image_size=options.image_size, device=options.device)
            for objects in options.objects:
                rows.append(_row(pair, size, objects, options, peak))
                print(_line(rows[-1]), flush=True)
    write_json(options.json, [asdict(row) for row in rows], peak_flops=peak, device=options.device)


def _row(pair: Pair, size: str, objects: int, options: argparse.Namespace, peak: float) -> Row:
    ours, frames = pair.tracker(objects, fast=True), options.frames
    works: dict[str, Callable[[], object]] = {"ours": _ours(ours, frames)}
    if options.compile:
        compiled = pair.tracker(objects, fast=True)
        compiled.tracker.model.compile_encoder()
        works["compiled"] = _ours(compiled, frames)
    if objects <= options.reference_up_to:
        works["reference"] = _theirs(pair.session(objects), frames, options.device)
    found = {
        name: frames / spent for name, spent in take_turns(works, repeats=options.repeats).items()
    }
    share = None
    if objects == 1:
        share = flops(ours) * found["ours"] / peak
    return Row(
        size,
        objects,
        found["ours"],
        found.get("compiled"),
        found.get("reference"),
        PAPER_A100.get(size) if objects == 1 else None,
        share,
    )


def matmul_peak(device: str, for_s: float) -> float:
    """Floating-point operations a second of large bfloat16 matrix products, measured."""
    side = 8192 if device.startswith("cuda") else 1024
    x = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    end, best = time.perf_counter() + for_s, float("inf")
    while time.perf_counter() < end:
        best = min(best, seconds(lambda: x @ x))
    return 2 * side**3 / best


def flops(movie: OurMovie) -> float:
    """Floating-point operations of a frame: products, convolutions and attention."""
    with FlopCounterMode(display=False) as counter:
        movie.track(1, cached=False)
    return float(counter.get_total_flops())


def _ours(movie: OurMovie, frames: int) -> Callable[[], object]:
    return lambda: movie.track(frames, cached=False)


def _theirs(movie: ReferenceMovie, frames: int, device: str) -> Callable[[], object]:
    def work() -> None:
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            movie.track(frames)

    return work


def _line(row: Row) -> str:
    def cell(value: float | None, width: int, form: str = ".1f") -> str:
        return f"{'-' if value is None else format(value, form):>{width}}"

    numbers = cell(row.ours_fps, 8) + cell(row.compiled_fps, 10) + cell(row.reference_fps, 11)
    known = cell(row.paper_fps, 8) + cell(row.peak_share, 7, ".0%")
    return f"{row.size:>12}{row.objects:8}" + numbers + known


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--sizes",
        type=lambda text: text.split(","),
        default=["tiny", "small", "base_plus", "large"],
    )
    parser.add_argument(
        "--objects", type=lambda text: [int(n) for n in text.split(",")], default=[1, 16, 64, 256]
    )
    parser.add_argument("--frames", type=int, default=20, help="timed at once")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--reference-up-to", type=int, default=64, help="objects; it is slow")
    parser.add_argument("--image-size", type=int, default=1024)
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--peak-seconds", type=float, default=3.0, help="of matrix products")
    parser.add_argument("--json", type=Path, help="file for the rows")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()

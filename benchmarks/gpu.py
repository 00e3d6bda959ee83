"""Frames a second on a GPU beside the paper and beside the reference implementation.

    python benchmarks/gpu.py --json gpu.json                     # all official sizes at 1024 px
    python benchmarks/gpu.py --device cpu --sizes tiny --image-size 128 --objects 1,2 --frames 2
    python benchmarks/gpu.py --quick                             # does it run? seconds on a CPU

Ours and the reference have the same random weights, run in turn on the same card, one frame at a
time, both with bfloat16 products; `compiled` has the image encoder compiled. Peak is the share of
the card's measured matrix products that ours reaches with one object.

Images are timed as in §D.3 of the paper: a batch of ten, one click on each; a compiled encoder is
given one of them at a time. Each work runs once to warm up, and the median of the others counts.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import seconds, take_turns, write_json
from benchmarks.pair import OurMovie, Pair, ReferenceMovie
from napari_sam2.model import PromptTensors

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


@dataclass(frozen=True)
class ImageRow:
    """One size on a batch of images with a click on each.

    Attributes
    ----------
    size : str
        Of the network.
    batch : int
        Images at once.
    images_per_s, compiled_images_per_s : float or None
        With and without compilation of the image encoder.
    """

    size: str
    batch: int
    images_per_s: float
    compiled_images_per_s: float | None


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table and write the rows."""
    options = _options(argv)
    peak = matmul_peak(options.device, options.peak_seconds)
    print(f"{options.device}: bfloat16 matrix products of {peak / 1e12:.1f} TFLOP/s")
    print(
        f"{'':>12}{'objects':>8}{'ours':>8}{'compiled':>10}{'reference':>11}{'paper':>8}{'peak':>7}"
    )
    rows, images = [], []
    with torch.inference_mode():
        for size in options.sizes:
            pair = Pair(size, options.frames, image_size=options.image_size, device=options.device)
            for objects in options.objects:
                rows.append(_row(pair, size, objects, options, peak))
                print(_line(rows[-1]), flush=True)
            images.append(_image_row(pair, size, options))
            print(_image_line(images[-1]), flush=True)
    write_json(
        options.json,
        [asdict(row) for row in rows],
        images=[asdict(row) for row in images],
        peak_flops=peak,
        device=options.device,
    )


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


def _image_row(pair: Pair, size: str, options: argparse.Namespace) -> ImageRow:
    works: dict[str, Callable[[], object]] = {"plain": _clicked_images(pair, options.batch)}
    if options.compile:
        compiled = copy(pair)
        compiled.ours = pair.tracker(1, fast=True).tracker.model
        compiled.ours.compile_encoder()
        works["compiled"] = _clicked_images(compiled, options.batch)
    spent = take_turns(works, repeats=options.repeats)
    rates = {name: options.batch / one for name, one in spent.items()}
    return ImageRow(size, options.batch, rates["plain"], rates.get("compiled"))


def _clicked_images(pair: Pair, batch: int) -> Callable[[], object]:
    """Encode a batch of images and decode the mask of one click on each, in bfloat16."""
    model, device = pair.ours, pair.device
    images = pair.image.expand(batch, -1, -1, -1).contiguous()
    middle = torch.full((batch, 1, 2), pair.side / 2, device=device)
    click = PromptTensors(middle, torch.ones(batch, 1, dtype=torch.long, device=device))

    def work() -> None:
        with torch.autocast(device.type, torch.bfloat16):
            features = model.encode_frame(images)
            model.decode(model.without_memory(features), features, click)

    return work


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


def _image_line(row: ImageRow) -> str:
    compiled = row.compiled_images_per_s
    shown = "-" if compiled is None else f"{compiled:.1f}"
    return f"{row.size:>12}  {row.batch} images at once: {row.images_per_s:.1f}/s, compiled {shown}"


QUICK = {
    "device": "cpu", "sizes": ["tiny"], "image_size": 64, "objects": [1], "frames": 1,
    "repeats": 1, "batch": 2, "compile": False, "peak_seconds": 0.1,
}  # fmt: skip


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
    parser.add_argument("--batch", type=int, default=10, help="images at once, §D.3")
    parser.add_argument("--quick", action="store_true", help="tiny work on the CPU: does it run?")
    parser.add_argument("--json", type=Path, help="file for the rows")
    options = parser.parse_args(argv)
    if options.quick:
        vars(options).update(QUICK)
    return options


if __name__ == "__main__":
    main()

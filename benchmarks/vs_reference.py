"""How long our network takes beside the reference implementation, on a CPU in float32.

    python benchmarks/vs_reference.py --quick     # minutes; whole frames at 512 px
    python benchmarks/vs_reference.py --json speed.json
    python benchmarks/vs_reference.py --quick --threads 1 --clock processor    # on a busy machine

Both have the same random weights (`tests/model/reference.py`) and run in turn; rows are medians.
The reference is always exact and sees whole memories; ours is exact where a row says nothing else,
`fast` multiplies in bfloat16, and `local` looks for an object near where it was.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import CLOCKS, Clock, Row, print_head, print_row, take_turns, write_json
from benchmarks.pair import OurMovie, Pair

Works = dict[str, Callable[[], object]]
BARS = {  # of a frame with one object, of one with many, and of each object more
    "exact": (0.7, 0.35, 0.25),
    "fast": (0.35, 0.15, 0.25),
    "local": (0.7, 0.35, 0.25),
    "fast, local": (0.35, 0.15, 0.25),
}


@dataclass(frozen=True)
class Plan:
    """How much is timed.

    Attributes
    ----------
    repeats : int
        Of every part and of a frame with one object.
    objects : int
        On a frame with many.
    again : int
        Frames that are propagated again after a correction.
    largest : int
        Side of whole frames in pixels, at most: one with 16 objects at 1024 pixels takes the
        reference a minute and more.
    """

    repeats: int
    objects: int
    again: int
    largest: int


FULL_PLAN = Plan(repeats=5, objects=16, again=50, largest=1024)
QUICK_PLAN = Plan(repeats=2, objects=16, again=2, largest=512)


class Comparison:
    """The rows of one size.

    Parameters
    ----------
    pair : Pair
        Both networks.
    plan : Plan
        How much is timed.
    clock : callable
        What tells the time.
    """

    def __init__(self, pair: Pair, plan: Plan, clock: Clock) -> None:
        self._pair = pair
        self._plan = plan
        self._clock = clock
        self.rows: list[Row] = []

    def parts(self) -> None:
        """Each part of a tracked frame by itself."""
        pair, repeats = self._pair, self._plan.repeats
        features, bank = pair.ours.encode_frame(pair.image), pair.bank()
        self._compare(
            "image encoder",
            lambda: pair.ours.encode_frame(pair.image),
            lambda: pair.reference.get_image_features(pair.image),
            repeats,
        )
        self._compare(
            "memory attention, 1 object",
            lambda: pair.ours.attend(features, pair.ours.gather_memory(*bank)),
            pair.reference_attends(),
            repeats,
        )
        decoders = pair.our_decoding(), pair.reference_decodes()
        self._compare("mask decoder, 1 object", *decoders, 5 * repeats)
        encoders = pair.our_memorizing(), pair.reference_memorizes()
        self._compare("memory encoder, 1 object", *encoders, 5 * repeats)

    def again(self) -> None:
        """Frames whose features are at hand, after a correction."""
        count, theirs = self._plan.again, self._pair.session(1)
        ours = self._pair.tracker(1)
        ours.encode(count)
        name = f"{count} frames again after a correction"
        works: Works = {
            "ours": lambda: ours.track(count, cached=True),
            "reference": lambda: theirs.track(count),
        }
        found = take_turns(works, repeats=1, warm=False, clock=self._clock)
        self._add(name, found["ours"], found["reference"], 0.5)

    def frames(self) -> None:
        """What a user waits for: from a frame's pixels to the masks at its size."""
        count = self._plan.objects
        one = self._tracked(1, self._plan.repeats)
        many = self._tracked(count, max(self._plan.repeats // 2, 1))
        for mode, (bar_one, bar_many, bar_slope) in BARS.items():
            suffix = "" if mode == "exact" else f", {mode}"
            side = self._pair.image.shape[-1]
            suffix = f" of {side} px{suffix}"
            self._add(f"1 object, frame{suffix}", one[mode], one["reference"], bar_one)
            name = f"{count} objects, frame{suffix}"
            self._add(name, many[mode], many["reference"], bar_many)
            slopes = [(many[key] - one[key]) / (count - 1) for key in (mode, "reference")]
            self._add(f"each object more, frame{suffix}", slopes[0], slopes[1], bar_slope)

    def _tracked(self, objects: int, repeats: int) -> dict[str, float]:
        """Seconds of a frame by mode, and of the reference."""
        theirs = self._pair.session(objects)
        movies = {
            mode: self._pair.tracker(objects, fast="fast" in mode, local="local" in mode)
            for mode in BARS
        }
        works: Works = {mode: _tracking(movie) for mode, movie in movies.items()}
        works["reference"] = lambda: theirs.track(1)
        return take_turns(works, repeats=repeats, warm=False, clock=self._clock)

    def _compare(
        self, name: str, ours: Callable[[], object], reference: Callable[[], object], repeats: int
    ) -> None:
        works: Works = {"ours": ours, "reference": reference}
        found = take_turns(works, repeats=repeats, clock=self._clock)
        self._add(name, found["ours"], found["reference"], 1.0)

    def _add(self, name: str, ours_s: float, reference_s: float, bar: float) -> None:
        self.rows.append(print_row(Row(name, ours_s, reference_s, bar)))


def _tracking(movie: OurMovie) -> Callable[[], object]:
    return lambda: movie.track(1, cached=False)


def main(argv: Sequence[str] | None = None) -> None:
    """Time the sizes asked for; print and write the rows."""
    options = _options(argv)
    torch.set_num_threads(options.threads)
    wanted = {key: vars(options)[key] for key in ("repeats", "objects", "again")}
    plan = replace(
        QUICK_PLAN if options.quick else FULL_PLAN,
        **{key: number for key, number in wanted.items() if number is not None},
    )
    rows, start = [], time.perf_counter()
    for size in options.sizes or (["tiny"] if options.quick else ["tiny", "base_plus"]):
        print_head(f"{size}, float32, {options.threads} threads, {options.clock} time")
        with torch.inference_mode():
            for row in _compared(size, plan, options):
                rows.append({**vars(row), "name": f"{size}: {row.name}"})
    print(f"\n{time.perf_counter() - start:.0f} s in all")
    more = {key: vars(options)[key] for key in ("quick", "image_size", "threads", "clock")}
    write_json(options.json, rows, **more, **asdict(plan))


def _compared(size: str, plan: Plan, options: argparse.Namespace) -> list[Row]:
    """The rows of one size: parts and frames again as large as asked for, then whole frames."""
    clock, pair = CLOCKS[options.clock], Pair(size, plan.again, image_size=options.image_size)
    single = Comparison(pair, plan, clock)
    single.parts()
    single.again()
    if options.image_size > plan.largest:
        pair = Pair(size, plan.again, image_size=plan.largest)
    whole = Comparison(pair, plan, clock)
    whole.frames()
    return single.rows + whole.rows


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny only, few repeats")
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--sizes", type=lambda text: text.split(","), help="tiny,base_plus,...")
    parser.add_argument("--repeats", type=int, help="of every row; for long ones 1 will do")
    parser.add_argument("--objects", type=int, help="on a frame with many")
    parser.add_argument("--again", type=int, help="frames that are propagated again")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--image-size", type=int, default=1024)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()

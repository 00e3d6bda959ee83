"""How long our network takes beside the reference implementation, on a CPU in float32.

    python benchmarks/vs_reference.py --quick          # under five minutes on two cores
    python benchmarks/vs_reference.py --json speed.json

Both have the same random weights (`tests/model/reference.py`) and run in turn; rows are medians.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import Row, compare, print_head, write_json
from benchmarks.pair import Pair


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
    """

    repeats: int
    objects: int
    again: int


FULL_PLAN = Plan(repeats=5, objects=16, again=50)
QUICK_PLAN = Plan(repeats=2, objects=4, again=2)


def parts(pair: Pair, repeats: int) -> list[Row]:
    """Each part of a tracked frame by itself."""
    features, bank = pair.ours.encode_frame(pair.image), pair.bank()
    return [
        compare(
            "image encoder",
            lambda: pair.ours.encode_frame(pair.image),
            lambda: pair.reference.get_image_features(pair.image),
            repeats=repeats,
        ),
        compare(
            "memory attention, 1 object",
            lambda: pair.ours.attend(features, pair.ours.gather_memory(*bank)),
            pair.reference_attends(),
            repeats=repeats,
        ),
        compare(
            "mask decoder, 1 object",
            pair.our_decoding(),
            pair.reference_decodes(),
            repeats=3 * repeats,
        ),
        compare(
            "memory encoder, 1 object",
            pair.our_memorizing(),
            pair.reference_memorizes(),
            repeats=3 * repeats,
        ),
    ]


def whole_frames(pair: Pair, plan: Plan) -> list[Row]:
    """What a user waits for: from a frame's pixels to the masks at its size."""
    one, theirs = pair.tracker(1), pair.session(1)
    rows = [
        compare(
            "tracked frame, 1 object",
            lambda: one.track(1, cached=False),
            lambda: theirs.track(1),
            repeats=plan.repeats,
            bar=0.7,
        )
    ]
    one.encode(plan.again)
    rows.append(
        compare(
            f"{plan.again} frames again after a correction",
            lambda: one.track(plan.again, cached=True),
            lambda: theirs.track(plan.again),
            repeats=1,
            bar=0.5,
            warm=False,
        )
    )
    many, theirs = pair.tracker(plan.objects), pair.session(plan.objects)
    rows.append(
        compare(
            f"tracked frame, {plan.objects} objects",
            lambda: many.track(1, cached=False),
            lambda: theirs.track(1),
            repeats=max(plan.repeats // 2, 1),
            bar=0.35,
            warm=False,
        )
    )
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Time the sizes asked for; print and write the rows."""
    options = _options(argv)
    torch.set_num_threads(options.threads)
    plan = QUICK_PLAN if options.quick else FULL_PLAN
    rows = []
    for size in options.sizes or (["tiny"] if options.quick else ["tiny", "base_plus"]):
        print_head(f"{size}, {options.image_size} px, float32, {options.threads} threads")
        with torch.inference_mode():
            pair = Pair(size, plan.again, image_size=options.image_size)
            found = parts(pair, plan.repeats) + whole_frames(pair, plan)
        rows += [{**vars(row), "name": f"{size}: {row.name}"} for row in found]
    write_json(options.json, rows, quick=options.quick, image_size=options.image_size)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny only, few repeats and objects")
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--sizes", type=lambda text: text.split(","), help="tiny,base_plus,...")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--image-size", type=int, default=1024)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()

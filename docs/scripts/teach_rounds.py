"""Measure how many clicks teaching saves; docs/how-to/teach.md has the figures.

python docs/scripts/teach_rounds.py RAW.tif LABELS.tif --frames 30 --margin 50 --picture rounds.png

The simulated user of the protocol `offline` corrects a movie in rounds, once without teaching and
once with it. With teaching, the base model learns the masks of all clicked frames in each round, as
they are after the clicks. If the lesson was a gain, the taught model takes the place of the present
one as in the window, and everything that was not clicked is tracked again.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tifffile

from napari_sam2 import Tracker, load_model
from napari_sam2.annotation.vouched import FEWEST_MASKS
from napari_sam2.evaluation.ground_truth import LabelledMovie, label_movie
from napari_sam2.evaluation.protocols import CLICKS_PER_FRAME, MOST_FRAMES
from napari_sam2.evaluation.simulated_user import CACHE_BYTES, Scores, SimulatedUser, scored
from napari_sam2.evaluation.vos import mean_of_defined
from napari_sam2.model import Sam2
from napari_sam2.training.examples import Example
from napari_sam2.training.teach import teach

WANTED_IOUS = (0.85, 0.9)
WITHOUT, WITH = "without teaching", "with teaching"

Curve = list[tuple[int, float]]  # clicks so far and mean IoU, by round


@dataclass
class Teacher:
    """Teaches a base model all masks that were clicked so far."""

    base: Sam2
    raw: np.ndarray
    seconds: float
    masks: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def look(self, user: SimulatedUser) -> None:
        """Note the masks that were clicked since the last look, as they are now."""
        for t, k in user.clicks.keys() - self.masks.keys():
            self.masks[t, k] = user.tracker.labels(t) == k

    def teach(self, user: SimulatedUser) -> None:
        """Teach, and give the new model to the user if it is better."""
        self.look(user)
        if len(self.masks) < FEWEST_MASKS:
            return
        labels = np.zeros(self.raw.shape[:3], np.uint16)
        for (t, k), mask in self.masks.items():
            labels[t][mask] = k
        begin, told = time.process_time(), [0]
        taught = teach(
            self.base,
            [Example(self.raw, labels)],
            self.seconds * busyness(),
            lambda progress: told.append(progress.step),
        )
        spent = time.process_time() - begin
        print(
            f"  lesson of {spent:.0f} s and {told[-1]} steps: {taught.learnt_masks} masks learnt, "
            f"IoU of {taught.judged_masks} kept aside {taught.before:.3f} before and "
            f"{taught.after:.3f} after",
            flush=True,
        )
        if taught.is_better:
            exchange(user, taught.model)


def busyness() -> float:
    """Seconds that pass for each second of processor time, since other programs run as well."""
    wall, own = time.perf_counter(), time.process_time()
    while time.process_time() - own < 1.0:
        sum(range(10000))
    return time.perf_counter() - wall


def exchange(user: SimulatedUser, model: Sam2) -> None:
    """Use another model as in the window: the masks of clicks are computed again."""
    before = user.tracker
    after = Tracker(model, before.frames, cache_bytes=CACHE_BYTES)
    for k in before.object_ids:
        after.carry_over(k, before.snapshot(k))
    user.tracker = after


def correct(
    user: SimulatedUser, rounds: int, clicks: int, teacher: Teacher | None
) -> Iterator[tuple[int, float]]:
    """Correct a movie in rounds; yields clicks so far and mean IoU over objects and frames."""
    firsts = {k: user.truth.first_frame(k) for k in user.object_ids}
    scores: Scores = {}
    for number in range(rounds):
        if number == 0:
            active = list(firsts)
            for k, t in firsts.items():
                user.click_first(t, k, user.true_mask(t, k), clicks)
        else:
            active = [k for k in firsts if user.correct_worst(k, scores, clicks)]
        before = user.tracker
        if teacher is not None and active:
            teacher.teach(user)
        if user.tracker is not before:
            active = list(firsts)
        start = min((firsts[k] for k in active), default=user.truth.shape[0])
        for _ in user.track(start, user.truth.shape[0], active) if active else ():
            pass
        scores |= scores_of_labels(user)
        yield sum(user.clicks.values()), mean_of_defined([s.region for s in scores.values()])


def scores_of_labels(user: SimulatedUser) -> Scores:
    """Scores of the labels, in which no two cells overlap, as they are seen and exported."""
    scores: Scores = {}
    for t in user.truth.annotated:
        ids = [k for k in user.object_ids if user.counts(t, k)]
        labels = user.truth.judged(t, user.tracker.labels(t))
        scores |= {(t, k): scored(t, k, true, labels == k) for k, true in user.truth.masks(t, ids)}
    return scores


def clicks_to(curve: Curve, wanted: float) -> int | None:
    """Clicks at which a mean IoU was first reached; None if it was not."""
    return next((clicks for clicks, iou in curve if iou >= wanted), None)


def draw(picture: Path, curves: dict[str, Curve]) -> None:
    """Mean IoU over clicks, one line with teaching and one without."""
    chart, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
    for name, curve in curves.items():
        clicks, ious = np.array(curve).T
        axes.plot(clicks, ious, marker="o", markersize=3, linewidth=1.2, label=name)
    axes.set(xlabel="clicks", ylabel="mean IoU")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    chart.savefig(picture, dpi=110)
    plt.close(chart)


def summary(curves: dict[str, Curve]) -> str:
    """A table in Markdown, and the clicks to each wanted IoU."""
    lines = ["| round | clicks | IoU | clicks, teaching | IoU, teaching |", "|" + " --- |" * 5]
    for number, row in enumerate(zip(*curves.values(), strict=True), 1):
        cells = [text for clicks, iou in row for text in (str(clicks), f"{iou:.3f}")]
        lines.append(f"| {number} | {' | '.join(cells)} |")
    for wanted in WANTED_IOUS:
        for name, curve in curves.items():
            clicks = clicks_to(curve, wanted)
            reached = "not reached" if clicks is None else f"{clicks} clicks"
            lines.append(f"mean IoU {wanted} {name}: {reached}")
    return "\n".join(lines)


def measure(raw: np.ndarray, truth: LabelledMovie, options: argparse.Namespace) -> None:
    """Correct the movie twice, print as it goes, and draw the curves."""
    base = load_model("cells")
    teachers = {WITHOUT: None, WITH: Teacher(base, raw, options.seconds)}
    curves: dict[str, Curve] = {name: [] for name in teachers}
    corrected = [
        correct(SimulatedUser(base, raw, truth), options.rounds, options.clicks, teacher)
        for teacher in teachers.values()
    ]
    for points in zip(*corrected, strict=True):
        for (name, curve), (clicks, iou) in zip(curves.items(), points, strict=True):
            curve.append((clicks, iou))
            print(f"{name}: {clicks} clicks, mean IoU {iou:.3f}", flush=True)
        print(f"  {time.process_time():.0f} s of processor time", flush=True)
        if options.picture is not None:
            draw(options.picture, curves)
    print(summary(curves))


def main() -> None:
    """Read the movie and correct it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--every", type=int, default=1, help="leave out the frames between")
    parser.add_argument("--margin", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=MOST_FRAMES)
    parser.add_argument("--clicks", type=int, default=CLICKS_PER_FRAME, help="most on a frame")
    parser.add_argument("--seconds", type=float, default=75, help="of one core, for each lesson")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    chosen = slice(0, options.frames * options.every, options.every)
    raw, labels = (tifffile.imread(path)[chosen] for path in (options.images, options.labels))
    measure(raw, replace(label_movie(labels), margin=options.margin), options)


if __name__ == "__main__":
    main()

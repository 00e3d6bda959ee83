"""Measure how well doubts find wrong masks, and fit the error probability.

python docs/scripts/doubts.py track DATA TABLES    one click for each cell, one table per movie
python docs/scripts/doubts.py fit TABLES...        writes annotation/error_model.json
python docs/scripts/doubts.py left-out TABLES...   compares chains on movies left out of the fit
python docs/scripts/doubts.py candidates TABLES... tries more evidence in the same way
python docs/scripts/doubts.py report TABLES        prints the figures of docs/lab/review.md
python docs/scripts/doubts.py ablate TABLES...     prints them without each kind of evidence
python docs/scripts/doubts.py plot TABLES PICTURE  draws how often masks are wrong by their chance
python docs/scripts/doubts.py cost MOVIE           processor time of the evidence beside tracking

DATA holds folders with raw.tif and labels.tif, or stills as training takes them; MOVIE is one such
folder. With --frames, `track` and `cost` take the first frames of each movie. Tracking is slow
and is done once; the others read the tables. Each folder of tables holds the same movies, tracked
with other weights; a fit takes the masks of all of them, figures are of the first one. `fit`,
`left-out`, `candidates` and `ablate` need scikit-learn (extra "train").
"""

import argparse
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import expit, logit
from scipy.stats import rankdata

from napari_sam2.annotation import error_probability
from napari_sam2.annotation.error_chain import ErrorChain
from napari_sam2.annotation.error_probability import (
    ErrorModel,
    Regression,
    TrackingScores,
    gather_evidence,
    kind_of,
    sum_of_stretches,
)
from napari_sam2.annotation.measures import Measures, Trace
from napari_sam2.annotation.quality import Timeline, find_doubts, grade

GOOD_IOU = 0.75
CHECKED = ("u373_02", "hela_n2dl_01", "psc_crowded", "yeast_long")
FITTED = ("u373_01", "t98g", "yeast_short")
STILLS = {"dsb2018": 10, "usiigaci_stills": 10}  # pseudo-videos, of stills that training may use
WITH_HEAD = (
    "cell_overlap",
    "cell_overlap_all",
    "agreement",
    "overlap",
    "size_change",
    "claimed",
    "second_piece",
    "solidity",
    "solidity_all",
)
WITHOUT_HEAD = (
    "agreement",
    "predicted_iou",
    "overlap",
    "size_change",
    "claimed",
    "second_piece",
    "solidity",
    "solidity_all",
)
CANDIDATES = ("step_beside",)  # evidence that no model uses yet
NEAR_CELLS = 5  # whose median step is that of the cells beside a cell
THRESHOLD = 0.22
USUAL_SHARE = 0.3  # of wrong masks; the movies that are fitted on are harder than most
STRENGTH = 0.002  # inverse of the regularisation
CHAIN = ErrorChain(share=USUAL_SHARE, persistence=0.5)
NEVER = 10**9  # frames from one question to the next
TASKS = ("track", "fit", "left-out", "candidates", "report", "ablate", "plot", "cost")
TARGET = Path(error_probability.__file__).with_name("error_model.json")


# Tracking


def frames_of_cells(labels: np.ndarray) -> dict[int, np.ndarray]:
    """Frames of each cell of (T, Y, X) labels that is there on more than two frames."""
    found = {int(k): np.flatnonzero((labels == k).any((1, 2))) for k in np.unique(labels) if k}
    return {k: frames for k, frames in found.items() if len(frames) > 2}


def click_cells(tracker, labels: np.ndarray):
    """An annotation in which each cell is clicked on its first frame, and ends as it does."""
    from napari_sam2.annotation import Annotation
    from napari_sam2.evaluation.clicks import centre_click

    annotation = Annotation(tracker)
    for k, frames in frames_of_cells(labels).items():
        first, last = int(frames[0]), int(frames[-1])
        annotation.add_points(first, k, [centre_click(labels[first] == k).point], [1])
        tracker.set_span(k, range(first, last + 1))
    return annotation


def track_movie(model, raw: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Track the cells of a movie from one click each, and write a table of all masks."""
    from napari_sam2.annotation.timelines import tracking_scores
    from napari_sam2.tracking import Frames, Tracker

    frames_of = frames_of_cells(labels)
    tracker = Tracker(model, Frames(raw))
    annotation = click_cells(tracker, labels)
    for _ in annotation.propagate(direction="forward"):
        pass
    measures = Measures(len(raw))
    measures.mark(range(len(raw)))
    measures.update(annotation.labels)
    rows = []
    for k in frames_of:
        timeline, trace = annotation.timeline(k), measures.trace(k)
        scores = tracking_scores(tracker, k, range(len(raw)), len(raw))
        iou = np.full(len(raw), np.nan, np.float32)
        for t in frames_of[k].tolist():
            truth, mask = labels[t] == k, annotation.labels[t] == k
            iou[t] = (truth & mask).sum() / (truth | mask).sum()
        row = {field.name: getattr(trace, field.name) for field in fields(Trace)}
        row |= {field.name: getattr(scores, field.name) for field in fields(TrackingScores)}
        occlusion = np.full(len(raw), np.nan, np.float32)
        for t in np.flatnonzero(~np.isnan(scores.predicted_iou)).tolist():
            occlusion[t] = tracker.scores(t, k)[1]
        before = severity_without_chance(timeline, trace, scores.predicted_iou, occlusion)
        row |= {"iou": iou, "prompted": timeline.is_prompted, "today_severity": before}
        rows.append(row)
    np.savez_compressed(path, **{name: np.stack([row[name] for row in rows]) for name in rows[0]})


def severity_without_chance(
    timeline: Timeline, trace: Trace, predicted_iou: np.ndarray, occlusion_score: np.ndarray
) -> np.ndarray:
    """(T,) severity of the doubts that do not know the chance of an error."""
    is_fixed = timeline.is_prompted | timeline.is_locked
    doubts = find_doubts(trace, predicted_iou, occlusion_score, is_fixed, timeline.is_lost)
    quality = grade(trace, predicted_iou, is_fixed, doubts)
    unknown = np.full(len(doubts), np.nan, np.float32)
    return replace(timeline, doubts=doubts, quality=quality, error_probability=unknown).severity


def read_movie(folder: Path, frames: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a folder, or the first frames of them, as many of both."""
    import tifffile

    raw, labels = (tifffile.imread(folder / f"{kind}.tif")[:frames] for kind in ("raw", "labels"))
    length = min(len(raw), len(labels))
    return raw[:length], labels[:length]


def track_all(data: Path, tables: Path, most_frames: int | None = None) -> None:
    """Track all movies and stills that have no table yet."""
    from napari_sam2 import load_model
    from napari_sam2.training.pseudo_video import find_stills, held_out, warp_clip

    model = load_model("cells")
    tables.mkdir(parents=True, exist_ok=True)
    for name in CHECKED + FITTED:
        if not (data / name).is_dir():
            print(f"there is no {name} in {data}")
        elif not (tables / f"{name}.npz").exists():
            track_movie(model, *read_movie(data / name, most_frames), tables / f"{name}.npz")
    rng = np.random.default_rng(0)
    for name, count in STILLS.items():
        stills = find_stills(data / name) if (data / name / "images").is_dir() else []
        kept_out = set(held_out([still.name for still in stills]))
        allowed = [still for still in stills if still.name not in kept_out]
        chosen = rng.choice(len(allowed), min(count, len(allowed)), replace=False)
        for number in chosen.tolist():
            clip = warp_clip(*allowed[number].read(), 16, (320, 320), rng)
            if not (tables / f"{name}_{number}.npz").exists():
                parts = (part[:most_frames] for part in (clip.images, clip.labels))
                track_movie(model, *parts, tables / f"{name}_{number}.npz")


# Cost


def print_cost(movie: Path, most_frames: int | None) -> None:
    """Processor time of the evidence for errors, beside that of tracking without it.

    The U-Net is asked about all masks on every second frame. Where it is trusted, it is asked in
    any case, so that tracking is timed with and without these questions, twice by turns.
    """
    import torch

    from napari_sam2 import load_model
    from napari_sam2.model import sam2
    from napari_sam2.tracking import Frames, Tracker, seen_cells

    torch.set_num_threads(1)
    seconds: Counter[str] = Counter()

    def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return work(*args, **kwargs)
            finally:
                seconds[name] += time.process_time() - start

        return run

    raw, labels = read_movie(movie, most_frames)
    model = load_model("cells")
    agreement = timed("agreement of the guesses", sam2.mask_overlap)
    for name, every in (("tracking", NEVER), ("with the U-Net", seen_cells.LOOK_EVERY)) * 2:
        annotation = click_cells(Tracker(model, Frames(raw)), labels)
        track = timed(name, lambda one: list(one.propagate(direction="forward")))
        with (
            patch.object(seen_cells, "LOOK_EVERY", every),
            patch.object(sam2, "mask_overlap", agreement),
        ):
            track(annotation)
        timed("timelines", lambda one: [one.timeline(k) for k in one.objects])(annotation)
    costs = {
        "opinion of the U-Net": (seconds["with the U-Net"] - seconds["tracking"]) / 2,
        "agreement of the guesses": seconds["agreement of the guesses"] / 4,
        "timelines": seconds["timelines"] / 4,
    }
    without = seconds["tracking"] / 2 - costs["agreement of the guesses"]
    print(f"{len(annotation.objects)} cells on {len(raw)} frames")
    print(f"tracking without the evidence: {without:.1f} s")
    for name, cost in (*costs.items(), ("together", sum(costs.values()))):
        print(f"{name}: {cost:.2f} s, {cost / without:.1%}")


# Tables


@dataclass(frozen=True, eq=False)
class Masks:
    """The tracked masks of a movie whose truth is known, N in all.

    Attributes
    ----------
    evidence : dict of str to (N,) float64
    iou, severity, predicted_iou : (N,) float32
        IoU with the truth, urgency of the doubts before there was an error probability, and the IoU
        that the network expects.
    place : (N, 2) int
        Row of the object, and frame.
    """

    evidence: dict[str, np.ndarray]
    iou: np.ndarray
    severity: np.ndarray
    predicted_iou: np.ndarray
    place: np.ndarray

    @property
    def is_wrong(self) -> np.ndarray:
        """(N,) whether each mask is wrong."""
        return self.iou < GOOD_IOU

    def select(self, names: Sequence[str]) -> np.ndarray:
        """(N, F) evidence of these names."""
        return np.stack([self.evidence[name] for name in names], axis=1)


def read_table(path: Path) -> Masks:
    """The tracked masks of a table."""
    table = dict(np.load(path))
    evidence: dict[str, list[np.ndarray]] = {}
    judged = (table["area"] > 0) & ~table["prompted"] & ~np.isnan(table["iou"])
    judged &= ~np.isnan(table["agreement"])
    candidates = {"step_beside": steps_beside(table)}
    for row, is_judged in enumerate(judged):
        trace = Trace(**{field.name: table[field.name][row] for field in fields(Trace)})
        scores = TrackingScores(**{f.name: table[f.name][row] for f in fields(TrackingScores)})
        known = gather_evidence(trace, scores, table["prompted"][row])
        known |= {name: values[row] for name, values in candidates.items()}
        for name, values in known.items():
            evidence.setdefault(name, []).append(values[is_judged])
    return Masks(
        {name: np.concatenate(parts) for name, parts in evidence.items()},
        *(table[name][judged] for name in ("iou", "today_severity", "predicted_iou")),
        np.argwhere(judged),
    )


def steps_beside(table: dict[str, np.ndarray]) -> np.ndarray:
    """(N, T) step of each mask beside the median step of the near cells, in radii of the cell.

    NaN where a cell or all others have no mask on the frame or on the one before.
    """
    area = table["area"]
    place = np.where((area > 0)[..., None], np.stack([table["y"], table["x"]], -1), np.nan)
    steps = np.diff(place, axis=1, prepend=np.nan)
    found = np.full(area.shape, np.nan)
    for t in range(1, area.shape[1]):
        rows = np.flatnonzero(~np.isnan(steps[:, t, 0]))
        if len(rows) < 2:
            continue
        before = place[rows, t - 1]
        nearest = cKDTree(before).query(before, min(NEAR_CELLS + 1, len(rows)))[1][:, 1:]
        usual = np.median(steps[rows, t][nearest], axis=1)
        away = np.linalg.norm(steps[rows, t] - usual, axis=1)
        found[rows, t] = away / np.sqrt(area[rows, t] / np.pi)
    return found


def read_tables(folders: Sequence[Path]) -> tuple[dict[str, list[Masks]], dict[str, Masks]]:
    """Tables for fitting, of all folders, and for checking, of the first one, by the movie's name.

    Stills are one movie each.
    """
    fitted: dict[str, list[Masks]] = {}
    checked = {}
    for number, folder in enumerate(folders):
        for path in sorted(folder.glob("*.npz")):
            if path.stem not in CHECKED:
                fitted.setdefault(path.stem, []).append(read_table(path))
            elif number == 0:
                checked[path.stem] = read_table(path)
    return fitted, {name: checked[name] for name in CHECKED if name in checked}


# Fitting


def fit(movies: Sequence[Masks], names: Sequence[str]) -> Regression:
    """Fit a regression; every movie weighs as much as its masks do, but at most as 300 masks.

    Its chances are for movies with a usual share of wrong masks.
    """
    from sklearn.linear_model import LogisticRegression

    values = np.concatenate([movie.select(names) for movie in movies])
    is_wrong = np.concatenate([movie.is_wrong for movie in movies])
    weight = np.concatenate([np.full(len(m.iou), min(1.0, 300 / len(m.iou))) for m in movies])
    low, high = np.nanpercentile(values, [1, 99], axis=0)
    clipped = np.clip(values, low, high)
    middle, scale = np.nanmean(clipped, axis=0), np.nanstd(clipped, axis=0) + 1e-6
    fitted = LogisticRegression(C=STRENGTH, max_iter=2000).fit(
        np.nan_to_num((clipped - middle) / scale), is_wrong, sample_weight=weight
    )
    share = np.average(is_wrong, weights=weight)
    intercept = float(fitted.intercept_[0] - logit(share) + logit(USUAL_SHARE))
    return Regression(tuple(names), low, high, middle, scale, fitted.coef_[0], intercept)


def write_model(movies: dict[str, list[Masks]], target: Path) -> None:
    """Fit both regressions and write their numbers."""
    numbers: dict = {
        "fitted_on": sorted(movies),
        "threshold": THRESHOLD,
        "chain": asdict(CHAIN),
    }
    for kind, names in (("with_head", WITH_HEAD), ("without_head", WITHOUT_HEAD)):
        fitted = fit(list(itertools.chain(*movies.values())), names)
        numbers[kind] = {"features": list(names), "intercept": round(fitted.intercept, 5)}
        for part in ("low", "high", "middle", "scale", "weight"):
            numbers[kind][part] = np.round(getattr(fitted, part), 5).tolist()
    target.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


# Figures


def area_under_curve(score: np.ndarray, is_wrong: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a wrong mask scores higher than a good one."""
    wrong, good = int(is_wrong.sum()), int((~is_wrong).sum())
    if not wrong or not good:
        return float("nan")
    return float((rankdata(score)[is_wrong].sum() - wrong * (wrong + 1) / 2) / (wrong * good))


def reliability(
    probability: np.ndarray, is_wrong: np.ndarray
) -> Iterator[tuple[float, float, int]]:
    """Mean probability, share of wrong masks and number of masks of each tenth."""
    tenth = np.minimum((probability * 10).astype(int), 9)
    for number in np.unique(tenth):
        there = tenth == number
        yield float(probability[there].mean()), float(is_wrong[there].mean()), int(there.sum())


def calibration_error(probability: np.ndarray, is_wrong: np.ndarray) -> float:
    """Expected calibration error over tenths."""
    rows = list(reliability(probability, is_wrong))
    return sum(abs(said - true) * count for said, true, count in rows) / len(is_wrong)


def frames_to_look_at(masks: Masks, order: Sequence[int]) -> int:
    """Masks that a person looks at, in this order, until 95 % of all masks are good.

    A wrong mask is corrected, and tracking again mends the wrong masks that follow it without a
    good one in between; the person does not look at these.
    """
    is_wrong = masks.is_wrong.copy()
    allowed, looked = 0.05 * len(is_wrong), 0
    is_done = np.zeros(len(is_wrong), bool)
    for index in order:
        if is_wrong.sum() <= allowed:
            break
        if is_done[index]:
            continue
        looked += 1
        is_done[index] = True
        later = index
        while is_wrong[later]:
            is_wrong[later] = False
            is_done[later] = True
            later += 1
            if (
                later == len(is_wrong)
                or (masks.place[later] != masks.place[later - 1] + (0, 1)).any()
            ):
                break
    return looked


def order_of_stops(masks: Masks, probability: np.ndarray, threshold: float) -> list[int]:
    """Starts of bad stretches by expected gain, then all masks by probability."""
    gain = np.zeros(len(probability))
    for row in np.unique(masks.place[:, 0]):
        there = masks.place[:, 0] == row
        gain[there] = sum_of_stretches(probability[there], probability[there] >= threshold)
    stops = [index for index in np.argsort(-gain, kind="stable").tolist() if gain[index] > 0]
    rest = np.argsort(-probability, kind="stable").tolist()
    return stops + rest


def probability_of(
    masks: Masks, regression: Regression, chain: ErrorChain | None = CHAIN
) -> np.ndarray:
    """(N,) probability of an error, of each mask alone without a chain."""
    single = regression.logit(regression.contributions(masks.evidence))
    if chain is None:
        return expit(single)
    found = np.empty(len(single))
    for row in np.unique(masks.place[:, 0]):
        there = masks.place[:, 0] == row
        frames = masks.place[there, 1]
        track = np.full(frames.max() + 1, np.nan)
        track[frames] = single[there]
        found[there] = chain.smoothed(track)[frames]
    return expit(found)


def print_movie(name: str, masks: Masks, model: ErrorModel) -> None:
    """Figures of one movie: today's doubts, predicted IoU alone, and the error probability."""
    wrong = masks.is_wrong
    in_time = np.lexsort((masks.place[:, 0], masks.place[:, 1])).tolist()
    by_severity = [
        k for k in np.argsort(-masks.severity, kind="stable").tolist() if masks.severity[k] > 0
    ]
    looks = frames_to_look_at(masks, in_time)
    print(f"\n{name}: {len(wrong)} masks, {wrong.mean():.1%} wrong, looks in time order {looks}")
    rows = {"doubts before": (masks.severity, masks.severity > 0, by_severity + in_time)}
    for kind, regression in (("with head", model.with_head), ("without head", model.without_head)):
        found = probability_of(masks, regression, model.chain)
        rows[kind] = (
            found,
            found >= model.threshold,
            order_of_stops(masks, found, model.threshold),
        )
    for kind, (score, is_doubted, order) in rows.items():
        line = f"  {kind:13s} area {area_under_curve(score, wrong):.3f}"
        line += f", wrong doubted {is_doubted[wrong].mean():.0%}"
        line += f", good doubted {is_doubted[~wrong].mean():.0%}"
        line += f", looks {frames_to_look_at(masks, order)}"
        if kind != "doubts before":
            line += f", calibration error {calibration_error(score, wrong):.3f}"
        print(line)
    print(f"  predicted IoU alone: area {area_under_curve(-masks.predicted_iou, wrong):.3f}")


def draw_reliability(checked: dict[str, Masks], model: ErrorModel, picture: Path) -> None:
    """Draw the share of wrong masks over the chance of an error, for each movie and for all."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = {
        name: (probability_of(masks, model.with_head, model.chain), masks.is_wrong)
        for name, masks in checked.items()
    }
    parts = zip(*found.values(), strict=True)
    all_masks = tuple(np.concatenate(part) for part in parts)
    figure, axes = pyplot.subplots(figsize=(6, 5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="exact")
    for name, (probability, is_wrong) in found.items():
        said, true, _ = zip(*reliability(probability, is_wrong), strict=True)
        error = calibration_error(probability, is_wrong)
        axes.plot(said, true, marker=".", linewidth=1, label=f"{name} (off by {error:.2f})")
    said, true, counts = zip(*reliability(*all_masks), strict=True)
    error = calibration_error(*all_masks)
    axes.plot(said, true, color="black", linewidth=2, label=f"all movies (off by {error:.2f})")
    axes.scatter(said, true, np.sqrt(counts) * 4, color="black", zorder=3)
    axes.set(
        xlabel="chance of an error",
        ylabel="share of masks with IoU below 0.75",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.legend()
    figure.savefig(picture, dpi=100)


def print_ablation(fitted: dict[str, list[Masks]], checked: dict[str, Masks]) -> None:
    """Area under the ROC curve on the checked movies without each kind of evidence."""
    movies = list(itertools.chain(*fitted.values()))
    kinds = dict.fromkeys(kind_of(name) for name in WITH_HEAD)
    for left_out in ("nothing", *kinds, "the chain"):
        names = [name for name in WITH_HEAD if kind_of(name) != left_out]
        regression = fit(movies, names)
        chain = None if left_out == "the chain" else CHAIN
        areas = [
            area_under_curve(probability_of(m, regression, chain), m.is_wrong)
            for m in checked.values()
        ]
        print(f"without {left_out:13s}", *(f"{area:.3f}" for area in areas))


def fit_without_each(fitted: dict[str, list[Masks]], names: Sequence[str]) -> dict[str, Regression]:
    """For each movie, a regression that is fitted on all others."""
    return {
        name: fit([m for key, tables in fitted.items() if key != name for m in tables], names)
        for name in fitted
    }


def left_out_figures(
    fitted: dict[str, list[Masks]], regressions: dict[str, Regression], chain: ErrorChain
) -> str:
    """Mean figures on each movie, with the regression that was fitted on the others.

    Movies weigh as in `fit`; the log loss is that with the best level for each movie.
    """
    from scipy.optimize import minimize_scalar

    def loss(shift: float, found: np.ndarray, is_wrong: np.ndarray) -> float:
        return float(np.logaddexp(0, np.where(is_wrong, -1, 1) * (found + shift)).mean())

    rows, weights = [], []
    for name, regression in regressions.items():
        masks = fitted[name][0]
        found = probability_of(masks, regression, chain)
        arguments = (logit(found), masks.is_wrong)
        best = minimize_scalar(loss, args=arguments, bounds=(-4, 4), method="bounded")
        area = area_under_curve(found, masks.is_wrong)
        if not np.isnan(area):
            rows.append((best.fun, calibration_error(found, masks.is_wrong), area))
            weights.append(min(300, len(masks.iou)))
    figures = np.average(rows, axis=0, weights=weights)
    return "log loss {:.3f}, calibration error {:.3f}, area {:.3f}".format(*figures)


def print_left_out(fitted: dict[str, list[Masks]]) -> None:
    """Figures of several chains on movies that were left out of the fit."""
    regressions = fit_without_each(fitted, WITH_HEAD)
    for persistence in (0.0, 0.2, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8):
        chain = replace(CHAIN, persistence=persistence)
        print(f"persistence {persistence}: {left_out_figures(fitted, regressions, chain)}")


def print_candidates(fitted: dict[str, list[Masks]]) -> None:
    """Figures with each candidate, and with all, on movies that were left out of the fit."""
    tables = list(itertools.chain(*fitted.values()))
    known = tuple(name for name in CANDIDATES if all(name in one.evidence for one in tables))
    for added in dict.fromkeys([(), *((name,) for name in known), known]):
        regressions = fit_without_each(fitted, WITH_HEAD + added)
        line = left_out_figures(fitted, regressions, CHAIN)
        print(f"with {' and '.join(added) or 'nothing more'}: {line}")


def main() -> None:
    """Perform one of the tasks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, help="first frames of each movie; all by default")
    options = parser.parse_args()
    if options.task == "track":
        track_all(*options.folders, options.frames)
        return
    if options.task == "cost":
        print_cost(options.folders[0], options.frames)
        return
    folders = options.folders[:1] if options.task == "plot" else options.folders
    fitted, checked = read_tables(folders)
    if options.task == "fit":
        write_model(fitted, TARGET)
        return
    if options.task == "left-out":
        print_left_out(fitted)
        return
    if options.task == "candidates":
        print_candidates(fitted)
        return
    if options.task == "ablate":
        print("area under the ROC curve:", *checked)
        print_ablation(fitted, checked)
        return
    model = error_probability.error_model()
    if options.task == "plot":
        draw_reliability(checked, model, options.folders[1])
        return
    for name, masks in checked.items():
        print_movie(name, masks, model)
    everything = [
        (probability_of(masks, model.with_head, model.chain), masks.is_wrong)
        for masks in checked.values()
    ]
    probability, is_wrong = (np.concatenate(parts) for parts in zip(*everything, strict=True))
    print(f"\nall checked movies: calibration error {calibration_error(probability, is_wrong):.3f}")
    for said, true, count in reliability(probability, is_wrong):
        print(f"  said {said:.2f}, wrong {true:.2f}, {count} masks")


if __name__ == "__main__":
    main()

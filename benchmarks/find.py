"""Find all cells of single frames, and compare with known labels and with the classical baseline.

python benchmarks/find.py DATA [--frames hela_n2dl_01:0,u373_02:10] [--stills 100] [--json out.json]
python benchmarks/find.py DATA --frames u373_02:10 --stills 0 --taught-with 3 --minutes 3

DATA holds folders with raw.tif and labels.tif, and dsb2018 with images/ and labels/, of which only
stills are taken that training never sees. The table is for docs/how-to/find.md. With
--taught-with, the model first learns labelled frames of each movie, which are not measured.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from real_domains import look_of

from napari_sam2 import load_model
from napari_sam2.evaluation.detection import DetectionCounter
from napari_sam2.finding import draw_labels, find_objects, typical_size
from napari_sam2.finding.regions import best_regions
from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames
from napari_sam2.training.examples import Example
from napari_sam2.training.pseudo_video import find_stills, held_out
from napari_sam2.training.teach import teach

FRAMES = "hela_n2dl_01:0,u373_01:10,u373_02:10,yeast_short:5,psc_crowded:20"
STILLS = "dsb2018"
HELD_OUT = 200  # stills that training never sees


Picture = tuple[tuple[str, ...], np.ndarray, np.ndarray]
"""The rows of the table that a picture counts for, its image and its labels."""


def frames_of(data: Path, wanted: str) -> Iterator[Picture]:
    """Single frames of movies, given as NAME:FRAME; each movie has a row."""
    for part in filter(None, wanted.split(",")):
        name, _, frame = part.partition(":")
        images = tifffile.imread(data / name / "raw.tif")
        labels = tifffile.imread(data / name / "labels.tif")
        yield (name,), images[int(frame or 0)], labels[int(frame or 0)]


def stills_of(folder: Path, count: int) -> Iterator[Picture]:
    """Stills that were kept out of training; all together have a row, and each kind has one."""
    stills = find_stills(folder) if count else []
    chosen = set(held_out([still.name for still in stills], HELD_OUT)[:count])
    for still in stills:
        if still.name in chosen:
            image, labels = still.read()
            rows = (folder.name, f"{folder.name}, of them {look_of(image)}")
            yield rows, image, labels


def taught_models(
    model: Sam2, data: Path, wanted: str, frames: list[int], minutes: float
) -> dict[str, Sam2]:
    """Model of each movie after a lesson on labelled frames; the old one if it was no gain."""
    chosen = [part.partition(":") for part in filter(None, wanted.split(","))]
    taken = [name for name, _, other in chosen if int(other or 0) in frames]
    if taken:
        raise SystemExit(f"a frame of {', '.join(taken)} is measured: teach another one")
    models = {}
    for name in dict.fromkeys(name for name, _, _ in chosen):
        images = tifffile.imread(data / name / "raw.tif")
        labels = tifffile.imread(data / name / "labels.tif")
        example = Example(images[frames], labels[frames], name)
        lesson = teach(model, [example], 60 * minutes)
        models[name] = lesson.model if lesson.is_better else model
        steps = lesson.curve[-1][0]
        print(
            f"{name}: {lesson.learnt_masks} masks learnt, {steps} steps or more, IoU of "
            f"{lesson.judged_masks} masks kept aside {lesson.before:.3f} before and "
            f"{lesson.after:.3f} after",
            flush=True,
        )
    return models


def measured(model, image: np.ndarray, options: dict) -> tuple[np.ndarray, np.ndarray, dict]:
    """Labels of the network and of the baseline, and what the search took."""
    frames = Frames(image[..., :3] if image.ndim == 3 else image, rgb=image.ndim == 3)
    start, cpu = time.perf_counter(), time.process_time()
    found = find_objects(model, frames, **options)
    figures = {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "cells": len(found),
        "size": typical_size(found),
    }
    labels = draw_labels(found, frames.shape[1:])
    return labels, best_regions(frames.read(0).mean(axis=-1)), figures


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--frames", default=FRAMES)
    parser.add_argument("--stills", type=int, default=100, help="how many stills of dsb2018")
    parser.add_argument("--model", default="cells")
    parser.add_argument("--method", default="auto")
    parser.add_argument("--min-score", type=float, default=0.5)
    parser.add_argument("--taught-with", help="labelled frames that are learnt first, as 3 or 3,4")
    parser.add_argument("--minutes", type=float, default=3.0, help="time of a lesson")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = load_model(options.model, "cpu")
    models: dict[str, Sam2] = {}
    if options.taught_with is not None:
        lesson = [int(frame) for frame in options.taught_with.split(",")]
        models = taught_models(model, options.data, options.frames, lesson, options.minutes)
    counters: dict[str, tuple[DetectionCounter, DetectionCounter]] = {}
    details: dict[str, list[dict]] = {}
    pictures = [*frames_of(options.data, options.frames)]
    for source in (pictures, stills_of(options.data / STILLS, options.stills)):
        for names, image, truth in source:
            settings = {"method": options.method, "min_score": options.min_score}
            labels, regions, figures = measured(models.get(names[0], model), image, settings)
            for name in names:
                counters.setdefault(name, (DetectionCounter(), DetectionCounter()))
                for counter, seen in zip(counters[name], (labels, regions), strict=True):
                    counter.add(truth, seen)
                details.setdefault(name, []).append(figures)
    rows = [row(name, *counters[name], details[name]) for name in counters]
    print("| images | cells | F1 | AP | baseline F1 | baseline AP | seconds of one core |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for line in rows:
        print("| " + " | ".join(line) + " |")
    if options.json is not None:
        found = {k: [vars(c.scores()) for c in pair] for k, pair in counters.items()}
        options.json.write_text(json.dumps({"counts": found, "details": details}, indent=2))


def row(
    name: str, ours: DetectionCounter, baseline: DetectionCounter, details: list[dict]
) -> list[str]:
    """A row of the table."""
    scores, other = ours.scores(), baseline.scores()
    values = (scores.f1, scores.average_precision, other.f1, other.average_precision)
    seconds = np.mean([figures["cpu_seconds"] for figures in details])
    total = scores.found + scores.missed
    return [name, str(total), *(f"{value:.2f}" for value in values), f"{seconds:.1f}"]


if __name__ == "__main__":
    main()

"""Compare weights on movies that training never sees; the figures go into docs/lab/training.md.

python docs/scripts/judge.py DATA WEIGHTS [WEIGHTS ...] [--only yeast_short]

DATA holds a folder for each movie with raw.tif and labels.tif; WEIGHTS are names of models or
files. Up to eight cells of each movie are tracked from their first masks and from one click, and
clicked on some single frames. u373_02, hela_n2dl_01 and the stills of dsb2018 that are kept out
are not among the movies, since weights that are chosen by them cannot be measured on them.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from napari_sam2 import load_model
from napari_sam2.evaluation import protocols
from napari_sam2.evaluation.ground_truth import label_movie
from napari_sam2.evaluation.protocol_names import PromptKind
from napari_sam2.evaluation.results import movie_means
from napari_sam2.evaluation.vos import mean_of_defined
from napari_sam2.model import Sam2

OBJECTS = 8
STILL_FRAMES = 4  # frames whose cells are clicked without tracking


@dataclass(frozen=True)
class Judge:
    """A movie, and how much of it is used."""

    movie: str
    frames: int
    tracked: bool = True


JUDGES = (
    Judge("u373_01", 70),
    Judge("psc_crowded", 24),
    Judge("yeast_short", 10),
    Judge("c2c12", 10, tracked=False),
)


def figures(model: Sam2, data: Path, judge: Judge) -> dict[str, float]:
    """Mean IoU by kind of prompt."""
    files = (data / judge.movie / f"{part}.tif" for part in ("raw", "labels"))
    frames, labels = (tifffile.imread(file)[: judge.frames] for file in files)
    found = {}
    if judge.tracked:
        truth = label_movie(labels).thinned(OBJECTS)
        for kind in (PromptKind.mask, PromptKind.one_click):
            found[kind.value], _ = movie_means(protocols.vos(model, frames, truth, kind).scores)
    clicked = np.unique(np.linspace(0, len(frames) - 1, STILL_FRAMES).astype(int))
    ious: dict[str, list[float]] = {"one": [], "three": []}
    for t in clicked:
        truth = label_movie(labels[t : t + 1]).thinned(OBJECTS)
        mean_iou = protocols.image(model, frames[t : t + 1], truth).mean_iou
        ious["one"].append(mean_iou[PromptKind.one_click.value])
        ious["three"].append(mean_iou[PromptKind.three_clicks.value])
    return found | {name: mean_of_defined(values) for name, values in ious.items()}


def main() -> None:
    """Print a row for each of the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--only", help="one movie, which may be any folder of DATA")
    options = parser.parse_args()
    judges = [judge for judge in JUDGES if options.only in (None, judge.movie)]
    judges = judges or [Judge(options.only, 10)]
    print("weights | " + " | ".join(judge.movie for judge in judges) + " | mean | worst")
    for weights in options.weights:
        model, means, cells = load_model(weights, "cpu"), [], []
        for judge in judges:
            found = figures(model, options.data, judge)
            means.append(mean_of_defined(list(found.values())))
            cells.append(" ".join(f"{value:.3f}" for value in found.values()))
        row = [weights, *cells, f"{np.mean(means):.3f}", f"{min(means):.3f}"]
        print(" | ".join(row), flush=True)


if __name__ == "__main__":
    main()

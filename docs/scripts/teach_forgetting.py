"""Measure what a taught model forgot of other cells; docs/how-to/teach.md has the figures.

python docs/scripts/teach_forgetting.py mine.safetensors DSB2018 [--stills 60]

The taught model is compared with the base model that it was taught from, as its file names it. Both
track the drawn sample, and outline the cells of stills that training of the base model never saw:
DSB2018 holds images/*.tif and labels/*.tif of the same names.
"""

import argparse
from pathlib import Path

import numpy as np

from napari_sam2 import load_model
from napari_sam2.evaluation import protocols
from napari_sam2.evaluation.ground_truth import label_movie
from napari_sam2.evaluation.protocol_names import PromptKind
from napari_sam2.evaluation.results import movie_means
from napari_sam2.evaluation.vos import j_and_f
from napari_sam2.io.samples import synthetic_movie
from napari_sam2.io.taught_models import read_model
from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames
from napari_sam2.training.pseudo_video import Still, find_stills, held_out

KINDS = ("1-click", "3-click", "box")
MOST_LOSS = 0.03  # a taught model should lose no more


def chosen_stills(folder: Path, held: int, count: int) -> list[Still]:
    """The first stills of those that are kept out of training."""
    stills = find_stills(folder)
    kept = set(held_out([still.name for still in stills], held))
    return [still for still in stills if still.name in kept][:count]


def outlined(model: Sam2, stills: list[Still], objects: int) -> dict[str, float]:
    """Mean IoU over all masks of stills, by prompt."""
    rows, weights = [], []
    for still in stills:
        picture, labels = still.read()
        rgb = picture.ndim == 3
        frames = Frames(picture[..., :3] if rgb else picture, rgb=rgb)
        found = protocols.image(model, frames, label_movie(labels[None]).thinned(objects))
        rows.append([found.mean_iou[kind] for kind in KINDS])
        weights.append(len(found.scores))
    means = np.average(rows, axis=0, weights=weights)
    return {f"stills, {kind}": float(mean) for kind, mean in zip(KINDS, means, strict=True)}


def tracked(model: Sam2, frames: int) -> dict[str, float]:
    """Mean J&F of the drawn sample after one click on each cell."""
    sample = synthetic_movie(frames=frames)
    scores = protocols.vos(
        model, sample.images, label_movie(sample.labels), PromptKind.one_click
    ).scores
    return {"drawn sample, J&F": j_and_f(*movie_means(scores))}


def main() -> None:
    """Print a row for each figure, with what was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("taught", type=Path)
    parser.add_argument("stills_folder", metavar="DSB2018", type=Path)
    parser.add_argument("--base", help="default: the model that the file names")
    parser.add_argument("--stills", type=int, default=60, help="how many stills are measured")
    parser.add_argument("--held-out", type=int, default=200, help="stills that training leaves out")
    parser.add_argument("--objects", type=int, default=5, help="most cells of each still")
    parser.add_argument("--frames", type=int, default=20, help="of the drawn sample")
    options = parser.parse_args()
    base = options.base or read_model(options.taught).base
    stills = chosen_stills(options.stills_folder, options.held_out, options.stills)
    figures = [
        tracked(model, options.frames) | outlined(model, stills, options.objects)
        for model in (load_model(base), load_model(options.taught))
    ]
    print(f"base {base}, taught {options.taught.name}, {len(stills)} stills")
    print("| figure | base | taught | lost |\n| --- | --- | --- | --- |")
    for name, before in figures[0].items():
        lost = before - figures[1][name]
        mark = " (too much)" if lost > MOST_LOSS else ""
        print(f"| {name} | {before:.3f} | {figures[1][name]:.3f} | {lost:+.3f}{mark} |")


if __name__ == "__main__":
    main()

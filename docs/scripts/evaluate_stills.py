"""Measure a model on annotated stills of any size; the figures go into docs/lab/evaluation.md.

python docs/scripts/evaluate_stills.py STILLS [--held-out 200] [--objects 10] [--page PAGE]

STILLS holds images/*.tif and labels/*.tif of the same names. With --held-out, only those images
that training of the embedded model never sees are measured.
"""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_sam2 import load_model
from napari_sam2.cli.evaluate import hash_of_weights
from napari_sam2.evaluation.ground_truth import label_movie
from napari_sam2.evaluation.protocols import image
from napari_sam2.tracking import Frames
from napari_sam2.training.pseudo_video import Still, find_stills, held_out

PAGE = Path(__file__).parents[1] / "lab" / "evaluation.md"
BEGIN, END = "<!-- stills -->\n", "<!-- end of stills -->"


def chosen_stills(folder: Path, count: int | None) -> list[Still]:
    """All stills, or those that are kept out of training."""
    stills = find_stills(folder)
    kept = {still.name for still in stills}
    if count is not None:
        kept = set(held_out([still.name for still in stills], count))
    return [still for still in stills if still.name in kept]


def measured(stills: list[Still], model_name: str, objects: int | None) -> Iterator[dict]:
    """Mean IoU of each still by prompt, and its number of masks."""
    model = load_model(model_name)
    for still in stills:
        picture, labels = still.read()
        truth = label_movie(labels[None])
        truth = truth if objects is None else truth.thinned(objects)
        rgb = picture.ndim == 3
        found = image(model, Frames(picture[..., :3] if rgb else picture, rgb=rgb), truth)
        yield {"still": still.name, "masks": len(found.scores), **found.mean_iou}


def main() -> None:
    """Measure, print as it goes, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stills", type=Path)
    parser.add_argument("--held-out", type=int)
    parser.add_argument("--objects", type=int, help="at most so many of each image, drawn by lot")
    parser.add_argument("--limit", type=int, help="the first so many images")
    parser.add_argument("--model", default="cells")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    stills = chosen_stills(options.stills, options.held_out)[: options.limit]
    rows: list[dict] = []
    for number, row in enumerate(measured(stills, options.model, options.objects), 1):
        rows.append(row)
        print(f"{number} of {len(stills)}: {row['still']} {row['1-click']:.2f}", flush=True)
    weights = np.array([row["masks"] for row in rows], float)
    kinds = [key for key in rows[0] if key not in ("still", "masks")]
    means = {kind: np.average([row[kind] for row in rows], weights=weights) for kind in kinds}
    arguments = [("--held-out", options.held_out), ("--objects", options.objects)]
    words = itertools.chain.from_iterable((k, str(v)) for k, v in arguments if v is not None)
    command = " ".join(["python docs/scripts/evaluate_stills.py", options.stills.name, *words])
    header = ["stills", "images", "masks", *kinds]
    cells = [options.stills.name, str(len(rows)), f"{weights.sum():.0f}"]
    cells += [f"{means[kind]:.2f}" for kind in kinds]
    lines = [header, ["---"] * len(header), cells]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    text = options.page.read_text(encoding="utf-8")
    part = (
        f"\nMean IoU over all masks. Model `{options.model}`, SHA-256 of the weights "
        f"{hash_of_weights(options.model)}.\n\n{table}\n\n    {command}\n\n"
    )
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    options.page.write_text(before + BEGIN + part + END + after, encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()

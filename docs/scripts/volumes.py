"""Measure tracking in 3D on drawn volumes with their truth, and draw a picture of them.

python docs/scripts/volumes.py [--seeds 0,1,2] [--page PAGE] [--picture PICTURE]

The table goes into docs/lab/volumes.md. Objects are prompted in the first volume, and the mean IoU
of whole volumes is over all objects. Each recipe has other prompts: one
click on the largest plane; the true mask of this plane; and the true masks of all planes, also for
planes that are tracked each by itself.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_sam2 import Frames, Tracker, load_model
from napari_sam2.cli.evaluate import hash_of_weights
from napari_sam2.io.volume_prompts import labels_as_volume_prompts
from napari_sam2.io.volume_samples import VolumeSample, synthetic_volumes
from napari_sam2.model import Sam2
from napari_sam2.tracking.pixels import masks_of
from napari_sam2.tracking.volumes import VolumeTracker

DOCS = Path(__file__).parents[1]
PAGE = DOCS / "lab" / "volumes.md"
PICTURE = DOCS / "images" / "volumes.png"
BEGIN, END = "<!-- volumes -->\n", "<!-- end of volumes -->"
COLOURS = np.array([[0, 0, 0], [230, 159, 0], [86, 180, 233], [0, 200, 120], [240, 100, 180]])

Recipe = Callable[[Sam2, VolumeSample], NDArray[np.uint16]]


def clicked(model: Sam2, sample: VolumeSample) -> NDArray[np.uint16]:
    """Labels from one click in the middle of the largest plane of each object."""
    tracker = VolumeTracker(model, sample.images)
    for object_id, z in largest_planes(sample).items():
        places = np.argwhere(sample.labels[0, z] == object_id)
        middle = places[np.linalg.norm(places - places.mean(0), axis=1).argmin()]
        tracker.add_points(0, z, object_id, [middle], [1])
    return tracked(tracker)


def painted(model: Sam2, sample: VolumeSample) -> NDArray[np.uint16]:
    """Labels from the true mask of the largest plane of each object."""
    tracker = VolumeTracker(model, sample.images)
    for object_id, z in largest_planes(sample).items():
        tracker.add_mask(0, z, object_id, sample.labels[0, z] == object_id)
    return tracked(tracker)


def labelled(model: Sam2, sample: VolumeSample) -> NDArray[np.uint16]:
    """Labels from the true labels of the first volume."""
    tracker = VolumeTracker(model, sample.images)
    for t, prompt in labels_as_volume_prompts(sample.labels[:1]):
        tracker.set_prompt(t, prompt)
    return tracked(tracker)


def by_planes(model: Sam2, sample: VolumeSample) -> NDArray[np.uint16]:
    """Labels of planes that are tracked each by itself from the true masks of the first volume."""
    limits = Frames(sample.images.reshape(-1, *sample.images.shape[2:])).contrast_limits
    labels = np.zeros_like(sample.labels)
    for z in range(sample.images.shape[1]):
        frames = Frames(sample.images[:, z], contrast_limits=limits)
        tracker = Tracker(model, frames, disk_bytes=0)
        tracker.import_masks(0, masks_of(sample.labels[0, z]))
        for _ in tracker.propagate() if tracker.object_ids else ():
            pass
        labels[:, z] = [tracker.labels(t) for t in range(len(labels))]
    return labels


RECIPES: dict[str, Recipe] = {
    "in 3D, one click": clicked,
    "in 3D, mask of one plane": painted,
    "in 3D, masks of all planes": labelled,
    "each plane by itself, masks of all planes": by_planes,
}


def largest_planes(sample: VolumeSample) -> dict[int, int]:
    """Plane of the largest area of each object in the first volume."""
    ids = np.unique(sample.labels[0])
    return {int(k): int((sample.labels[0] == k).sum((1, 2)).argmax()) for k in ids if k}


def tracked(tracker: VolumeTracker) -> NDArray[np.uint16]:
    """Labels of all volumes."""
    labels = np.zeros(tracker.shape, np.uint16)
    for _ in tracker.track(labels):
        pass
    return labels


def scores(labels: NDArray[np.uint16], truth: NDArray[np.uint16]) -> NDArray[np.float64]:
    """(T, N) IoU of each object in each volume."""
    ids = [k for k in np.unique(truth) if k]
    return np.array(
        [
            [((a == k) & (b == k)).sum() / max(((a == k) | (b == k)).sum(), 1) for k in ids]
            for a, b in zip(labels, truth, strict=True)
        ]
    )


def draw(path: Path, sample: VolumeSample, labels: NDArray[np.uint16]) -> None:
    """Images and labels of the first, a middle and the last volume, one plane beside the other."""
    times = (0, len(labels) // 2, len(labels) - 1)
    planes = range(0, labels.shape[1], 2)
    high = float(np.percentile(sample.images, 99.9))
    rows = []
    for t in times:
        grey = np.concatenate([_framed(sample.images[t, z], high) for z in planes], axis=1)
        drawn = np.concatenate([_framed(labels[t, z], 0) for z in planes], axis=1)
        few = (grey / high * 15).clip(0, 15).round() * 17  # few greys make a small file
        shown = np.repeat(few[..., None], 3, axis=2)
        colours = COLOURS[drawn.astype(int) % len(COLOURS)]
        rows += [shown, np.where(drawn[..., None] > 0, colours, shown)]
    picture = Image.fromarray(np.concatenate(rows).astype(np.uint8))
    picture.quantize(32).save(path, optimize=True)


def _framed(plane: NDArray[np.generic], value: float) -> NDArray[np.float64]:
    """A plane with a line of one value at its right and lower edge."""
    return np.pad(plane.astype(float), ((0, 1), (0, 1)), constant_values=value)


def main() -> None:
    """Measure, print as it goes, and write the page and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--model", default="cells")
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--planes", type=int, default=12)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--cells", type=int, default=4)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    model = load_model(options.model)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    side = (options.side, options.side)
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in RECIPES}
    for seed in seeds:
        sample = synthetic_volumes(options.frames, options.planes, side, options.cells, seed)
        for name, recipe in RECIPES.items():
            labels = recipe(model, sample)
            found[name].append(scores(labels, sample.labels))
            print(seed, name, found[name][-1].mean(axis=1).round(3), flush=True)
            if recipe is clicked and seed == seeds[0]:
                draw(options.picture, sample, labels)
    lines = ["| recipe | " + " | ".join(f"time {t}" for t in range(options.frames)) + " | all |"]
    lines.append("| --- |" + " --- |" * (options.frames + 1))
    for name, each in found.items():
        means = np.mean([one.mean(axis=1) for one in each], axis=0)
        cells = [f"{value:.2f}" for value in (*means, means.mean())]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    text = options.page.read_text(encoding="utf-8")
    part = (
        f"\nMean IoU of whole volumes, (T {options.frames}, Z {options.planes}, Y {options.side}, "
        f"X {options.side}), {options.cells} cells, seeds {options.seeds}. Model "
        f"`{options.model}`, SHA-256 of the weights {hash_of_weights(options.model)}.\n\n"
        + "\n".join(lines)
        + f"\n\n    python docs/scripts/volumes.py --seeds {options.seeds}\n\n"
    )
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    options.page.write_text(before + BEGIN + part + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()

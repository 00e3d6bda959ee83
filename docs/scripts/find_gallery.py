"""Draw the stills whose cells are found best and worst, of stills that training never sees.

python docs/scripts/find_gallery.py DSB2018 [docs/images/find-best-worst.png] [--stills 24]

All cells of each still are found without a click. Stills are ranked by F1 at an IoU of 0.5, and by
the number of cells where F1 is equal; none is chosen by hand.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.segmentation import find_boundaries
from skimage.transform import resize
from skimage.util import montage

from napari_sam2 import load_model
from napari_sam2.evaluation.detection import DetectionCounter
from napari_sam2.finding import draw_labels, find_objects
from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames
from napari_sam2.training.pseudo_video import Still, find_stills, held_out

TILE = 150  # pixels of the picture
COLOURS = 48  # of the picture, so that the file is small
TRUTH, FOUND = (90, 220, 90), (255, 80, 200)
HELD_OUT = 200  # stills that training never sees


def searched(model: Sam2, still: Still) -> tuple[float, int, np.ndarray]:
    """F1 of a still, its number of cells, and its picture."""
    image, truth = still.read()
    frames = Frames(image[..., :3] if image.ndim == 3 else image, rgb=image.ndim == 3)
    labels = draw_labels(find_objects(model, frames), frames.shape[1:])
    counter = DetectionCounter()
    counter.add(truth, labels)
    scores = counter.scores()
    f1 = 0.0 if np.isnan(scores.f1) else scores.f1
    return f1, scores.found + scores.missed, tile(frames.read(0), truth, labels)


def tile(image: np.ndarray, truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The middle of an image, with the outlines of the true cells and of the found cells."""
    side = min(*truth.shape, 256)
    y, x = ((length - side) // 2 for length in truth.shape)
    part = (slice(y, y + side), slice(x, x + side))
    low, high = np.percentile(image[part], (0.5, 99.5))
    light = np.clip((image[part] - low) / max(high - low, 1e-6), 0, 1)
    picture = resize(light, (TILE, TILE), order=1, anti_aliasing=True)
    for cells, colour in ((truth, TRUTH), (labels, FOUND)):
        large = resize(cells[part].astype(np.int32), (TILE, TILE), order=0, preserve_range=True)
        picture[find_boundaries(large.astype(np.int32), mode="inner")] = np.array(colour) / 255
    return (picture * 255).astype(np.uint8)


def main() -> None:
    """Find the cells, and draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "output",
        type=Path,
        nargs="?",
        default=Path(__file__).parents[1] / "images" / "find-best-worst.png",
    )
    parser.add_argument("--model", default="cells")
    parser.add_argument("--stills", type=int, default=24)
    parser.add_argument("--columns", type=int, default=5)
    options = parser.parse_args()
    model = load_model(options.model, "cpu")
    stills = find_stills(options.folder)
    names = set(held_out([still.name for still in stills], HELD_OUT)[: options.stills])
    ranked = sorted(
        (searched(model, still) for still in stills if still.name in names),
        key=lambda found: (-found[0], -found[1]),
    )
    shown = [*ranked[: options.columns], *ranked[-options.columns :]]
    print("F1 and cells:", ", ".join(f"{f1:.2f} ({cells})" for f1, cells, _ in shown))
    sheet = montage(
        [picture for _, _, picture in shown],
        grid_shape=(2, options.columns),
        padding_width=4,
        fill=(255, 255, 255),
        channel_axis=-1,
    )
    Image.fromarray(sheet).quantize(COLOURS).save(options.output, optimize=True)
    print(f"{options.output}: {options.output.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

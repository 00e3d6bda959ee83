"""Draw what the embedded model does well and badly, on pictures that it was not trained on.

python docs/scripts/gallery.py --stills DSB2018 --movies USIIGACI [--output docs/images]

Both folders hold annotated stills. Of DSB2018 the 200 images are taken that are kept out of
training: one click on each of some objects. Of USIIGACI the 5 that are kept out, made into movies
whose cells move: one click on the first frame, then tracked. What is shown is drawn by rank: the
best, the middle and the worst, and none is left out by hand.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries
from skimage.transform import resize

from napari_sam2 import load_model
from napari_sam2.evaluation.clicks import centre_click
from napari_sam2.model.sam2 import Sam2
from napari_sam2.tracking import Frames, Tracker
from napari_sam2.training.pseudo_video import Still, find_stills, held_out, warp_clip

TILE, GAP = 96, 4  # pixels of the picture
TRUTH, FOUND, CLICK = (90, 220, 90), (255, 80, 200), (255, 230, 60)
COLUMNS = 8
SHOWN = 6  # frames of a movie
MOVIE_SHAPE = (384, 384)

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """An object with what was found of it, frame by frame."""

    images: NDArray[np.uint8]  # (T, Y, X, 3)
    truth: Mask  # (T, Y, X)
    found: Mask  # (T, Y, X)
    click: tuple[float, float]

    @property
    def iou(self) -> float:
        """Mean over the frames."""
        both = (self.truth & self.found).sum((1, 2))
        return float(np.mean(both / np.maximum((self.truth | self.found).sum((1, 2)), 1)))


def kept_out(folder: Path, count: int) -> list[Still]:
    """Stills that training never sees."""
    stills = find_stills(folder)
    names = set(held_out([still.name for still in stills], count))
    return [still for still in stills if still.name in names]


def cases(
    model: Sam2, images: NDArray[np.uint8], labels: NDArray[np.integer], objects: int, seed: int
) -> list[Case]:
    """Some objects of a movie, each from one click on its first frame.

    Parameters
    ----------
    model : Sam2
    images : (T, Y, X) or (T, Y, X, 3) uint8
    labels : (T, Y, X) integers
    objects : int
        How many are drawn by lot of those on the first frame.
    seed : int
        Of the lot.
    """
    rgb = images.ndim == 4
    ids = np.setdiff1d(labels[0], 0)
    ids = np.random.default_rng(seed).permutation(ids)[:objects]
    tracker = Tracker(model, Frames(images, rgb=rgb))
    clicks = {int(k): centre_click(labels[0] == k)[0] for k in ids}
    for k, place in clicks.items():
        tracker.add_points(0, k, [place], [1])
    found = {k: np.zeros(labels.shape, bool) for k in clicks}
    for result in tracker.propagate(direction="forward"):
        for k, mask in zip(result.object_ids, result.masks, strict=True):
            found[k][result.t] = mask
    colour = images if rgb else np.repeat(images[..., None], 3, -1)
    return [Case(colour, labels == k, found[k], clicks[k]) for k in clicks]


def tile(case: Case, t: int) -> NDArray[np.uint8]:
    """A frame about the object, with the outlines of truth and mask."""
    seen = np.argwhere(case.truth.any(0) | case.truth[0])
    centre, side = seen.mean(0), int(max(np.ptp(seen, axis=0).max() * 1.6, 40))
    corner = np.clip(centre - side / 2, 0, np.maximum(np.array(case.truth.shape[1:]) - side, 0))
    y, x = corner.astype(int)
    part = (slice(y, y + side), slice(x, x + side))
    light = case.images[t][part].astype(float)
    low, high = np.percentile(light, (0.5, 99.5))
    light = np.clip((light - low) / max(high - low, 1), 0, 1)
    picture = resize(light, (TILE, TILE), order=1, anti_aliasing=True)
    for mask, colour in ((case.truth, TRUTH), (case.found, FOUND)):
        large = resize(mask[t][part], (TILE, TILE), order=0)
        picture[find_boundaries(large, mode="inner")] = np.array(colour) / 255
    if t == 0:
        row, column = ((np.array(case.click) - corner) * TILE / side).astype(int)
        picture[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = np.array(CLICK) / 255
    return np.asarray((picture * 255).astype(np.uint8))


def grid(rows: list[list[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """Tiles with gaps between them."""
    step = TILE + GAP
    sheet = np.full((len(rows) * step - GAP, len(rows[0]) * step - GAP, 3), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            sheet[i * step : i * step + TILE, j * step : j * step + TILE] = picture
    return sheet


def ranked(found: list[Case], count: int) -> list[list[Case]]:
    """The best, those in the middle and the worst."""
    order = sorted(found, key=lambda case: -case.iou)
    middle = (len(order) - count) // 2
    return [order[:count], order[middle : middle + count], order[-count:]]


def main() -> None:
    """Draw both sheets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stills", type=Path, required=True)
    parser.add_argument("--movies", type=Path, required=True)
    parser.add_argument("--model", default="cells")
    parser.add_argument("--frames", type=int, default=16, help="of each movie")
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "images")
    options = parser.parse_args()
    model = load_model(options.model)
    single: list[Case] = []
    for number, still in enumerate(kept_out(options.stills, 200)):
        picture, labels = still.read()
        picture = picture[..., :3] if picture.ndim == 3 else picture
        single += cases(model, picture[None], labels[None], 1, number)
    rows = [[tile(case, 0) for case in row] for row in ranked(single, COLUMNS)]
    iio.imwrite(options.output / "gallery_stills.png", grid(rows))
    print("one click:", [[round(case.iou, 2) for case in row] for row in ranked(single, COLUMNS)])
    tracked: list[Case] = []
    for number, still in enumerate(kept_out(options.movies, 5)):
        clip = warp_clip(*still.read(), options.frames, MOVIE_SHAPE, np.random.default_rng(number))
        tracked += cases(model, clip.images, clip.labels, 4, number)
    strips = [case for row in ranked(tracked, 2) for case in row]
    shown = np.linspace(0, options.frames - 1, SHOWN).astype(int)
    rows = [[tile(case, t) for t in shown] for case in strips]
    iio.imwrite(options.output / "gallery_tracks.png", grid(rows))
    print("tracked:", [round(case.iou, 2) for case in strips])


if __name__ == "__main__":
    main()

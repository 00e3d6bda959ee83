"""Draw the contact sheet of docs/synthetic.md: one row a kind of microscopy.

python docs/scripts/synthetic_gallery.py docs/images/synthetic.png
"""

import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries

from napari_sam2.training.synthetic import KINDS, generate_clip

SEEDS = (1, 2, 5)
FRAMES = 8


def halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean of 2 x 2 pixels, in 32 grey levels so that the file stays small."""
    mean = image.reshape(image.shape[0] // 2, 2, image.shape[1] // 2, 2).mean((1, 3))
    return (mean.astype(np.uint8) // 8) * 8


def draw_row(kind: str) -> NDArray[np.uint8]:
    """First frames of three clips, then three frames of the last one with its true outlines."""
    clips = [generate_clip(kind, frames=FRAMES, seed=seed) for seed in SEEDS]
    tiles = [halve(clip.images[0]) for clip in clips]
    for t in (0, FRAMES // 2, FRAMES - 1):
        tile = halve(clips[-1].images[t])
        tile[find_boundaries(clips[-1].labels[t, ::2, ::2], mode="inner")] = 255
        tiles.append(tile)
    return np.hstack(tiles)


def main(target: str) -> None:
    """Write the sheet."""
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    iio.imwrite(target, np.vstack([draw_row(kind) for kind in KINDS]), compress_level=9)
    print(f"{target}: {Path(target).stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main(*sys.argv[1:])

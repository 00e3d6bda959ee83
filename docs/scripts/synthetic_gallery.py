"""Draw the contact sheet of docs/synthetic.md: one row a kind of microscopy.

python docs/scripts/synthetic_gallery.py docs/images/synthetic.png [--kinds nuclei] [--frames 8]
"""

import argparse
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries

from napari_sam2.training.synthetic import KINDS, generate_clip

SEEDS = (1, 2, 5)


def halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean of 2 x 2 pixels, in 32 grey levels so that the file stays small."""
    mean = image.reshape(image.shape[0] // 2, 2, image.shape[1] // 2, 2).mean((1, 3))
    return (mean.astype(np.uint8) // 8) * 8


def draw_row(kind: str, frames: int) -> NDArray[np.uint8]:
    """First frames of three clips, then three frames of the last one with its true outlines."""
    clips = [generate_clip(kind, frames=frames, seed=seed) for seed in SEEDS]
    tiles = [halve(clip.images[0]) for clip in clips]
    for t in (0, frames // 2, frames - 1):
        tile = halve(clips[-1].images[t])
        tile[find_boundaries(clips[-1].labels[t, ::2, ::2], mode="inner")] = 255
        tiles.append(tile)
    return np.hstack(tiles)


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path, help="PNG file to write")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--frames", type=int, default=8, help="of each clip")
    options = parser.parse_args()
    options.target.parent.mkdir(parents=True, exist_ok=True)
    rows = [draw_row(kind, options.frames) for kind in options.kinds]
    iio.imwrite(options.target, np.vstack(rows), compress_level=9)
    print(f"{options.target}: {options.target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()

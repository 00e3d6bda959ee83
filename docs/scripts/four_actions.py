"""Take the picture of the four actions in the README: find, take, track, and export.

    python docs/scripts/four_actions.py [FILE.png] [--frames N]

needs a screen, as ``screenshots.py`` does. The last part of the picture is read from the file that
was exported.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageDraw, ImageFont
from qtpy.QtCore import Qt
from screenshots import IMAGES, User, open_window, save, settle, wait_until

SIZE = (1180, 860)  # of the window
SIDE = 420  # of each part of the picture
GAP = 12
CAPTION_HEIGHT = 36


def main() -> None:
    """Run from the shell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=IMAGES / "four-actions.png")
    parser.add_argument("--frames", type=int, help="the first so many frames of the sample")
    given = parser.parse_args()
    user = open_window(SIZE)
    save(sheet(act(user, given.frames)), given.file)
    user.viewer.close()


def act(user: User, frames: int | None) -> list[tuple[str, Image.Image]]:
    """Find, take, track and export the cells of the sample; returns captions and pictures."""
    user.open_sample()
    if frames is not None:
        images, truth = user.panel.controller.image.data[:frames], user.truth[:frames]
        user.viewer.layers.clear()
        user.open_movie(images, truth)
    controller = user.panel.controller
    user.press(Qt.Key.Key_F)
    wait_until(lambda: controller.finding.found is not None)
    parts = [("F finds the cells of the frame", canvas(user))]
    user.press(Qt.Key.Key_Return)
    user.settle()
    parts.append(("Enter takes them", canvas(user)))
    user.press(Qt.Key.Key_K)
    wait_until(lambda: controller.image_state.is_tracking)
    user.settle()
    user.go_to(len(user.truth) - 1)
    parts.append((f"K tracks them, here on frame {len(user.truth) - 1}", canvas(user)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.tif"
        controller.exporting.start(path)
        wait_until(lambda: not controller.exporting.is_on)
        labels = controller.image_state.layers.labels
        picture = drawn(labels.colormap.map(tifffile.imread(path)))
        parts.append(("Export… writes the labels as TIFF", picture))
    return parts


def canvas(user: User) -> Image.Image:
    """What the canvas shows, as a square."""
    settle(0.6)
    picture = Image.fromarray(user.viewer.screenshot(canvas_only=True, flash=False)).convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side))
    return square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def drawn(colours: np.ndarray) -> Image.Image:
    """Four frames of (T, Y, X, 4) colours from 0 to 1, from the first frame to the last one."""
    part = SIDE // 2
    picture = Image.new("RGB", (SIDE, SIDE))
    for place, t in enumerate(np.linspace(0, len(colours) - 1, 4).round().astype(int)):
        frame = (colours[t, ..., :3] * 255).astype(np.uint8)
        small = Image.fromarray(frame).resize((part, part), Image.Resampling.NEAREST)
        picture.paste(small, (place % 2 * part, place // 2 * part))
    return picture


def sheet(parts: list[tuple[str, Image.Image]]) -> Image.Image:
    """All parts beside each other, each with its caption below."""
    width = len(parts) * (SIDE + GAP) - GAP
    picture = Image.new("RGB", (width, SIDE + CAPTION_HEIGHT), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=20)
    for place, (caption, part) in enumerate(parts):
        x = place * (SIDE + GAP)
        picture.paste(part, (x, 0))
        middle = (x + SIDE / 2, SIDE + CAPTION_HEIGHT / 2)
        draw.text(middle, caption, "black", font, anchor="mm")
    return picture


if __name__ == "__main__":
    main()

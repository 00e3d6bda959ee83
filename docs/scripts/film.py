"""Take the short film of the README: click three cells of a drawn movie, track and correct.

    python docs/scripts/film.py [FILE.gif] [--quick]

needs a screen, as ``screenshots.py`` does. The window is drawn at its own size. What the pointer
and the keys do is drawn into the pictures, because a picture of a window does not show them.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("QT_SCALE_FACTOR", "1")

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from qtpy.QtCore import Qt
from screenshots import IMAGES, User, open_window, settle

from napari_sam2.evaluation.clicks import Click, centre_click, corrective_click
from napari_sam2.evaluation.vos import region_similarity
from napari_sam2.training.synthetic import generate_clip

MOVIE = {"kind": "phase_spread", "shape": (256, 256), "frames": 20, "seed": 6}
CELLS = (9, 15, 8)  # of this movie, one click each; the last one is lost for a while
SIZE = (1100, 760)  # of the window
WIDTH = 780  # of the film
COLOURS = 96
CAPTION_HEIGHT = 34
WRONG_IOU, GOOD_IOU = 0.7, 0.85  # outlines to correct, and outlines that are good enough
MOST_CORRECTIONS, MOST_CLICKS = 3, 3  # corrected frames, and clicks on each of them
LARGEST_FILE = 2_500_000  # bytes


def main() -> None:
    """Run from the shell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=IMAGES / "film.gif")
    parser.add_argument("--quick", action="store_true", help="end after the first click")
    given = parser.parse_args()
    film = Film(open_window(SIZE))
    act(film, given.quick)
    film.write(given.file)
    film.user.viewer.close()


def act(film: Film, is_quick: bool) -> None:
    """Do what the film shows."""
    user = film.user
    clip = generate_clip(**MOVIE)
    user.open_movie(clip.images, clip.labels)
    film.say("A time-lapse, open in napari")
    film.wait(1.2)
    film.say("Click a cell")
    film.click(CELLS[0], 0)
    if is_quick:
        return
    for cell in CELLS[1:]:
        film.say("Press N, and click the next cell")
        user.press(Qt.Key.Key_N)
        film.click(cell, 0)
    film.say("Press K: the cells are tracked through the movie")
    user.press(Qt.Key.Key_K)
    controller = user.panel.controller
    last = -1
    while controller.image_state.is_waiting or controller.image_state.is_tracking:
        settle(0.1)
        if user.steps_done > last + 2:
            last = user.steps_done
            user.go_to(min(last, film.frames - 1))
            film.take(0.12)
    film.play(range(0, film.frames, 2))
    for _ in range(MOST_CORRECTIONS):
        if (found := film.first_wrong()) is None:
            break
        correct(film, *found)
    film.say("Export the labels as TIFF, or save the project")
    film.play(range(0, film.frames))
    film.wait(1.5)


def correct(film: Film, cell: int, t: int) -> None:
    """Click where the outline of a cell is wrong, and track again."""
    user = film.user
    user.go_to(t)
    user.panel.controller.choose_object(CELLS.index(cell) + 1)
    film.say("Where an outline is wrong, click: left adds, right takes away")
    film.wait(0.8)
    for _ in range(MOST_CLICKS):
        if film.iou(cell, t) >= GOOD_IOU:
            break
        click = corrective_click(film.user.truth[t] == cell, film.mask(cell, t))
        film.press_mouse(t, click)
    film.say("Press K again: the frames around it follow")
    user.press(Qt.Key.Key_K)
    user.settle()
    film.play(range(t, film.frames, 2))


class Film:
    """Pictures of the window with captions and the pointer.

    Parameters
    ----------
    user : User
        Who acts.
    """

    def __init__(self, user: User) -> None:
        self.user = user
        self._window = user.viewer.window._qt_window
        self._caption = ""
        self._pictures: list[Image.Image] = []
        self._seconds: list[float] = []
        self._font = ImageFont.load_default(size=18)

    @property
    def frames(self) -> int:
        """Frames of the movie."""
        return len(self.user.truth)

    def say(self, caption: str) -> None:
        """Write a caption below the pictures from now on."""
        self._caption = caption

    def mask(self, cell: int, t: int) -> NDArray[np.bool_]:
        """(Y, X) what the window shows of a cell on a frame."""
        labels = self.user.panel.controller.image_state.layers.labels
        return np.asarray(labels.data[t]) == CELLS.index(cell) + 1

    def iou(self, cell: int, t: int) -> float:
        """IoU of the outline of a cell with the truth."""
        return region_similarity(self.user.truth[t] == cell, self.mask(cell, t))

    def first_wrong(self) -> tuple[int, int] | None:
        """A cell and the first frame on which its outline is wrong; None if all are right."""
        places = ((cell, t) for t in range(self.frames) for cell in CELLS)
        return next((place for place in places if self.iou(*place) < WRONG_IOU), None)

    def click(self, cell: int, t: int) -> None:
        """Click a cell in its middle."""
        self.press_mouse(t, centre_click(self.user.truth[t] == cell))

    def press_mouse(self, t: int, click: Click) -> None:
        """Click a place of a frame, and show where."""
        at = self.user.place_on_canvas((t, *click.point))
        place = self.user.canvas.mapTo(self._window, at)
        self.take(0.6, (place.x(), place.y()))
        self.user.click(
            at, Qt.MouseButton.LeftButton if click.label else Qt.MouseButton.RightButton
        )
        self.take(0.9, (place.x(), place.y()), is_pressed=True)

    def play(self, frames: range) -> None:
        """Move the slider through frames."""
        for t in frames:
            self.user.go_to(t)
            self.take(0.14)

    def wait(self, seconds: float) -> None:
        """Show the window as it is."""
        self.take(seconds)

    def take(
        self, seconds: float, pointer: tuple[int, int] | None = None, is_pressed: bool = False
    ) -> None:
        """Take one picture, shown for some seconds, with the pointer at a place of the window."""
        settle(0.1)
        shot = self.user.viewer.screenshot(canvas_only=False, flash=False)
        picture = Image.fromarray(shot).convert("RGB")
        scale = WIDTH / picture.width
        picture = picture.resize((WIDTH, round(picture.height * scale)), Image.Resampling.LANCZOS)
        film = Image.new("RGB", (WIDTH, picture.height + CAPTION_HEIGHT), "#16181d")
        film.paste(picture, (0, 0))
        draw = ImageDraw.Draw(film)
        middle = (WIDTH / 2, picture.height + CAPTION_HEIGHT / 2)
        draw.text(middle, self._caption, "white", self._font, anchor="mm")
        if pointer is not None:
            self._draw_pointer(draw, pointer[0] * scale, pointer[1] * scale, is_pressed)
        self._pictures.append(film)
        self._seconds.append(seconds)

    @staticmethod
    def _draw_pointer(draw: ImageDraw.ImageDraw, x: float, y: float, is_pressed: bool) -> None:
        if is_pressed:
            draw.circle((x, y), 13, outline="#ffd166", width=3)
        arrow = np.array([(0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12)])
        draw.polygon([(x + dx, y + dy) for dx, dy in arrow.tolist()], "white", "black")

    def write(self, path: Path) -> None:
        """Write all pictures as a GIF, which repeats."""
        palette = self._pictures[len(self._pictures) // 2].quantize(COLOURS)
        pictures = [
            one.quantize(palette=palette, dither=Image.Dither.NONE) for one in self._pictures
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures[0].save(
            path,
            save_all=True,
            append_images=pictures[1:],
            duration=[round(1000 * seconds) for seconds in self._seconds],
            loop=0,
            optimize=True,
        )
        size = path.stat().st_size
        print(f"{path}: {len(pictures)} pictures, {sum(self._seconds):.0f} s, {size // 1000} kB")
        if size > LARGEST_FILE:
            raise SystemExit(f"{path} is larger than {LARGEST_FILE // 1000} kB")


if __name__ == "__main__":
    main()

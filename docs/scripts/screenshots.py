"""Take the pictures of the documentation: open the sample, click, track, correct, review.

    python docs/scripts/screenshots.py [FOLDER] [--quick] [--teach-with MOVIE]

needs a screen; without one: ``xvfb-run -a -s "-screen 0 2600x2100x24" python docs/scripts/...``.
The pictures go to ``docs/images`` unless another folder is named. Everything is drawn at twice the
size, as on a dense screen, unless ``QT_SCALE_FACTOR`` says otherwise; pictures of the whole window
are then made smaller by half. With --teach-with, only the card at the end of a lesson is
taken: MOVIE is a folder with raw.tif and labels.tif, and a simulated user clicks the cells of its
first frame and corrects them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")
os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()
os.environ.setdefault("QT_SCALE_FACTOR", "2")

import napari
import numpy as np
import tifffile
from napari.settings import get_settings
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QImage
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget
from scipy import ndimage

from napari_sam2.plugin.panel import SamPanel
from napari_sam2.plugin.widgets.cheat_sheet import CheatSheet
from napari_sam2.plugin.widgets.lanes_view import LaneRange
from napari_sam2.plugin.window.next_step import Action
from napari_sam2.training.synthetic import generate_clip

IMAGES = Path(__file__).resolve().parents[1] / "images"
SIZE = (1180, 860)
DOCK_WIDTH = 320
TALL = 980  # room for all that the widget may show
LARGEST_FILE = 200_000  # bytes
COLOURS = (256, 128, 64, 32)  # fewer and fewer, until the file is small enough
CELLS = (2, 3, 5)  # of the sample, one click each
TAUGHT_FRAMES, CORRECTIONS = 8, 3  # of the movie that the model is taught with; clicks per cell
MOTHERS, DAUGHTERS = (13, 2), (16, 17)  # of the movie with divisions


def main() -> None:
    """Run from the shell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=IMAGES)
    parser.add_argument("--quick", action="store_true", help="end after the first click")
    parser.add_argument("--teach-with", type=Path, metavar="MOVIE", help="take the card alone")
    parser.add_argument("--seconds", type=int, default=120, help="time of the lesson")
    given = parser.parse_args()
    if given.teach_with is not None:
        user = open_window(SIZE)
        take_teaching(user, given.folder, given.teach_with, given.seconds)
        user.viewer.close()
    else:
        take_all(given.folder, given.quick)


def take_all(folder: Path, is_quick: bool) -> None:
    """Take all pictures, or those of the first click alone."""
    folder.mkdir(parents=True, exist_ok=True)
    user = open_window(SIZE)
    viewer, panel = user.viewer, user.panel
    docks = Docks(panel)
    take_first_click(user, docks, folder)
    if not is_quick:
        take_tracking(user, docks, folder)
        take_review(user, docks, folder)
        take_warnings(user, docks)
        take_division(user, folder)
    for theme in docks.themes:
        docks.save(theme, folder / f"dock-{theme}.png")
    keys = CheatSheet(panel)
    keys.show()
    settle(0.5)
    save(grabbed(keys).reduce(2), folder / "keys.png")
    viewer.close()


def open_window(size: tuple[int, int]) -> User:
    """A dark window of napari with the panel, once the model is loaded."""
    get_settings().appearance.theme = "dark"
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(*size)
    dock, panel = viewer.window.add_plugin_dock_widget("napari-sam2", "SAM 2")
    viewer.window._qt_window.resizeDocks([dock], [DOCK_WIDTH], Qt.Orientation.Horizontal)
    wait_until(lambda: panel.controller.models.loaded is not None)
    return User(viewer, panel)


def take_first_click(user: User, docks: Docks, folder: Path) -> None:
    """Open the sample and outline a cell."""
    take(user.viewer, folder / "empty.png")
    docks.take("dark")
    user.open_sample()
    docks.take("dark")
    user.click_cell(CELLS[0], 0)
    take(user.viewer, folder / "first-click.png")
    docks.take("dark")
    user.press_more()
    docks.take("dark")
    user.press_more()


def take_found(user: User, folder: Path) -> None:
    """Find all cells, and leave again."""
    user.press(Qt.Key.Key_F)
    wait_until(lambda: user.panel.controller.finding.found is not None)
    take(user.viewer, folder / "find.png")
    user.press(Qt.Key.Key_Escape)


def take_tracking(user: User, docks: Docks, folder: Path) -> None:
    """Track three cells and correct one of them."""
    take_found(user, folder)
    for cell in CELLS[1:]:
        user.press(Qt.Key.Key_N)
        user.click_cell(cell, 0)
    user.press(Qt.Key.Key_K)
    wait_until(lambda: user.steps_done >= 6)
    user.go_to(4)
    take(user.viewer, folder / "tracking.png")

    user.settle()  # a correction needs the frame tracked
    user.go_to(10)
    user.panel.controller.choose_object(1)
    user.click_cell(CELLS[0], 10)
    take(user.viewer, folder / "corrected.png")
    user.press(Qt.Key.Key_K)
    user.settle()


def take_review(user: User, docks: Docks, folder: Path) -> None:
    """Review the masks, with the lanes below the canvas."""
    user.review()
    window, review = user.viewer.window._qt_window, user.panel.review
    take(user.viewer, folder / "review.png")
    with themed("light"):
        take(user.viewer, folder / "light.png")
    review.show_lanes(False)
    docks.take("light")
    user.press_more()
    window.resize(SIZE[0], TALL)
    docks.take("light")


def take_warnings(user: User, docks: Docks) -> None:
    """Show what the widget says about labels of another tool and about cut contrast."""
    user.add_labels_of_another_tool()
    docks.take("light")
    user.cut_contrast()
    docks.take("light")


def take_division(user: User, folder: Path) -> None:
    """Track two cells of another drawn movie, and mark where one of them divides."""
    clip = generate_clip("dic", (256, 256), 12, seed=35)
    user.viewer.layers.clear()
    user.viewer.window._qt_window.resize(*SIZE)
    user.open_movie(clip.images[3:], clip.labels[3:])
    for cell in MOTHERS:
        user.click_cell(cell, 0)
        user.press(Qt.Key.Key_N)
    user.press(Qt.Key.Key_K)
    user.settle()
    user.panel.review.show_lanes(True)
    user.go_to(1)
    user.press(Qt.Key.Key_D)
    for cell in DAUGHTERS:
        user.click_cell(cell, 1)
    take(user.viewer, folder / "division.png")


def take_teaching(user: User, folder: Path, movie: Path, seconds: int) -> None:
    """Correct the first frame of a movie, teach, use the taught model, and track again."""
    images, truth = (tifffile.imread(movie / f"{n}.tif")[:TAUGHT_FRAMES] for n in ("raw", "labels"))
    user.open_movie(images, truth)
    for number, cell in enumerate(np.unique(truth[0][truth[0] > 0]), 1):
        user.click_cell(cell, 0)
        for _ in range(CORRECTIONS):
            user.correct_cell(number, cell, 0)
        user.press(Qt.Key.Key_N)
    user.press(Qt.Key.Key_K)
    user.settle()
    teaching, widgets = user.panel.controller.teaching, user.panel.teach
    teaching.set_budget(seconds)
    QTest.keyClick(user.canvas, Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    wait_until(lambda: widgets.card is not None, timeout_s=seconds + 300)
    settle(0.5)
    save(grabbed(widgets.card).reduce(2), folder / "teach-card.png")
    if not widgets.card.use.isVisible():
        raise SystemExit("the lesson was no gain: teach with another movie, or for longer")
    base = user.panel.controller.models.wanted
    widgets.card.use.click()
    wait_until(lambda: user.panel.controller.models.wanted != base)
    user.settle()
    again = user.panel.status.button
    wait_until(lambda: again.text() == Action.TRACK_AGAIN.value)
    again.click()
    wait_until(lambda: user.panel.controller.image_state.is_tracking)
    user.settle()


class User:
    """Clicks and keys in a viewer with the widget.

    Parameters
    ----------
    viewer : napari.Viewer
        On the screen.
    panel : SamPanel
        Docked in it.
    """

    def __init__(self, viewer: Any, panel: SamPanel) -> None:
        self.viewer = viewer
        self.panel = panel
        self.truth: np.ndarray[Any, Any] | None = None

    @property
    def steps_done(self) -> int:
        """Steps of the run that is on its way."""
        progress = self.panel.controller.image_state.progress
        return 0 if progress is None else progress.done

    def open_sample(self) -> None:
        """Open the drawn movie; its truth tells where the cells are."""
        _, truth = self.viewer.open_sample("napari-sam2", "synthetic")
        self.viewer.layers.remove(truth)
        self._begin(truth.data)

    def open_movie(self, images: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> None:
        """Add a movie whose cells are known."""
        self.viewer.add_image(images, name="movie")
        self._begin(truth)

    def _begin(self, truth: np.ndarray[Any, Any]) -> None:
        """Wait until the movie is open, and show all of its first frame."""
        self.truth = truth
        controller = self.panel.controller
        wait_until(lambda: controller.image_state is not None and controller.image_state.is_open)
        self.viewer.dims.set_current_step(0, 0)
        self.viewer.reset_view()
        settle(0.5)

    def go_to(self, t: int) -> None:
        """Move the slider."""
        self.viewer.dims.set_current_step(0, t)
        settle(0.1)

    def click_cell(self, cell: int, t: int) -> None:
        """Click a cell in its middle."""
        assert self.truth is not None
        y, x = ndimage.center_of_mass(self.truth[t] == cell)
        self.click(self.place_on_canvas((t, y, x)))

    def correct_cell(self, object_id: int, cell: int, t: int) -> None:
        """Click the middle of the largest error of a mask, or nothing if the mask is right."""
        assert self.truth is not None
        found = self.panel.controller.image_state.layers.labels.data[t] == object_id
        wanted = self.truth[t] == cell
        depths = {
            button: ndimage.distance_transform_edt(np.pad(error, 1))[1:-1, 1:-1]
            for button, error in (
                (Qt.MouseButton.LeftButton, wanted & ~found),
                (Qt.MouseButton.RightButton, found & ~wanted),
            )
        }
        button = max(depths, key=lambda one: depths[one].max())
        if depths[button].max() > 1:
            y, x = np.unravel_index(depths[button].argmax(), wanted.shape)
            self.click(self.place_on_canvas((t, y, x)), button)

    def click(self, at: QPoint, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        """Click a place of the canvas."""
        QTest.mouseMove(self.canvas, at)
        QTest.mouseClick(self.canvas, button, Qt.KeyboardModifier.NoModifier, at)
        self.settle()

    def review(self) -> None:
        """Name, lock, accept and divide, go to a doubtful frame, and select a stretch of a lane."""
        review, lanes = self.panel.controller.review, self.panel.review.lanes
        review.rename(1, "mother")
        review.lock(2, range(8, 14), True)
        review.judge([3], "reviewed")
        self.go_to(22)
        self.panel.controller.choose_object(1)
        self.press(Qt.Key.Key_D)
        settle(0.5)
        self.press(Qt.Key.Key_BracketRight)
        settle(0.3)
        self.press(Qt.Key.Key_C)
        self.press(Qt.Key.Key_BracketRight)
        lanes.view.select(LaneRange(3, range(15, 21)))
        settle(0.5)

    def add_labels_of_another_tool(self) -> None:
        """Have a Labels layer that the widget offers to import."""
        image = self.panel.controller.image
        place = {"scale": image.scale, "units": image.units, "axis_labels": image.axis_labels}
        self.viewer.add_labels(self.truth, name="Cellpose", **place)
        self.viewer.layers["Cellpose"].visible = False
        self.panel.controller.activate_clicks()
        settle(0.5)

    def cut_contrast(self) -> None:
        """Move the contrast limits so far in that much is cut off."""
        image = self.panel.controller.image
        image.contrast_limits = np.percentile(image.data, [10, 90]).tolist()
        settle(1.0)

    def press_more(self) -> None:
        """Show all controls, or the seven of a beginner."""
        self.panel.layout_parts.more.click()
        settle(0.3)

    def press(self, key: Any) -> None:
        """Press a key over the canvas."""
        QTest.keyClick(self.canvas, key)
        settle(0.1)

    def settle(self) -> None:
        """Wait for answers and for the run to end."""
        image_state = self.panel.controller.image_state
        wait_until(lambda: not image_state.is_waiting and not image_state.is_tracking)
        settle(0.2)

    @property
    def canvas(self) -> Any:
        """The widget that napari draws into."""
        return self.viewer.window._qt_viewer.canvas.native

    def place_on_canvas(self, coordinates: tuple[float, ...]) -> QPoint:
        """Where a (t, y, x) of the movie is on the canvas, in its pixels."""
        camera = getattr(self.viewer, "scene", self.viewer).camera
        layer = self.panel.controller.image_state.layers.points.layer
        y, x = layer.data_to_world(coordinates)[-2:]
        centre_y, centre_x = camera.center[-2:]
        return QPoint(
            round(self.canvas.width() / 2 + (x - centre_x) * camera.zoom),
            round(self.canvas.height() / 2 + (y - centre_y) * camera.zoom),
        )


def settle(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def wait_until(is_done: Callable[[], bool], timeout_s: float = 300) -> None:
    """Let the window live until something has happened."""
    end = time.monotonic() + timeout_s
    while not is_done():
        if time.monotonic() > end:
            raise TimeoutError("the window did not get there")
        settle(0.02)


class Docks:
    """Pictures of the widget alone, side by side.

    Parameters
    ----------
    panel : SamPanel
        The widget.
    """

    def __init__(self, panel: SamPanel) -> None:
        self._panel = panel
        self._pictures: dict[str, list[Image.Image]] = {}

    @property
    def themes(self) -> list[str]:
        """The themes that there are pictures of."""
        return list(self._pictures)

    def take(self, theme: str) -> None:
        """Add a picture of what the widget shows now."""
        with themed(theme):
            self._pictures.setdefault(theme, []).append(grabbed(self._panel))

    def save(self, theme: str, path: Path) -> None:
        """Save all pictures of a theme as one."""
        pictures = self._pictures[theme]
        gap = 16
        size = (
            sum(one.width for one in pictures) + gap * (len(pictures) - 1),
            max(one.height for one in pictures),
        )
        sheet = Image.new("RGB", size, "white" if theme == "light" else "black")
        x = 0
        for one in pictures:
            sheet.paste(one, (x, 0))
            x += one.width + gap
        save(sheet, path)


@contextmanager
def themed(name: str) -> Iterator[None]:
    """Show a theme for a while."""
    appearance = get_settings().appearance
    before, appearance.theme = appearance.theme, name
    settle(0.6)
    yield
    appearance.theme = before


def grabbed(widget: QWidget) -> Image.Image:
    """A widget as it is drawn."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    pixels = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), np.uint8)
    rows = pixels.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()]
    return Image.fromarray(rows.reshape(image.height(), image.width(), 3).copy())


def take(viewer: Any, path: Path) -> None:
    """Save a picture of the whole window at half its size."""
    settle(0.6)
    picture = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
    save(picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX), path)


def save(picture: Image.Image, path: Path) -> None:
    """Save a picture, small enough for a repository."""
    picture.save(path, optimize=True)
    for colours in COLOURS:
        if path.stat().st_size > LARGEST_FILE:
            picture.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                path, optimize=True
            )
    print(f"{path}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()

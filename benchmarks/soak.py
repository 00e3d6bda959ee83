"""A long day at a real viewer: random actions of a user, and what they leave behind.

Run under a display (``xvfb-run -a python benchmarks/soak.py``). The engine is the one of the tests,
so that what is measured is the window and the thread, not the network. It prints a line now and
then, a verdict last, and exits 1 if memory, threads or callbacks grow, or closing takes too long.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

GROWTH_MB = 100
CLOSING_S = 2.0
WARM_UP = 0.2  # share of the actions after which growth is counted
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Footprint:
    """What the program holds on to at one moment.

    Attributes
    ----------
    megabytes : float
        Memory of the process.
    threads : int
        Threads of Python.
    callbacks : int
        Callbacks on the events of the viewer and its layers.
    layers : int
        Layers in the viewer.
    """

    megabytes: float
    threads: int
    callbacks: int
    layers: int

    def __str__(self) -> str:
        """One line for a person."""
        return (
            f"{self.megabytes:.0f} MB, {self.threads} threads, {self.callbacks} callbacks, "
            f"{self.layers} layers"
        )


class User:
    """Somebody who clicks, tracks, corrects, undoes, exports, closes and opens, in any order.

    Parameters
    ----------
    viewer : napari.Viewer
        With no image yet.
    panel_type : callable
        Makes the widget for a viewer.
    movie : (T, Y, X) array
        What is looked at.
    process_events : callable
        Lets the window work for so many milliseconds.
    folder : Path
        Where exports go.
    seed : int
        Of what is done.
    """

    def __init__(
        self,
        viewer: Any,
        panel_type: Callable[[Any], Any],
        movie: np.ndarray,
        process_events: Callable[[int], None],
        folder: Path,
        seed: int = 0,
    ) -> None:
        self.viewer = viewer
        self.movie = movie
        self.folder = folder
        self._panel_type = panel_type
        self._process_events = process_events
        self._random = random.Random(seed)
        self.done: dict[str, int] = {}
        self.open_image()
        self.open_panel()

    # What can be done; each is named by its method

    def open_image(self) -> None:
        """Show the movie."""
        self.viewer.add_image(self.movie, name="movie")

    def open_panel(self) -> None:
        """Dock the widget and wait until it can be used."""
        self.panel = self._panel_type(self.viewer)
        self.dock = self.viewer.window.add_dock_widget(self.panel, name="SAM 2")
        self.wait_for(lambda: self.image_state is not None and self.image_state.is_open)

    def click(self) -> None:
        """Put a point on a bright place, or anywhere."""
        t = self._random.randrange(len(self.movie))
        places = np.argwhere(self.movie[t] > self.movie[t].mean())
        y, x = self._random.choice(places.tolist())
        self.go_to(t)
        self.image_state.layers.points.layer.add([t, y, x])

    def draw_box(self) -> None:
        """Draw a rectangle."""
        t = self._random.randrange(len(self.movie))
        self.go_to(t)
        box = [[t, 4, 4], [t, 4, 30], [t, 30, 30], [t, 30, 4]]
        self.image_state.layers.shapes.layer.add_rectangles([np.array(box, float)])

    def toggle_sign(self) -> None:
        """Include or exclude."""
        self.panel.controller.toggle_sign()

    def next_object(self) -> None:
        """The next click is for another cell."""
        self.panel.controller.next_object()

    def choose_object(self) -> None:
        """Take one of the cells."""
        self.panel.controller.choose_object(self._random.choice(self.image_state.object_ids))

    def remove_object(self) -> None:
        """Delete the current cell."""
        self.panel.controller.remove_object()

    def clear_frame(self) -> None:
        """Take back what was given on the frame."""
        self.panel.controller.canvas.clear_frame()

    def undo(self) -> None:
        """Take back the last change."""
        self.panel.controller.review.undo()

    def redo(self) -> None:
        """Do it again."""
        self.panel.controller.review.redo()

    def track(self) -> None:
        """Track, sometimes to the end."""
        self.panel.controller.tracking.start(self._random.choice(["both", "forward", "backward"]))
        if self._random.random() < 0.5:
            self.settle()

    def cancel(self) -> None:
        """Stop tracking."""
        self.panel.controller.tracking.cancel()

    def look_around(self) -> None:
        """Move the slider."""
        for _ in range(5):
            self.go_to(self._random.randrange(len(self.movie)))

    def change_contrast(self) -> None:
        """Another contrast, and let the model see it."""
        image = self.image_state.image
        image.contrast_limits = (0, self._random.randrange(3000, 5000))
        self.panel.controller.use_contrast()

    def look_in_3d(self) -> None:
        """Go to 3D and back."""
        self.viewer.dims.ndisplay = 3
        self._process_events(5)
        self.viewer.dims.ndisplay = 2

    def hide(self) -> None:
        """Hide a layer and show it again."""
        layer = self._random.choice(list(self.viewer.layers))
        layer.visible = False
        self._process_events(5)
        layer.visible = True

    def export(self) -> None:
        """Write a file."""
        name = self._random.choice(["a.tif", "a.csv", "a.coco.json", "a.ctc"])
        self.panel.controller.exporting.start(self.folder / name)
        self.wait_for(lambda: not self.panel.controller.exporting.is_on)

    def remove_a_layer(self) -> None:
        """Delete one of our layers and bring it back."""
        self.viewer.layers.remove(self.image_state.layers.points.layer)
        self._process_events(5)
        self.panel.controller.restore_layers()

    def reopen_panel(self) -> None:
        """Close the widget and dock another one."""
        self.viewer.window.remove_dock_widget(self.dock)
        self.panel.deleteLater()
        self.open_panel()

    def reopen_image(self) -> None:
        """Delete all layers and open the image again."""
        self.viewer.layers.clear()
        self._process_events(5)
        self.open_image()
        self.wait_for(lambda: self.image_state is not None and self.image_state.is_open)

    # The day

    OFTEN = ("click",) * 6 + ("undo", "redo", "track", "look_around", "next_object") * 3
    SOMETIMES = (
        "draw_box", "toggle_sign", "choose_object", "remove_object", "clear_frame", "cancel",
        "change_contrast", "look_in_3d", "hide", "export", "remove_a_layer",
    )  # fmt: skip
    SELDOM = ("reopen_panel", "reopen_image")

    def act(self) -> str:
        """Do something, and wait until it is done."""
        choices = random.Random(self._random.random())
        kinds, weights = (self.OFTEN, self.SOMETIMES, self.SELDOM), (70, 27, 3)
        name = choices.choice(choices.choices(kinds, weights)[0])
        getattr(self, name)()
        if name != "track":
            self.settle()
        self.done[name] = self.done.get(name, 0) + 1
        return name

    @property
    def image_state(self) -> Any:
        """The state of the image."""
        return self.panel.controller.image_state

    def go_to(self, t: int) -> None:
        """Show a frame."""
        self.viewer.dims.set_current_step(0, t)
        self._process_events(1)

    def settle(self) -> None:
        """Wait until nothing is under way."""
        self.wait_for(
            lambda: (
                self.image_state is None
                or not (self.image_state.is_waiting or self.image_state.is_tracking)
            )
        )

    def wait_for(self, is_done: Callable[[], bool]) -> None:
        """Let the window work until something is true."""
        end = time.monotonic() + TIMEOUT_S
        while not is_done():
            if time.monotonic() > end:
                raise TimeoutError(f"still waiting after {TIMEOUT_S:.0f} s; done: {self.done}")
            self._process_events(1)

    def footprint(self) -> Footprint:
        """What is held on to now, when all is quiet and the layers are those of the beginning."""
        self.settle()
        self._process_events(50)
        gc.collect()
        viewer = self.viewer
        groups = [viewer.events, viewer.layers.events, viewer.layers.selection.events]
        groups += [viewer.dims.events, *(layer.events for layer in viewer.layers)]
        callbacks = sum(
            len(emitter.callbacks) for group in groups for emitter in group.emitters.values()
        )
        memory = psutil.Process().memory_info().rss / 2**20
        return Footprint(memory, threading.active_count(), callbacks, len(viewer.layers))


def closing_time(user: User) -> float:
    """Seconds until the thread has ended once the viewer is told to close."""
    thread, ended = user.panel.controller._thread, threading.Event()
    times: list[float] = []

    def watch() -> None:
        thread.join()
        times.append(time.monotonic())
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    start = time.monotonic()
    user.viewer.close()
    user.wait_for(ended.is_set)
    return times[0] - start


def main() -> int:
    """Run from the shell; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-verdict", action="store_true", help="exit 0 whatever has grown")
    given = parser.parse_args()
    os.environ.setdefault("NAPARI_CONFIG", str(Path(tempfile.mkdtemp()) / "settings.yaml"))

    import napari
    from qtpy.QtTest import QTest

    from napari_sam2.plugin.panel import SamPanel
    from tests.plugin.world import ThresholdEngine, movie

    viewer = napari.Viewer()
    folder = Path(tempfile.mkdtemp())
    user = User(
        viewer, lambda v: SamPanel(v, ThresholdEngine()), movie(), QTest.qWait, folder, given.seed
    )
    warm = user.footprint()
    start = time.monotonic()
    for number in range(1, given.actions + 1):
        user.act()
        if number == round(given.actions * WARM_UP):
            user.reopen_image()
            warm = user.footprint()
        if number % max(1, given.actions // 20) == 0:
            print(f"{number:5d} actions, {time.monotonic() - start:5.0f} s: {user.footprint()}")
    user.reopen_image()
    last = user.footprint()
    closing = closing_time(user)
    print(f"after warm-up: {warm}")
    print(f"at the end:    {last}; closed in {closing:.2f} s")
    grown = last.megabytes - warm.megabytes
    is_flat = grown <= GROWTH_MB and last.threads <= warm.threads
    is_flat = is_flat and last.callbacks <= warm.callbacks and closing <= CLOSING_S
    verdict = "flat" if is_flat else "NOT FLAT"
    print(f"{given.actions} actions: memory {grown:+.0f} MB after warm-up, {verdict}")
    return 0 if is_flat or given.no_verdict else 1


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    code = main()
    sys.stdout.flush()
    os._exit(code)  # napari without its event loop does not end by itself

"""Measure what a person waits for in the window, and how long the window stands still.

    python benchmarks/latency.py [--json FILE] [--clicks 20]

needs a screen; without one: ``xvfb-run -a -s "-screen 0 1400x1000x24" python benchmarks/...``. The
embedded model works on the drawn sample with one thread less than there are cores, as in daily use.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")

import napari
import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication
from scipy import ndimage

from napari_sam2.plugin.panel import SamPanel

BARS_MS = {"mask, features cached": 150.0, "mask, first visit": 400.0, "event loop gap": 50.0}
BEAT_MS = 10
SCRUB_MS = 100  # between steps of the slider


class Window:
    """napari with the sample and the widget, and a hand that clicks."""

    def __init__(self) -> None:
        self.viewer = napari.Viewer(show=True)
        self.viewer.window._qt_window.resize(1180, 780)
        _, self.panel = self.viewer.window.add_plugin_dock_widget("napari-sam2", "SAM 2")
        _, truth = self.viewer.open_sample("napari-sam2", "synthetic")
        self.truth: np.ndarray[Any, Any] = truth.data
        self.viewer.layers.remove(truth)
        wait_until(
            lambda: self.controller.image_state is not None and self.controller.image_state.is_open
        )
        self.viewer.dims.set_current_step(0, 0)
        self.viewer.reset_view()
        settle(1.0)

    @property
    def controller(self) -> Any:
        """What stands behind the widget."""
        assert isinstance(self.panel, SamPanel)
        return self.panel.controller

    @property
    def frames(self) -> int:
        """Length of the sample."""
        return int(self.truth.shape[0])

    def go_to(self, t: int) -> None:
        """Move the slider."""
        self.viewer.dims.set_current_step(0, t)

    def click(self, t: int, cell: int) -> tuple[float, float]:
        """Click a cell; returns milliseconds until its point and its mask are there."""
        points, image_state = (
            self.controller.image_state.layers.points.layer,
            self.controller.image_state,
        )
        at = self._on_canvas((t, *ndimage.center_of_mass(self.truth[t] == cell)))
        count = len(points.data)
        start = time.perf_counter()
        for kind, held in (
            (QEvent.Type.MouseButtonPress, Qt.MouseButton.LeftButton),
            (QEvent.Type.MouseButtonRelease, Qt.MouseButton.NoButton),
        ):
            self._send(kind, at, held)
        drawn = (time.perf_counter() - start) * 1000
        if len(points.data) != count + 1:
            raise RuntimeError("the click did not make a point")
        wait_until(lambda: not image_state.is_waiting)
        return drawn, (time.perf_counter() - start) * 1000

    def track_for(self, seconds: float) -> None:
        """Wait until the propagation has ended; cancel it after some seconds."""
        tracking, end = self.controller.tracking, time.monotonic() + seconds
        wait_until(lambda: not tracking.is_on or time.monotonic() > end)
        if tracking.is_on:
            tracking.cancel()
            wait_until(lambda: not tracking.is_on)

    def _send(self, kind: QEvent.Type, at: QPoint, held: Qt.MouseButton) -> None:
        canvas = self._canvas
        here, on_screen = QPointF(at), QPointF(canvas.mapToGlobal(at))
        left, plain = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(canvas, QMouseEvent(kind, here, on_screen, left, held, plain))

    @property
    def _canvas(self) -> Any:
        return self.viewer.window._qt_viewer.canvas.native

    def _on_canvas(self, coordinates: tuple[float, ...]) -> QPoint:
        camera = getattr(self.viewer, "scene", self.viewer).camera
        layer = self.controller.image_state.layers.points.layer
        y, x = layer.data_to_world(coordinates)[-2:]
        centre_y, centre_x = camera.center[-2:]
        return QPoint(
            round(self._canvas.width() / 2 + (x - centre_x) * camera.zoom),
            round(self._canvas.height() / 2 + (y - centre_y) * camera.zoom),
        )


class Pulse:
    """Notes how late a timer comes in the thread of the window."""

    def __init__(self) -> None:
        self.gaps_ms: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer(interval=BEAT_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps_ms.append((now - self._last) * 1000)
        self._last = now

    def __enter__(self) -> Pulse:
        self._last = time.perf_counter()
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.stop()


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes
    ----------
    clicks : int
        Clicks on a frame that is encoded.
    visits : int or None
        Frames that are clicked at the first visit; None: every third one.
    rest_s : float
        Seconds in which nothing is tracked.
    track_s : float
        Seconds after which tracking is cancelled.
    """

    clicks: int
    visits: int | None = None
    rest_s: float = 5.0
    track_s: float = 290.0


def measure(plan: Plan) -> dict[str, list[float]]:
    """Milliseconds of everything that is measured."""
    window = Window()
    cells: list[int] = np.unique(window.truth[0])[1:].tolist()
    found: dict[str, list[float]] = {"point drawn": []}

    def click(kind: str, t: int, cell: int) -> None:
        drawn, answered = window.click(t, cell)
        found["point drawn"].append(drawn)
        found.setdefault(kind, []).append(answered)

    click("mask, very first", 0, cells[0])
    for index in range(plan.clicks):  # frame 0 has been seen
        cell = cells[index % len(cells)]
        window.controller.next_object()
        click("mask, features cached", 0, cell)
        window.controller.review.undo()
        settle(0.2)
    for t in range(3, window.frames, 3)[
        : plan.visits
    ]:  # too far for the neighbours to be encoded ahead
        present = [cell for cell in cells if (window.truth[t] == cell).any()]
        if present:
            window.go_to(t)
            window.controller.next_object()
            click("mask, first visit", t, present[0])
    for t in (1, 2):  # encoded while the window was idle
        window.go_to(t)
        settle(1.5)
        click("mask, neighbour", t, cells[0])

    window.go_to(0)
    slider = QTimer(interval=SCRUB_MS)
    slider.timeout.connect(
        lambda: window.go_to((window.viewer.dims.current_step[0] + 1) % window.frames)
    )
    with Pulse() as pulse:  # what napari itself takes to draw a frame
        slider.start()
        settle(plan.rest_s)
        slider.stop()
    found["the same at rest, scrubbing"] = pulse.gaps_ms
    for kind, scrubs in (("event loop gap", False), ("event loop gap, scrubbing", True)):
        window.controller.tracking.start()
        with Pulse() as pulse:
            if scrubs:
                slider.start()
            window.track_for(plan.track_s)
        slider.stop()
        found[kind] = pulse.gaps_ms
    window.viewer.close()
    return found


def summary(found: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Median, 99th percentile and maximum of each kind, in milliseconds."""
    return {
        kind: {
            "n": len(times),
            "p50": float(np.percentile(times, 50)),
            "p99": float(np.percentile(times, 99)),
            "max": float(np.max(times)),
        }
        for kind, times in found.items()
        if times
    }


def settle(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.002)


def wait_until(is_done: Callable[[], bool], timeout_s: float = 300) -> None:
    """Let the window live until something has happened."""
    end = time.monotonic() + timeout_s
    while not is_done():
        if time.monotonic() > end:
            raise TimeoutError("the window did not get there")
        QApplication.processEvents()
        time.sleep(0.001)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clicks", type=int, default=20, help="clicks with cached features")
    parser.add_argument("--quick", action="store_true", help="each kind of click once, short rests")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    plan = Plan(1, 1, 0.2, 0.5) if arguments.quick else Plan(arguments.clicks)
    figures = summary(measure(plan))
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}; milliseconds")
    print(f"{'':28}{'n':>6}{'p50':>8}{'p99':>8}{'max':>8}{'bar':>8}")
    for kind, row in figures.items():
        bar = BARS_MS.get(kind)
        numbers = "".join(f"{row[key]:8.0f}" for key in ("p50", "p99", "max"))
        print(f"{kind:28}{row['n']:6.0f}{numbers}{'' if bar is None else f'{bar:8.0f}'}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"load": load, "ms": figures}, indent=1))


if __name__ == "__main__":
    sys.exit(main())

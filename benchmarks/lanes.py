"""How long the lanes take to paint.

    QT_QPA_PLATFORM=offscreen python benchmarks/lanes.py [FRAMES] [OBJECTS]

Every object has masks on most frames, with gaps, locks, doubts and a prompt on every hundredth
frame; with ``PROMPTED=1`` on every frame, as imported labels have. Times are medians and 95th
percentiles of the time on the processor, in milliseconds; a screen with 60 Hz has 16 ms a frame.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import numpy as np
from qtpy.QtWidgets import QApplication

from napari_sam2.annotation.quality import Timeline
from napari_sam2.plugin.widgets.lane_paint import ROW, Heading
from napari_sam2.plugin.widgets.lanes_view import LanesView

SIZE = (1400, 500)
REPEATS = 50


def main(frames: int, objects: int) -> None:
    """Print times of everything that a user does to lanes."""
    app = QApplication.instance() or QApplication([])
    view = LanesView()
    view.resize(*SIZE)
    view.show_frames(frames)
    view.show_objects([Heading(i, "", (0.9, 0.5, 0.1, 1.0)) for i in range(1, objects + 1)])
    rng = np.random.default_rng(0)
    prompted = float(os.environ.get("PROMPTED", "0.01"))
    for object_id in range(1, objects + 1):
        view.show_timeline(object_id, drawn_timeline(frames, prompted, rng))
    view.show()
    app.processEvents()
    print(f"{frames} frames x {objects} objects in {SIZE[0]} x {SIZE[1]} pixels, ms:")
    measure("all frames in view", view, lambda step: view.show_place(step, 1))
    measure("scrolled", view, lambda step: view.verticalScrollBar().setValue(step * ROW))
    one = drawn_timeline(frames, prompted, rng)
    measure("a lane changed", view, lambda step: view.show_timeline(1 + step % 9, renewed(one)))
    view.zoom(8)
    measure("zoomed", view, lambda step: view.horizontalScrollBar().setValue(40 * step))


def measure(what: str, view: LanesView, change: Callable[[int], None]) -> None:
    """Print how long a change and the painting after it take."""
    times = []
    for step in range(REPEATS):
        start = time.thread_time()
        change(step)
        view.viewport().repaint()
        times.append(1000 * (time.thread_time() - start))
    print(f"  {what:20} {np.median(times):6.1f} {np.percentile(times, 95):6.1f}")


def renewed(timeline: Timeline) -> Timeline:
    """The same as another object, as the inference thread sends it."""
    return Timeline(**vars(timeline))


def drawn_timeline(frames: int, prompted: float, rng: np.random.Generator) -> Timeline:
    """An object that is there most of the time."""
    has_mask = rng.random(frames) < 0.995
    start, length = int(rng.integers(frames // 2)), frames // 20
    is_lost, is_locked = np.zeros((2, frames), bool)
    is_lost[start : start + length] = True
    is_locked[start + 2 * length : start + 4 * length] = True
    has_mask &= ~is_lost
    quality = np.clip(0.9 + np.cumsum(rng.normal(0, 0.02, frames)), 0, 1).astype(np.float32)
    return Timeline(
        has_mask=has_mask,
        is_prompted=has_mask & (rng.random(frames) < prompted),
        is_locked=is_locked & has_mask,
        is_reviewed=has_mask & (rng.random(frames) < 0.02),
        is_lost=is_lost,
        quality=np.where(has_mask, quality, np.nan).astype(np.float32),
        doubts=(has_mask & (rng.random(frames) < 0.01)).astype(np.uint16),
        error_probability=np.where(has_mask, 1 - quality, np.nan).astype(np.float32),
        reasons=("",) * frames,
        backward_iou=np.full(frames, np.nan, np.float32),
    )


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    main(*(given or [2000, 200]))

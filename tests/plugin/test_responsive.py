"""The window stays alive while the network computes."""

import time

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from napari_sam2.plugin import panel as panel_module
from tests import worlds

from .real_engines import OneThreadEngine
from .world import Gate, ThresholdTracker, disc_centre

pytestmark = [
    pytest.mark.real_window,
    pytest.mark.flaky(reruns=2),  # compares times, while the machine does other work
]


class Pulse:
    """Notes how late a 10 ms timer comes in the GUI thread."""

    def __init__(self):
        self.gaps_ms = []
        self._last = time.perf_counter()
        self._timer = QTimer(interval=10)
        self._timer.timeout.connect(self._beat)

    def _beat(self):
        now = time.perf_counter()
        self.gaps_ms.append((now - self._last) * 1000)
        self._last = now

    def __enter__(self):
        self._last = time.perf_counter()
        self._timer.start()
        return self

    def __exit__(self, *error):
        self._timer.stop()


def test_the_event_loop_beats_while_the_network_tracks(open_desk):
    """Compared with the same window at rest: the machine may be busy with other things."""
    world = worlds.two_discs()
    desk = open_desk(np.repeat(np.repeat(world.images, 4, 1), 4, 2), engine=OneThreadEngine())
    y, x = world.discs[1].path(0)
    desk.click(0, 4 * y, 4 * x)
    desk.settle()
    with Pulse() as rest:
        desk.qtbot.wait(1000)
    with Pulse() as busy:
        desk.track()
    assert np.median(busy.gaps_ms) < 3 * np.median(rest.gaps_ms) + 10
    assert np.percentile(busy.gaps_ms, 95) < 3 * np.percentile(rest.gaps_ms, 95) + 150


def test_clicks_and_keys_return_at_once(desk):
    times = []
    for action in (
        lambda: desk.points.add([0, *disc_centre(0, 0)]),
        desk.controller.toggle_sign,
        desk.controller.next_object,
        desk.controller.tracking.start,
        desk.controller.tracking.cancel,
        desk.controller.review.undo,
        desk.controller.canvas.clear_frame,
    ):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    desk.settle()
    assert np.median(times) < 0.05


def slow_click(desk, monkeypatch) -> Gate:
    """Click; the network does not answer before the gate is open."""
    gate, add_points = Gate(), ThresholdTracker.add_points

    def add_once_open(self, t, *given):
        gate.wait(t)
        return add_points(self, t, *given)

    monkeypatch.setattr(ThresholdTracker, "add_points", add_once_open)
    desk.click(0, *disc_centre(0, 0))
    return gate


def test_panel_is_rendered_once_a_mask_is_there(desk, monkeypatch):
    """Widgets that are drawn meanwhile take Python's lock from the network."""
    monkeypatch.setattr(panel_module, "ANSWER_MS", 60_000)
    remove = desk.panel.object.remove
    gate = slow_click(desk, monkeypatch)
    desk.qtbot.wait(100)
    assert desk.panel.is_behind
    assert not remove.isEnabled()
    gate.open()
    desk.settle()
    assert remove.isEnabled()


def test_panel_does_not_wait_for_a_mask_that_is_late(desk, monkeypatch):
    gate = slow_click(desk, monkeypatch)
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    assert desk.image_state.is_waiting
    gate.open()
    desk.settle()

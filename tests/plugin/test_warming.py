"""The very first widget of a program shows before its layers can be made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_sam2.plugin.warming import is_warm, warm_up

from .world import disc, disc_centre, movie


@pytest.fixture
def may_end(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Layers cannot be made before it is set."""
    event = threading.Event()
    monkeypatch.setattr("napari_sam2.plugin.panel.is_warm", lambda: False)
    monkeypatch.setattr("napari_sam2.plugin.warming.warm_up", lambda: event.wait(20))
    return event


def test_layers_come_when_they_can_be_made(
    open_desk: Callable[..., Any], may_end: threading.Event
) -> None:
    desk = open_desk()
    desk.viewer.add_image(movie())
    desk.qtbot.waitUntil(lambda: desk.panel.status.text.text() == "Getting ready.")
    assert desk.session is None
    may_end.set()
    desk.qtbot.waitUntil(lambda: desk.session is not None and desk.session.is_open, timeout=10000)
    desk.go_to(0)
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


def test_a_widget_may_be_closed_before(
    open_desk: Callable[..., Any], may_end: threading.Event
) -> None:
    desk = open_desk(movie())
    desk.panel.shut_down()
    may_end.set()
    thread = desk.panel._warming._thread
    desk.qtbot.waitUntil(lambda: not thread.is_alive())
    desk.breathe()
    assert desk.session is None
    assert len(desk.viewer.layers) == 1


def test_a_layer_brings_in_what_the_next_ones_need() -> None:
    warm_up()
    assert is_warm()

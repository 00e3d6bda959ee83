"""The very first widget of a program shows before its layers can be made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_sam2.plugin.startup.warming import is_warm, warm_points

from .world import disc, disc_centre, movie


@pytest.fixture
def may_click(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Points layers cannot be made before it is set."""
    event = threading.Event()
    monkeypatch.setattr("napari_sam2.plugin.panel.is_warm", lambda: False)
    monkeypatch.setattr("napari_sam2.plugin.panel.warm_points", lambda: event.wait(20))
    return event


@pytest.fixture
def may_draw(may_click: threading.Event, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Shapes layers cannot be made before it is set, Points layers can."""
    may_click.set()
    event = threading.Event()
    monkeypatch.setattr("napari_sam2.plugin.panel.warm_shapes", lambda: event.wait(20))
    return event


def wait_until_open(desk: Any) -> None:
    desk.qtbot.waitUntil(
        lambda: desk.image_state is not None and desk.image_state.is_open, timeout=10000
    )


def test_layers_come_when_they_can_be_made(
    open_desk: Callable[..., Any], may_click: threading.Event
) -> None:
    desk = open_desk()
    desk.viewer.add_image(movie())
    desk.qtbot.waitUntil(lambda: desk.panel.status.text.text() == "Getting ready.")
    assert desk.image_state is None
    may_click.set()
    wait_until_open(desk)
    desk.go_to(0)
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


def test_a_panel_warms_up_once_it_is_drawn(
    open_desk: Callable[..., Any], may_click: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imports hold Python's lock, and the widget would be drawn later."""
    monkeypatch.setattr("napari_sam2.plugin.panel.UNSEEN_MS", 60_000)
    desk = open_desk()
    assert not desk.panel._points_warming._thread.is_alive()
    desk.panel.grab()
    desk.qtbot.waitUntil(desk.panel._points_warming._thread.is_alive)
    may_click.set()


def test_clicks_are_taken_before_shapes(
    open_desk: Callable[..., Any], may_draw: threading.Event
) -> None:
    desk = open_desk(movie())
    wait_until_open(desk)
    desk.go_to(0)
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert desk.image_state.has_prompts(1)
    assert desk.image_state.layers.shapes is None
    assert not desk.image_state.layers.missing()
    may_draw.set()
    desk.qtbot.waitUntil(lambda: desk.image_state.layers.shapes is not None)
    names = [layer.name for layer in desk.viewer.layers][1:]
    assert names == ["SAM 2 labels", "SAM 2 shapes", "SAM 2 clicks"]


def test_shapes_that_come_later_leave_the_tool_in_hand(
    open_desk: Callable[..., Any], may_draw: threading.Event
) -> None:
    desk = open_desk(movie())
    wait_until_open(desk)
    desk.viewer.layers.selection.active = desk.labels
    desk.labels.mode = "paint"
    may_draw.set()
    desk.qtbot.waitUntil(lambda: desk.image_state.layers.shapes is not None)
    desk.settle()
    assert set(desk.viewer.layers.selection) == {desk.labels}
    assert desk.labels.mode == "paint"


def test_a_widget_may_be_closed_before(
    open_desk: Callable[..., Any], may_click: threading.Event
) -> None:
    desk = open_desk(movie())
    desk.qtbot.waitUntil(desk.panel._points_warming._thread.is_alive)
    desk.panel.shut_down()
    may_click.set()
    thread = desk.panel._points_warming._thread
    desk.qtbot.waitUntil(lambda: not thread.is_alive())
    desk.breathe()
    assert desk.image_state is None
    assert len(desk.viewer.layers) == 1


def test_a_widget_that_is_closed_at_once_warms_nothing(
    open_desk: Callable[..., Any], may_click: threading.Event
) -> None:
    desk = open_desk(movie())
    desk.panel.shut_down()
    desk.panel._shapes_warming.start()
    assert not desk.panel._shapes_warming._thread.is_alive()


@pytest.mark.napari
def test_a_layer_brings_in_what_the_next_ones_need() -> None:
    warm_points()
    assert is_warm()

"""Closing ends the thread and undoes what was bound."""

import threading
import time

import pytest
from qtpy.QtCore import Qt

from .world import FRAMES, ThresholdEngine, disc_centre, movie


@pytest.fixture
def running(open_desk):
    """A desk in the middle of a propagation whose frames take a tenth of a second."""
    engine = ThresholdEngine()
    engine._on_step = lambda t: time.sleep(0.1)
    desk = open_desk(movie(frames=FRAMES * 4), engine=engine)
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.press_track()
    desk.qtbot.waitUntil(lambda: desk.image_state.progress.done >= 2)
    return desk


def time_to_end(thread, close) -> float:
    """Seconds from the beginning of `close` until the thread has ended."""
    ends = []
    watcher = threading.Thread(target=lambda: (thread.join(), ends.append(time.monotonic())))
    watcher.start()
    start = time.monotonic()
    close()
    watcher.join(10)
    return ends[0] - start


@pytest.mark.real_window
@pytest.mark.flaky(reruns=2)
def test_closing_the_dock_during_tracking_ends_the_thread(running):
    thread, panel = running.controller._thread, running.panel
    labels, layers = running.labels, list(running.viewer.layers)
    assert time_to_end(thread, lambda: running.viewer.window.remove_dock_widget(panel)) < 2
    assert labels in running.viewer.layers
    assert labels.editable
    assert not running.viewer.keymap
    assert not any(layer.keymap for layer in layers)


@pytest.mark.real_window
@pytest.mark.flaky(reruns=2)
def test_closing_the_viewer_during_tracking_ends_the_thread(running):
    thread = running.controller._thread
    running.viewer.close()
    running.qtbot.waitUntil(lambda: not thread.is_alive(), timeout=2000)


def test_closing_leaves_labels_as_an_ordinary_layer(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    labels = desk.labels
    desk.viewer.window.remove_dock_widget(desk.panel)
    assert [layer.name for layer in desk.viewer.layers] == ["image", "SAM 2 labels"]
    assert labels in desk.viewer.layers
    assert labels.editable
    assert labels.data.any()


def test_closing_gives_the_keys_back(desk):
    desk.qtbot.waitUntil(lambda: len(desk.points.keymap) > 0)
    layers = list(desk.viewer.layers)
    desk.viewer.window.remove_dock_widget(desk.panel)
    assert not desk.viewer.keymap
    assert not any(layer.keymap for layer in layers)


def test_a_key_of_somebody_else_is_given_back(open_desk):
    def theirs(viewer):
        pass

    desk = open_desk()
    desk.qtbot.waitUntil(lambda: len(desk.viewer.keymap) > 0)
    desk.panel.shut_down()
    desk.viewer.bind_key("K", theirs)
    other = type(desk.panel)(desk.viewer, ThresholdEngine())
    desk.qtbot.waitUntil(lambda: theirs not in desk.viewer.keymap.values())
    other.shut_down()
    assert list(desk.viewer.keymap.values()) == [theirs]
    other.deleteLater()


def test_escape_belongs_to_napari_when_nothing_is_tracked(desk):
    desk.qtbot.wait(50)
    keys = {str(key) for key in (*desk.viewer.keymap, *desk.points.keymap)}
    assert "Escape" not in keys
    assert {"K", "T", "N"} <= keys


@pytest.mark.real_window
def test_two_viewers_do_not_disturb_each_other(open_desk):
    one, other = open_desk(movie()), open_desk(movie())
    one.click(0, *disc_centre(0, 0))
    one.settle()
    one.press(Qt.Key.Key_N)
    assert not other.image_state.objects
    assert (one.image_state.current_object, other.image_state.current_object) == (2, 1)

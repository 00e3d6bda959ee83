from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from npe2 import PluginManager
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_sam2.plugin.panel import SamPanel
from napari_sam2.plugin.startup.warming import warm_shapes

from . import hands, world
from .model_viewer import ModelViewer

WINDOW = "napari_sam2.plugin.window."
PATIENCE_MS = 20_000


@pytest.fixture(scope="session", autouse=True)
def _light_garbage(_one_torch_thread: None, screen: None) -> None:
    """Look away from what stays for good: napari collects garbage with every layer that goes."""
    warm_shapes()  # the first test opens its desk as all others do
    gc.collect()
    gc.freeze()


@dataclass
class Desk:
    """A viewer with the widget docked, and what a user does in it."""

    viewer: Any
    panel: SamPanel
    dock: Any
    engine: Any
    qtbot: Any

    @property
    def controller(self):
        return self.panel.controller

    @property
    def image_state(self):
        return self.controller.image_state

    @property
    def points(self):
        return self.image_state.layers.points.layer

    @property
    def shapes(self):
        return self.image_state.layers.shapes.layer

    @property
    def labels(self):
        return self.image_state.layers.labels

    def go_to(self, t: int) -> None:
        self.viewer.dims.set_current_step(0, t)
        self.breathe()

    def breathe(self) -> None:
        """Let the window do what it has put off until the hand is still."""
        self.qtbot.wait(1)

    def click(self, t: int, y: float, x: float, by: Callable[..., None] = hands.click) -> None:
        """Click on a pixel of the image on frame `t`; a single image has no other."""
        if self.points.ndim == 3:
            self.go_to(t)
        by(self.viewer, self.points, (t, y, x)[-self.points.ndim :])
        self.breathe()

    def press(self, key, *modifier) -> None:
        hands.press(self.viewer, key, *modifier)

    def settle(self) -> None:
        """Wait until every edit has its answer, nothing is being tracked, and all is shown."""
        self.qtbot.waitUntil(
            lambda: not self.image_state.is_waiting and not self.image_state.is_tracking,
            timeout=60000,
        )
        self.breathe()
        self.qtbot.waitUntil(lambda: not self.panel.is_behind)

    def prompt(self, t: int, object_id: int = 1):
        """What the document was last heard to hold."""
        shown = self.image_state.prompts.get((t, object_id))
        return None if shown is None else shown.prompt

    def press_track(self) -> None:
        """Press Track as soon as it can be pressed."""
        button = self.panel.track.button
        self.qtbot.waitUntil(lambda: button.isEnabled() and button.text() == "Track (K)")
        button.click()

    def track(self) -> None:
        """Press Track and wait until it is over."""
        with self.qtbot.waitSignal(self.controller.tracking.ended, timeout=20000):
            self.press_track()

    def wait_for_whole_timelines(self, *object_ids: int) -> None:
        """Wait until the window knows of masks of these objects on all frames.

        It learns of the last ones a moment after tracking has ended.
        """
        timelines = self.image_state.timelines

        def are_whole() -> bool:
            return all(k in timelines and timelines[k].has_mask.all() for k in object_ids)

        self.qtbot.waitUntil(are_whole)


@pytest.fixture(autouse=True)
def _own_log(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what goes wrong on purpose out of the log of the person."""
    path = tmp_path_factory.getbasetemp() / "log" / "napari-sam2.log"
    monkeypatch.setattr("napari_sam2.plugin.startup.log_file.log_path", lambda: path)


@pytest.fixture
def qtbot(qtbot):
    """Waits longer than usual before a test fails, for machines that do other work."""
    qtbot.waitUntil = partial(qtbot.waitUntil, timeout=PATIENCE_MS)
    return qtbot


@pytest.fixture(scope="session")
def manifests() -> None:
    """What plugins can read and write is known, as after napari has opened its window."""
    PluginManager.instance().discover()


@pytest.fixture
def make_viewer(request, qtbot) -> Iterator[Callable[[], Any]]:
    """Gives a function that opens a viewer; it has napari's window if `real_window` marks it."""
    if request.node.get_closest_marker("real_window"):
        make_napari_viewer = request.getfixturevalue("make_napari_viewer")
        yield lambda: make_napari_viewer(show=True)
        return
    viewers: list[ModelViewer] = []

    def make_viewer() -> ModelViewer:
        viewers.append(ModelViewer())
        return viewers[-1]

    yield make_viewer
    for viewer in viewers:
        viewer.window.close()  # its layers go with it
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def open_desk(make_viewer, qtbot) -> Iterator[Callable[..., Desk]]:
    """Gives a function that opens a viewer with images and the widget."""
    desks: list[Desk] = []

    def open_desk(*images: Any, engine: Any = None, **kwargs: Any) -> Desk:
        viewer = make_viewer()
        for image in images:
            viewer.add_image(image, **kwargs)
        engine = engine or world.ThresholdEngine()
        panel = SamPanel(viewer, engine)
        dock = viewer.window.add_dock_widget(panel, name="SAM 2")
        desk = Desk(viewer, panel, dock, engine, qtbot)
        desks.append(desk)
        if panel.controller.image_state is not None:
            qtbot.waitUntil(lambda: panel.controller.image_state.is_open, timeout=20000)
            desk.go_to(0)
            qtbot.waitUntil(lambda: not panel.is_behind)
        return desk

    yield open_desk
    for desk in desks:
        desk.panel.shut_down()


@pytest.fixture
def desk(open_desk) -> Desk:
    """The tiny world, open on its first frame."""
    return open_desk(world.movie())


class Notifications:
    """What the user was told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def only(self) -> str:
        """The one message there is."""
        assert len(self.messages) == 1, self.messages
        return self.messages[0]


@pytest.fixture
def notifications(monkeypatch) -> Notifications:
    """Collects notifications instead of showing them."""
    told = Notifications()

    def tell(message: str, details: str | None = None) -> None:
        told.messages.append(message)

    window = [module for name, module in sys.modules.items() if name.startswith(WINDOW)]
    for module in window:
        for name in {"show_error", "show_warning", "show_info"} & vars(module).keys():
            monkeypatch.setattr(module, name, tell)
    monkeypatch.setattr("napari_sam2.plugin.widgets.saving_widgets.show_error", tell)
    return told

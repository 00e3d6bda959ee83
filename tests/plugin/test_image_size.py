"""A smaller input for models that see whole frames: chosen, suggested on a CPU, and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QMessageBox
from safetensors.torch import save_file

from napari_sam2.io.project.manifest import read_manifest
from napari_sam2.io.project.shelf import find_unsaved
from napari_sam2.model import PRESETS
from napari_sam2.plugin.protocol.messages import (
    Answered,
    Command,
    DownloadEnded,
    EngineListed,
    ListEngine,
    LoadModel,
    ModelChoice,
    ModelLoaded,
    OpenImage,
)
from napari_sam2.plugin.protocol.sources import ImageSource
from napari_sam2.plugin.window.model_choice import Models
from napari_sam2.plugin.window.reports import ReportTable
from tests.tracking.tiny import build_tiny_model, tiny_config
from tests.worlds import discs_that_cross

from .real_engines import OneThreadEngine
from .world import ThresholdEngine, disc, disc_centre

WORLD = discs_that_cross()


# What the window knows and asks for


class Talk:
    """`Models`, and an inference thread that answers when the test says so."""

    def __init__(self, *devices: str) -> None:
        self.asked: list[LoadModel] = []
        self._devices = devices
        self.models = Models(ThresholdEngine(), self._send, lambda report: None)
        self.reports = ReportTable()
        self.reports.add(self.models.handlers)
        self.models.ask()
        self.answer()

    def _send(self, command: Command) -> None:
        if isinstance(command, LoadModel):
            self.asked.append(command)
        elif isinstance(command, ListEngine):
            self.reports.take(EngineListed(self._devices, ThresholdEngine().models()))
            self.reports.take(Answered(command))

    def answer(self, error: str | None = None) -> None:
        """Let all models come that were asked for, or none."""
        for command in self.asked:
            self.reports.take(Answered(command, error=error))
            if error is None:
                self.reports.take(_loaded(command.name, command.image_size))
        self.asked.clear()

    @property
    def sizes_asked(self) -> list[tuple[str, int | None]]:
        return [(command.name, command.image_size) for command in self.asked]


def _loaded(name: str, image_size: int | None) -> ModelLoaded:
    sizes = next(model.image_sizes for model in ThresholdEngine().models() if model.name == name)
    return ModelLoaded(name, "cpu", image_size or sizes[0], sizes)


def test_a_size_is_kept_for_the_next_model_that_has_it() -> None:
    talk = Talk("cpu")
    for step in ("other", 64, "near", "other", 128):
        if isinstance(step, int):
            talk.models.choose_size(step)
        else:
            talk.models.choose(step)
    loads = [("other", None), ("other", 64), ("near", None), ("other", 64), ("other", None)]
    assert talk.sizes_asked == loads


def test_a_missing_model_waits_at_the_size_that_is_chosen() -> None:
    talk = Talk("cpu")
    talk.models.choose("far")
    assert talk.models.quicker_size == 64
    talk.models.choose_size(64)
    assert talk.asked == []
    talk.reports.take(DownloadEnded("far"))
    assert talk.sizes_asked == [("far", 64)]


@pytest.mark.parametrize(
    ("devices", "device", "quicker"),
    [(["cpu"], "auto", 64), (["cuda", "cpu"], "auto", None), (["cuda", "cpu"], "cpu", 64)],
)
def test_it_is_suggested_on_a_cpu_only(devices: Any, device: str, quicker: int | None) -> None:
    talk = Talk(*devices)
    assert talk.models.quicker_size is None
    talk.models.choose_device(device)
    talk.models.choose("other")
    assert talk.models.quicker_size == quicker


def test_a_size_that_does_not_load_leaves_the_one_before() -> None:
    talk = Talk("cpu")
    talk.models.choose("other")
    talk.answer()
    talk.models.choose_size(64)
    talk.answer("out of memory")
    assert (talk.models.wanted, talk.models.image_size) == ("other", 128)


def test_project_brings_its_size() -> None:
    talk = Talk("cpu")
    opened = Answered(OpenImage(1, ImageSource(None)), (_loaded("other", 32),))
    talk.reports.take(opened)
    talk.reports.take(opened.changes[0])
    assert (talk.models.wanted, talk.models.image_size) == ("other", 32)
    assert talk.models.image_sizes == (128, 64, 32)


def test_a_model_that_comes_late_leaves_a_later_choice() -> None:
    talk = Talk("cpu")
    talk.models.choose("other")
    talk.models.choose("far")
    talk.answer()
    assert talk.models.loaded is not None
    assert (talk.models.loaded.name, talk.models.wanted) == ("other", "far")


# In the window


@pytest.fixture(autouse=True)
def _agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user lets clicks be computed again."""
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)


def rest(desk: Any, image_size: int | None = None) -> None:
    """Wait until no model is on its way and all is shown."""
    models = desk.controller.models
    desk.qtbot.waitUntil(lambda: not models.is_loading and not desk.panel.is_behind, timeout=20000)
    if image_size is not None:
        assert models.loaded.image_size == image_size


def test_a_quicker_size_is_offered_and_taken(desk: Any) -> None:
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    box = desk.panel.model
    assert not box.sizes.isVisible()
    assert not box.offer.isVisible()
    box.model_chosen.emit("other")
    rest(desk, 128)
    shown = [box.sizes.itemText(i) for i in range(box.sizes.count())]
    assert shown == ["128 px: full detail", "64 px: 7 times as fast"]
    assert box.sizes.currentIndex() == 0
    assert box.slow.isVisible()
    assert (box.quicker.text(), box.keep.text()) == ("Use 64 px", "Keep 128 px")
    box.quicker.click()
    rest(desk, 64)
    assert box.sizes.currentIndex() == 1
    assert not box.offer.isVisible()
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))
    assert len(desk.points.data) == 1
    box.sizes.activated.emit(0)
    rest(desk, 128)
    assert not box.offer.isVisible()


def test_full_detail_is_kept_without_loading_again(desk: Any) -> None:
    desk.panel.model.model_chosen.emit("other")
    rest(desk)
    desk.panel.model.keep.click()
    rest(desk)
    assert not desk.panel.model.offer.isVisible()
    assert desk.engine.loaded == [("near", "auto"), ("other", "auto")]


class FileEngine(OneThreadEngine):
    """The engine that ships, on a network of random weights that sees whole frames of 64 px."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def models(self) -> tuple[ModelChoice, ...]:
        return (ModelChoice(str(self._path), "Tiny", "cached", image_sizes=(64, 32)),)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileEngine:
    monkeypatch.setitem(PRESETS, "tiny_test", tiny_config())
    save_file(build_tiny_model().state_dict(), tmp_path / "tiny.safetensors")
    return FileEngine(tmp_path / "tiny.safetensors")


def test_work_goes_on_and_comes_back_at_the_other_size(
    open_desk: Callable[..., Any], engine: FileEngine
) -> None:
    desk = open_desk(WORLD.images, engine=engine, name="drawn")
    desk.click(0, *WORLD.centre(0, 1))
    desk.settle()
    desk.controller.review.lock(1, range(1), True)
    desk.settle()
    locked = np.array(desk.labels.data[0])
    desk.panel.model.quicker.click()
    rest(desk, 32)
    np.testing.assert_array_equal(desk.labels.data[0], locked)
    desk.track()
    desk.settle()
    labels = np.array(desk.labels.data)
    assert labels[1:].any()
    desk.panel.shut_down()
    desk.qtbot.waitUntil(lambda: bool(find_unsaved()))
    assert read_manifest(find_unsaved()[0].path).model.image_size == 32

    other = open_desk(WORLD.images, engine=engine, name="drawn")
    other.qtbot.waitUntil(other.panel.saving.offer.isVisible, timeout=10000)
    other.panel.saving.offer.restore.click()
    other.qtbot.waitUntil(lambda: bool(other.image_state.objects), timeout=20000)
    rest(other, 32)
    assert other.panel.model.sizes.currentText() == "32 px: 7 times as fast"
    np.testing.assert_array_equal(other.labels.data, labels)

"""What an official model sees of a frame is chosen in the panel and kept in the project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QMessageBox

from napari_sam2.io.project.manifest import read_manifest
from napari_sam2.plugin.inference.engine import LoadedModel
from napari_sam2.plugin.protocol.messages import ModelChoice
from tests.tracking.tiny import build_tiny_model

from .real_engines import OneThreadEngine

BOX = ((93, 93), (93, 107), (107, 107), (107, 93))  # of a cell that is tiny in the whole frame
ASK = "napari_sam2.plugin.widgets.saving_widgets.ask_where_to_save"


class OfficialEngine(OneThreadEngine):
    """A network of the official kind with random weights, which sees whole frames."""

    def models(self) -> tuple[ModelChoice, ...]:
        return (ModelChoice("tiny", "Tiny", "embedded", image_sizes=(64, 32)),)

    def load_model(self, name: str, device: str, image_size: int | None) -> LoadedModel:
        return LoadedModel(build_tiny_model(), "cpu", 64, (64, 32))


def movie() -> np.ndarray:
    frames = np.random.default_rng(0).integers(0, 40, (3, 256, 256)).astype(np.uint8)
    frames[:, 94:106, 94:106] = 220
    return frames


def choose(desk: Any, index: int) -> None:
    desk.panel.model.windows.activated.emit(index)
    models = desk.controller.models
    desk.qtbot.waitUntil(lambda: not models.is_loading and not desk.panel.is_behind)


def draw_box(desk: Any) -> None:
    """Draw a box around the tiny cell."""
    desk.qtbot.waitUntil(lambda: desk.shapes is not None)
    desk.shapes.add_rectangles(np.array([[[0, y, x] for y, x in BOX]]))
    desk.settle()


def test_the_choice_is_used_and_comes_back_with_the_project(
    open_desk: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.sam2"
    monkeypatch.setattr(ASK, lambda *_: path)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    desk = open_desk(movie(), engine=OfficialEngine())
    assert desk.controller.models.windows == "small", "automatic unless the user says otherwise"
    draw_box(desk)
    desk.panel.layout_parts.more.click()
    desk.qtbot.waitUntil(lambda: "a window" in desk.panel.input_preview.text.text())
    choose(desk, 1)
    desk.qtbot.waitUntil(lambda: "the whole image" in desk.panel.input_preview.text.text())
    choose(desk, 2)
    desk.qtbot.waitUntil(lambda: "a window" in desk.panel.input_preview.text.text())
    desk.panel.saving.box.save.click()
    desk.qtbot.waitUntil(lambda: desk.image_state.saving.is_saved)
    assert read_manifest(path).settings.windows == "auto"
    desk.panel.shut_down()
    other = open_desk(movie(), engine=OfficialEngine())
    other.panel.saving.open(path)
    other.qtbot.waitUntil(lambda: other.controller.models.windows == "auto")
    other.qtbot.waitUntil(lambda: other.panel.model.windows.currentIndex() == 2)

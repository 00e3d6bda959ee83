"""Small objects are looked for near where they were, where the user says so."""

from __future__ import annotations

from typing import Any

from napari_sam2.plugin.inference.engine import Sam2Engine
from tests.tracking.tiny import build_tiny_model


def rest(desk: Any) -> None:
    """Wait until no model is on its way and all is shown."""
    models = desk.controller.models
    desk.qtbot.waitUntil(lambda: not models.is_loading and not desk.panel.is_behind, timeout=20000)


def test_it_is_chosen_for_a_model_with_large_maps_and_stays(desk: Any) -> None:
    box, reaches = desk.panel.model, desk.engine.reaches
    assert not box.nearby.isVisible()
    box.model_chosen.emit("other")
    rest(desk)
    assert box.nearby.isVisible()
    assert not box.nearby.isChecked()
    box.nearby.click()
    desk.qtbot.waitUntil(lambda: reaches[-1] == ("other", True))
    rest(desk)
    assert box.nearby.isChecked()
    loaded = list(desk.engine.loaded)
    box.nearby.click()
    desk.qtbot.waitUntil(lambda: reaches[-1] == ("other", False))
    assert desk.engine.loaded == loaded, "nothing is loaded again"
    box.nearby.click()
    box.size_chosen.emit(64)
    desk.qtbot.waitUntil(lambda: len(desk.engine.loaded) > len(loaded))
    rest(desk)
    assert reaches[-1] == ("other", True)
    assert box.nearby.isChecked()


def test_the_engine_that_ships_tells_the_network() -> None:
    engine, model = Sam2Engine(), build_tiny_model()
    engine.set_memory_reach(model, True)
    assert model.config.memory_reach == "local"
    engine.set_memory_reach(model, False)
    assert model.config.memory_reach == "whole"

"""Small objects are looked for near where they were, where the user says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_sam2.plugin.inference.engine import Sam2Engine
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import build_tiny_model

from .world import disc_centre


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


def test_the_view_is_chosen_for_a_model_that_can_see_whole_frames(desk: Any) -> None:
    box, models = desk.panel.model, desk.controller.models
    assert not box.windows.isVisible()
    box.model_chosen.emit("other")
    rest(desk)
    assert box.windows.isVisible()
    assert desk.engine.windowed == [("other", "small")], "tiny cells get windows by themselves"
    assert not models.offers_windows
    for index, windows in ((1, "whole"), (2, "auto")):
        box.windows.activated.emit(index)
        rest(desk)
        assert desk.engine.windowed[-1] == ("other", windows)
        assert box.windows.currentIndex() == index
        assert models.offers_windows == (windows == "whole")


def test_a_model_with_windows_of_its_own_has_no_choice(desk: Any) -> None:
    models = desk.controller.models
    desk.panel.model.model_chosen.emit("other")
    rest(desk)
    desk.panel.model.model_chosen.emit(models.choices[0].name)
    rest(desk)
    assert models.loaded.windows is None
    assert not desk.panel.model.windows.isVisible()


@pytest.mark.parametrize("windows", ["auto", "small", "whole"])
def test_the_engine_that_ships_tells_the_network_what_to_see(windows: str) -> None:
    engine, model = Sam2Engine(), build_tiny_model()
    engine.use_windows(model, windows)
    assert Tracker(model, np.zeros((1, 80, 80))).settings["windows"] == windows


def test_a_tiny_cell_is_noticed(desk: Any) -> None:
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.qtbot.waitUntil(lambda: 1 in desk.image_state.timelines)
    area, side = (desk.labels.data[0] == 1).sum(), max(desk.labels.data.shape[1:])
    width = 2 * np.sqrt(area / np.pi)
    assert width < 16, "else this cell is never tiny"
    assert desk.image_state.is_tiny(0, side - 1)
    assert not desk.image_state.is_tiny(0, side), "the model does not shrink the image"
    desk.image_state.timelines[1].measurements["area"].values[0] = (16 * side) ** 2
    assert not desk.image_state.is_tiny(0, side - 1)


def test_the_engine_that_ships_tells_the_network() -> None:
    engine, model = Sam2Engine(), build_tiny_model()
    engine.set_memory_reach(model, True)
    assert model.config.memory_reach == "local"
    engine.set_memory_reach(model, False)
    assert model.config.memory_reach == "whole"

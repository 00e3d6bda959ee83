"""Choosing, downloading and changing the model."""

import threading

import numpy as np
import pytest
from qtpy.QtWidgets import QMessageBox

from napari_sam2.model.registry import EMBEDDED, REGISTRY
from napari_sam2.plugin.protocol.messages import ModelChoice
from napari_sam2.plugin.widgets.model_box import about_text

from .world import ThresholdEngine, disc, disc_centre, movie


def choose(desk, title):
    menu = desk.panel.model.models
    index = next(i for i in range(menu.count()) if menu.itemText(i).startswith(title))
    menu.setCurrentIndex(index)
    menu.activated.emit(index)


def test_first_model_is_loaded_at_the_start(desk):
    assert desk.engine.loaded == [("near", "auto")]
    assert desk.panel.model.models.currentText() == "Near (built in)"


def test_menu_tells_what_has_to_be_downloaded(desk):
    menu = desk.panel.model.models
    titles = [menu.itemText(i) for i in range(menu.count())]
    assert titles == ["Near (built in)", "Other", "Far – download 156 MB", "Model from file…"]


def test_each_model_has_a_line_about_its_use_size_and_speed():
    tiny = ModelChoice("sam2.1_tiny", "SAM 2.1 tiny", "missing", 156_008_466)
    assert (
        about_text(tiny, None)
        == "Cells and anything else; the quickest of the official models. 156 MB."
    )
    cells = ModelChoice("cells", "cells (built in)", "embedded")
    assert about_text(cells, 8.31).endswith("download. 8.3 frames/s in the last run.")
    assert about_text(ModelChoice("a.pt", "mine", "taught"), None) == "Taught with your own cells."
    assert all(about_text(ModelChoice(name, "", ""), None) for name in (EMBEDDED, *REGISTRY))
    assert about_text(ModelChoice("sam2_large", "", ""), None).endswith("; an earlier version.")


def test_the_speed_of_a_run_is_noted(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.track()
    assert desk.controller.models.speeds["near"] > 0


def test_a_missing_model_is_downloaded_and_loaded(desk):
    choose(desk, "Far")
    desk.qtbot.waitUntil(desk.panel.model.download.isVisible)
    assert desk.panel.model.download.text() == "Download 156 MB"
    assert desk.engine.loaded == [("near", "auto")]
    desk.panel.model.download.click()
    desk.qtbot.waitUntil(lambda: ("far", "auto") in desk.engine.loaded)
    desk.qtbot.waitUntil(lambda: desk.panel.model.models.currentText() == "Far")
    assert not desk.panel.model.download.isVisible()


def test_clicks_are_answered_during_a_download(open_desk):
    class SlowEngine(ThresholdEngine):
        may_end = threading.Event()

        def download(self, name, progress):
            progress(1_000_000, 2_000_000)
            self.may_end.wait(20)
            super().download(name, progress)

    desk = open_desk(movie(), engine=SlowEngine())
    choose(desk, "Far")
    desk.qtbot.waitUntil(desk.panel.model.download.isVisible)
    desk.panel.model.download.click()
    desk.qtbot.waitUntil(lambda: desk.panel.model.progress.format() == "1 MB of 2 MB")
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.engine.may_end.set()
    desk.qtbot.waitUntil(lambda: ("far", "auto") in desk.engine.loaded)
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


def test_a_failed_download_is_told(open_desk, notifications):
    class OfflineEngine(ThresholdEngine):
        def download(self, name, progress):
            raise ConnectionError("could not download far: check the connection")

    desk = open_desk(movie(), engine=OfflineEngine())
    choose(desk, "Far")
    desk.qtbot.waitUntil(desk.panel.model.download.isVisible)
    desk.panel.model.download.click()
    desk.qtbot.waitUntil(lambda: len(notifications.messages) == 1)
    assert "check the connection" in notifications.only()
    desk.qtbot.waitUntil(desk.panel.model.download.isVisible)


def test_a_file_that_is_no_checkpoint_leaves_the_model(desk, notifications, monkeypatch):
    dialog = "napari_sam2.plugin.widgets.model_box.QFileDialog.getOpenFileName"
    monkeypatch.setattr(dialog, lambda *args: ("/nowhere/weights.pt", ""))
    choose(desk, "Model from file")
    desk.qtbot.waitUntil(lambda: len(notifications.messages) == 1)
    assert "no checkpoint at /nowhere/weights.pt" in notifications.only()
    desk.qtbot.waitUntil(lambda: desk.panel.model.models.currentText() == "Near (built in)")
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


@pytest.mark.parametrize("agrees", [True, False])
def test_another_model_computes_the_clicks_again_if_the_user_agrees(desk, monkeypatch, agrees):
    answer = QMessageBox.StandardButton.Yes if agrees else QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *args: answer)
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    choose(desk, "Other")
    expected = [("near", "auto"), ("other", "auto")] if agrees else [("near", "auto")]
    desk.qtbot.waitUntil(lambda: desk.engine.loaded == expected)
    desk.qtbot.waitUntil(lambda: not desk.controller.models.is_loading)
    desk.qtbot.wait(50)
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))
    assert len(desk.points.data) == 1
    assert desk.panel.model.models.currentText() == ("Other" if agrees else "Near (built in)")


def test_device_menu_lists_what_there_is(desk):
    menu = desk.panel.model.devices
    assert [menu.itemText(i) for i in range(menu.count())] == ["Automatic: CPU", "CPU"]
    menu.activated.emit(1)
    desk.qtbot.waitUntil(lambda: desk.engine.loaded[-1] == ("near", "cpu"))


def test_the_window_lives_while_a_model_loads(open_desk):
    class SlowEngine(ThresholdEngine):
        may_load = threading.Event()

        def load_model(self, name, device, image_size):
            self.may_load.wait(20)
            return super().load_model(name, device, image_size)

    engine = SlowEngine()
    desk = open_desk(engine=engine)
    desk.viewer.add_image(movie())
    desk.viewer.dims.set_current_step(0, 0)
    desk.qtbot.waitUntil(lambda: "already click" in desk.panel.status.text.text())
    desk.click(0, *disc_centre(0, 0))
    assert len(desk.points.data) == 1
    engine.may_load.set()
    desk.settle()
    desk.qtbot.waitUntil(lambda: desk.labels is not None)
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))

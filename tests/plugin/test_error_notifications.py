"""What went wrong is told in words, and kept for a report."""

import logging

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication

from napari_sam2.plugin.startup import log_file
from napari_sam2.plugin.startup.error_notifications import show_error

from .world import ThresholdEngine, disc_centre, movie


@pytest.fixture
def log(monkeypatch, tmp_path):
    path = tmp_path / "log" / "napari-sam2.log"
    monkeypatch.setattr(log_file, "log_path", lambda: path)
    return path


def test_an_error_has_its_story_on_the_clipboard_for_a_report(qapp, monkeypatch):
    told = []
    monkeypatch.setattr(notification_manager, "dispatch", told.append)
    show_error("the frame cannot be read", "Traceback: disk gone")
    ((text, copy),) = told[0].actions
    copy(None)
    copied = QApplication.clipboard().text()
    assert text == "Copy details"
    assert copied.startswith("the frame cannot be read\nnapari-sam2 ")
    assert copied.endswith("Traceback: disk gone")


def test_two_widgets_share_the_log_and_the_last_one_closes_it(log):
    log_file.open_log()
    log_file.open_log()
    logging.getLogger("napari_sam2.plugin.inference.thread").error("tracking failed")
    log_file.close_log()
    logging.getLogger("napari_sam2.plugin.inference.thread").error("again")
    log_file.close_log()
    logging.getLogger("napari_sam2.plugin.inference.thread").error("nobody listens")
    lines = log.read_text().splitlines()
    assert [line.split(": ")[1] for line in lines] == ["tracking failed", "again"]


def test_the_log_does_not_grow_for_ever(log, monkeypatch):
    monkeypatch.setattr(log_file, "FILE_BYTES", 200)
    log_file.open_log()
    for _ in range(50):
        logging.getLogger("napari_sam2").error("x" * 50)
    log_file.close_log()
    assert len(list(log.parent.iterdir())) == 1 + log_file.OLD_FILES


def test_without_a_folder_for_logs_there_is_none(log):
    log.parent.write_text("a file where the folder should be")
    log_file.open_log()
    log_file.close_log()
    assert log.parent.is_file()


def test_a_failure_reaches_the_user_once_and_the_log_with_its_traceback(
    open_desk, monkeypatch, log
):
    told = []
    monkeypatch.setattr(notification_manager, "dispatch", told.append)
    engine = ThresholdEngine()

    def break_down(t):
        raise RuntimeError("the network has no more ideas")

    engine._on_step = break_down
    desk = open_desk(movie(), engine=engine)
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.track()
    desk.qtbot.waitUntil(lambda: bool(told))
    assert [notice.message for notice in told] == ["RuntimeError: the network has no more ideas"]
    assert "in break_down" in log.read_text()

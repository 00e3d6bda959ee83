"""The panel shows seven controls to a beginner; “More” and the situation show the others."""

import numpy as np
import pytest
from qtpy.QtWidgets import QAbstractButton, QAbstractSlider, QApplication, QComboBox, QSpinBox

from napari_sam2.io.window_settings import WindowSettings, read_window_settings
from napari_sam2.plugin.protocol.messages import EXCLUDE
from napari_sam2.plugin.startup.error_notifications import show_error, show_warning

from .world import disc_centre, movie

CONTROLS = (QAbstractButton, QComboBox, QSpinBox, QAbstractSlider)


@pytest.fixture
def clicked(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    return desk


@pytest.fixture
def drawn(clicked):
    """Waits until all changes are drawn."""

    def drawn() -> None:
        clicked.qtbot.waitUntil(lambda: not clicked.panel.is_behind)

    return drawn


def controls(panel) -> list[str]:
    """Texts of the visible controls of the panel, without scroll bars and those of the table."""
    found = []
    for kind in CONTROLS:
        for one in panel.findChildren(kind):
            is_inside = panel.review.table.isAncestorOf(one) or "qt_" in one.objectName()
            if one.isVisible() and not is_inside and type(one).__name__ != "QScrollBar":
                found.append(one.text() if isinstance(one, QAbstractButton) else type(one).__name__)
    return sorted(found)


def press_more(desk) -> None:
    desk.panel.layout_parts.more.click()
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)


def test_a_beginner_sees_seven_controls_find_more_and_help(clicked):
    seven = ("QComboBox", "Next (N)", "Track (K)", "Undo", "Export…", "Save project")  # and the tip
    assert controls(clicked.panel) == sorted([*seven, "Find cells (F)", "More", "?"])


def test_more_shows_all_controls_and_is_remembered(open_desk):
    desk = open_desk(movie())
    assert not desk.panel.model.isVisible()
    press_more(desk)
    for part in (desk.panel.model, desk.panel.input_preview, desk.panel.review.box):
        desk.qtbot.waitUntil(part.isVisible)
    assert {"×", "Redo", "Stop at locks", "Follow", "Many movies…"} <= set(controls(desk.panel))
    other = open_desk(movie())
    other.qtbot.waitUntil(other.panel.model.isVisible)
    press_more(other)
    assert read_window_settings() == WindowSettings(shows_more=False)


def test_settings_that_are_damaged_are_as_at_first(desk, monkeypatch):
    monkeypatch.setattr("napari_sam2.io.window_settings.read_kept", lambda name: ["nonsense"])
    assert read_window_settings() == WindowSettings()


def test_labels_of_another_tool_show_how_to_import_them(clicked, drawn):
    assert not clicked.panel.import_box.isVisible()
    layer = clicked.viewer.add_labels(np.zeros((2, 2), np.uint8))
    clicked.qtbot.waitUntil(clicked.panel.import_box.isVisible)
    layer.visible = False
    clicked.controller.activate_clicks()
    drawn()
    assert not clicked.panel.import_box.isVisible()


def test_options_of_tracking_that_differ_stay_in_sight(clicked, drawn):
    track = clicked.panel.track
    assert not track.frames.isVisible()
    track.frames.setValue(3)
    clicked.controller.changed.emit()
    drawn()
    assert track.frames.isVisible()
    assert not track.follow.isVisible()


def test_exclude_and_redo_are_shown_while_they_matter(clicked, drawn):
    box, document = clicked.panel.object, clicked.panel.document
    clicked.controller.choose_sign(EXCLUDE)
    drawn()
    assert box.include.isVisible()
    clicked.controller.toggle_sign()
    clicked.controller.review.undo()
    clicked.qtbot.waitUntil(document.redo.isVisible)
    assert not box.include.isVisible()


def test_an_empty_viewer_offers_to_open_something(open_desk):
    desk = open_desk()
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    start = desk.panel.saving.start
    assert start.isVisible()
    assert start.movie.text() == "Open…"
    assert not start.recent.isEnabled()
    desk.viewer.add_image(movie())
    desk.qtbot.waitUntil(lambda: not start.isVisible())


# Messages


def test_a_message_is_shown_whole_above_the_tip_until_it_is_closed(clicked, drawn):
    message = clicked.panel.status.message
    reason = "Locked frames were left as they are: unlock them before you track again."
    show_warning(reason)
    drawn()
    assert message.text.text() == reason
    assert not message.copy.isVisible()
    message.close_button.click()
    drawn()
    assert not message.isVisible()


def test_an_error_copies_its_details(clicked, drawn):
    show_error("The frame cannot be read.", "Traceback: the disk is gone")
    drawn()
    clicked.panel.status.message.copy.click()
    copied = QApplication.clipboard().text()
    assert copied.startswith("The frame cannot be read.")
    assert copied.endswith("Traceback: the disk is gone")


def test_a_message_goes_when_the_user_goes_on(clicked, drawn, monkeypatch):
    monkeypatch.setattr("napari_sam2.plugin.window.told.LEAST_SHOWN_S", -1.0)
    show_warning("There is nothing to exclude yet.")
    drawn()
    assert clicked.panel.status.message.isVisible()
    clicked.click(0, *disc_centre(1, 0))
    clicked.settle()
    assert not clicked.panel.status.message.isVisible()


def test_undo_shows_the_frame_that_it_changes(clicked):
    clicked.go_to(3)
    clicked.controller.review.undo()
    clicked.qtbot.waitUntil(lambda: clicked.controller.view.frame == 0)
    clicked.go_to(2)
    clicked.controller.review.redo()
    clicked.qtbot.waitUntil(lambda: clicked.controller.view.frame == 0)

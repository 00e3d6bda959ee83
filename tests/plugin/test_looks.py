"""The widget fits where it is put, and says what to do where there is nothing to show."""

from itertools import pairwise

import pytest
from qtpy.QtWidgets import QScrollArea, QWidget

pytestmark = pytest.mark.real_window

DOCK_WIDTH, LOW_SCREEN = 320, 600


def test_the_widget_fits_a_narrow_dock_on_a_low_screen(desk):
    (area,) = (area for area in desk.panel.children() if isinstance(area, QScrollArea))
    content = area.widget().minimumSizeHint()
    assert content.width() < desk.panel.minimumSizeHint().width() <= DOCK_WIDTH
    assert desk.panel.minimumSizeHint().height() <= LOW_SCREEN < content.height()


def test_nothing_lies_on_something_else_when_there_is_little_room(desk):
    desk.viewer.window.resize(800, LOW_SCREEN)
    (area,) = (area for area in desk.panel.children() if isinstance(area, QScrollArea))
    parts = [part for part in area.widget().children() if isinstance(part, QWidget)]

    def lie_side_by_side() -> bool:
        shown = sorted((part for part in parts if part.isVisible()), key=lambda part: part.y())
        return all(part.height() >= part.minimumSizeHint().height() for part in shown) and all(
            above.geometry().bottom() < below.y() for above, below in pairwise(shown)
        )

    desk.qtbot.waitUntil(lie_side_by_side)


def test_an_empty_viewer_says_how_to_begin(open_desk):
    desk = open_desk()
    desk.qtbot.waitUntil(lambda: desk.controller.models.loaded is not None)
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    assert desk.panel.status.text.text() == "Open a movie or an image to begin."
    assert not desk.panel.track.button.isEnabled()
    assert not desk.panel.input_preview.isVisible()
    assert not desk.panel.import_box.isVisible()

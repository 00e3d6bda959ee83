"""The widget fits where it is put, and says what to do where there is nothing to show."""

from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtWidgets import QWidget

from .hands import canvas_of
from .world import disc_centre

DOCK_WIDTH, LOW_SCREEN = 320, 600
SMALL_SCREEN = (1280, 800)
EDGE = 8  # pixels between a dock and the canvas


@pytest.mark.real_window
def test_table_undo_export_and_save_are_in_view_after_tracking_on_a_small_screen(desk):
    window = desk.viewer.window._qt_window
    window.resize(*SMALL_SCREEN)
    desk.qtbot.wait(100)  # the canvas gets its new size
    desk.viewer.reset_view()
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.track()
    panel, lanes = desk.panel, desk.panel.review.lanes
    desk.qtbot.waitUntil(lambda: lanes.is_docked and not panel.is_behind)
    desk.qtbot.wait(300)  # docks and canvas take their places
    assert (window.width(), window.height()) == SMALL_SCREEN
    for widget in (panel.review.table, panel.document.undo, panel.document.export):
        assert is_whole(widget), widget
    assert is_whole(panel.saving.box.save)
    assert not panel.layout_parts.area.verticalScrollBar().isVisible()
    canvas = canvas_of(desk.viewer)
    left = canvas.mapTo(window, canvas.rect().topLeft()).x()
    dock = lanes.parentWidget()
    place = dock.mapTo(window, dock.rect().topLeft()).x()
    assert left <= place + EDGE
    assert place + dock.width() <= left + canvas.width() + EDGE
    assert dock.height() <= SMALL_SCREEN[1] // 4
    desk.qtbot.waitUntil(lambda: desk.controller.view.is_fitted)


@pytest.mark.real_window
def test_a_new_image_is_whole_in_view_though_a_dock_widens(open_desk):
    desk = open_desk()
    desk.viewer.window._qt_window.resize(*SMALL_SCREEN)
    desk.qtbot.wait(100)
    desk.viewer.add_image(np.zeros((2, 700, 1100), np.uint8))
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
    desk.qtbot.waitUntil(lambda: desk.controller.view.is_fitted)


@pytest.mark.real_window
def test_a_view_that_was_moved_meanwhile_stays(open_desk):
    desk = open_desk()
    desk.viewer.add_image(np.zeros((2, 700, 1100), np.uint8))
    camera = getattr(desk.viewer, "scene", desk.viewer).camera
    camera.zoom = 3.0
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
    desk.qtbot.wait(200)
    assert camera.zoom == 3.0


def is_whole(widget) -> bool:
    """Whether nothing covers or cuts a widget."""
    return widget.isVisible() and widget.visibleRegion().boundingRect() == widget.rect()


@pytest.mark.real_window
def test_all_controls_fit_a_narrow_dock_on_a_low_screen_and_lie_side_by_side(desk):
    desk.panel.layout_parts.more.click()
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    content = desk.panel.layout_parts.area.widget().minimumSizeHint()
    assert content.width() < desk.panel.minimumSizeHint().width() <= DOCK_WIDTH
    assert desk.panel.minimumSizeHint().height() <= LOW_SCREEN < content.height()
    desk.viewer.window.resize(800, LOW_SCREEN)
    parts = [
        part
        for part in desk.panel.layout_parts.area.widget().children()
        if isinstance(part, QWidget)
    ]

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

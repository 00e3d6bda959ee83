"""The widget fits where it is put, and says what to do where there is nothing to show."""

from qtpy.QtWidgets import QApplication, QScrollArea, QStyle

DOCK_WIDTH, LOW_SCREEN = 320, 600


def test_the_widget_fits_a_narrow_dock_on_a_low_screen(desk):
    (area,) = (area for area in desk.panel.children() if isinstance(area, QScrollArea))
    bar = QApplication.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
    assert area.widget().minimumSizeHint().width() + bar <= DOCK_WIDTH
    assert desk.panel.minimumSizeHint().height() <= LOW_SCREEN


def test_an_empty_viewer_says_how_to_begin(open_desk):
    desk = open_desk()
    desk.qtbot.waitUntil(lambda: desk.controller.models.loaded is not None)
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    assert desk.panel.status.text.text() == "Open a movie or an image to begin."
    assert not desk.panel.track.button.isEnabled()
    assert not desk.panel.eyes.isVisible()
    assert not desk.panel.adopt.isVisible()

"""The tips of the tour, with a button that skips it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_sam2.plugin.startup.error_notifications import show_info
from napari_sam2.plugin.widgets.form import SPACING, button
from napari_sam2.plugin.window.tour import END, Deeds, Tour

if TYPE_CHECKING:
    from napari_sam2.plugin.window.controller import Controller


class TourBox(QWidget):
    """Shows the tip of the tour that waits for the user; hidden while there is no tour.

    Parameters
    ----------
    controller : Controller
        State of the window.
    on_end : callable
        Called once the tour was taken or skipped.
    """

    def __init__(
        self, controller: Controller, on_end: Callable[[], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._controller = controller
        self._on_end = on_end
        self._tour = Tour(self._end)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        font = self.text.font()
        font.setBold(True)
        self.text.setFont(font)
        self.skip = button("Skip", "End the tour; it does not begin again by itself")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.text, stretch=1)
        layout.addWidget(self.skip, alignment=Qt.AlignmentFlag.AlignTop)
        self.skip.clicked.connect(self._tour.skip)
        self.hide()

    def start(self) -> None:
        """Begin the tour."""
        self._tour.start()
        self._controller.changed.emit()

    def render_state(self) -> None:
        """Show the tip that waits for the user."""
        image_state = self._controller.image_state
        if image_state is not None and self._tour.text is not None:
            frame = self._controller.view.frame
            self._tour.look(Deeds(len(image_state.objects), image_state.is_tracked, frame))
        text = self._tour.text
        self.setVisible(text is not None)
        self.text.setText(text or "")

    def _end(self, was_taken: bool) -> None:
        self._on_end()
        if was_taken:
            show_info(END)
        self._controller.changed.emit()

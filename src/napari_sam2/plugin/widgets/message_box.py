"""The last message to the user, whole, with its details for a bug report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_sam2.plugin.startup.error_notifications import copy_report
from napari_sam2.plugin.widgets.form import SPACING, button

if TYPE_CHECKING:
    from napari_sam2.plugin.startup.error_notifications import PanelNotification

EDGES = {"error": "#d55e00", "warning": "#e69f00", "info": "#56b4e9"}


class MessageBox(QWidget):
    """A message with a coloured edge, and buttons to copy its details and to close it.

    Signals
    -------
    dismissed()
        The user closed the message.
    """

    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.copy = button("Copy", "Copy the message and its details for a bug report")
        self.close_button = button("×", "Close this message")
        self.close_button.setFixedWidth(28)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.text, stretch=1)
        for one in (self.copy, self.close_button):
            layout.addWidget(one, alignment=Qt.AlignmentFlag.AlignTop)
        self._shown: PanelNotification | None = None
        self.copy.clicked.connect(self._copy)
        self.close_button.clicked.connect(self.dismissed)
        self.hide()

    def show_message(self, notice: PanelNotification | None) -> None:
        """Show a message; None hides the widget."""
        self.setVisible(notice is not None)
        if notice is None or notice is self._shown:
            return
        self._shown = notice
        severity = str(notice.severity).lower()
        edge = EDGES.get(severity, EDGES["info"])
        self.text.setStyleSheet(f"QLabel {{ border-left: 3px solid {edge}; padding-left: 5px; }}")
        self.text.setText(notice.message)
        self.copy.setVisible(severity == "error")

    def _copy(self) -> None:
        if self._shown is not None:
            copy_report(self._shown.message, self._shown.details)

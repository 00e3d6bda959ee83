"""The status line: the last message, a tip about the next step, and a button that does it."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_sam2.plugin.widgets.form import SPACING, button
from napari_sam2.plugin.widgets.message_box import MessageBox


class StatusLine(QWidget):
    """A wrapped line of text with an optional action button and a help button, below a message.

    Signals
    -------
    action_asked()
        The user pressed the action button.
    help_asked()
        The user pressed the help button.
    """

    action_asked = Signal()
    help_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.text.setMinimumHeight(2 * self.text.fontMetrics().lineSpacing() + 4)
        self.message = MessageBox()
        self.button = button("")
        self.button.clicked.connect(self.action_asked)
        self.help = button("?", "All keys and clicks (?)")
        self.help.setFixedWidth(28)
        self.help.clicked.connect(self.help_asked)
        line = QHBoxLayout()
        line.addWidget(self.text, stretch=1)
        line.addWidget(self.help, alignment=Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.message)
        layout.addLayout(line)
        layout.addWidget(self.button)

    def show_tip(self, text: str, action: str | None = None) -> None:
        """Show a tip; show the button if `action` gives its text."""
        self.text.setText(text)
        self.button.setVisible(action is not None)
        self.button.setText(action or "")

"""The review of a random sample of masks."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_sam2.plugin.widgets.form import SPACING, button, row


class SampleBox(QWidget):
    """A button that draws a sample, and two for the verdict on each of its masks.

    Signals
    -------
    sample_asked(), right_asked(), wrong_asked()
        The user pressed a button.
    """

    sample_asked = Signal()
    right_asked = Signal()
    wrong_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sample = button(
            "Judge a sample",
            "See 50 masks drawn at random, and say whether each is right: this tells how many "
            "wrong masks are left in the movie. Press again to end earlier",
        )
        self.sample.setCheckable(True)
        self.right = button("Good (G)", "The outline is right: mark it as reviewed")
        self.wrong = button("Wrong (W)", "The outline is wrong; you can correct it later")
        self.text = QLabel()
        self.text.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(row(self.sample, self.right, self.wrong))
        layout.addWidget(self.text)
        self.sample.clicked.connect(self.sample_asked)
        self.right.clicked.connect(self.right_asked)
        self.wrong.clicked.connect(self.wrong_asked)
        self.show_sample("", is_on=False)

    def show_sample(self, text: str, *, is_on: bool) -> None:
        """Show what is being judged, or what the last sample told."""
        self.sample.setChecked(is_on)
        for verdict in (self.right, self.wrong):
            verdict.setVisible(is_on)
        self.text.setText(text)
        self.text.setVisible(bool(text))

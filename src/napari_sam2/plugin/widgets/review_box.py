"""How far the review has come, and its keys as buttons."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from napari_sam2.plugin.widgets.form import SPACING, button, row


class ReviewBox(QWidget):
    """Goes through doubtful frames, accepts, locks and divides.

    Signals
    -------
    previous_asked(), next_asked(), accept_asked(), lock_asked(), divide_asked()
        The user pressed a button.
    """

    previous_asked = Signal()
    next_asked = Signal()
    accept_asked = Signal()
    lock_asked = Signal()
    divide_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.previous = button("‹ ([)", "Back to a more doubtful frame")
        self.next = button(
            "Next doubtful (])", "The most doubtful frame that nobody has accepted yet comes first"
        )
        self.accept = button("Accept (C)", "The current object is right on the shown frame")
        self.lock = button(
            "Lock (L)", "Tracking never changes the current object on the shown frame"
        )
        self.divide = button(
            "Divide (D)", "The current object ends before the shown frame and two daughters begin"
        )
        self.lanes = button("Lanes", "One lane per object: where it is, how good, where to look")
        self.lanes.setCheckable(True)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.progress)
        layout.addWidget(row(self.previous, self.next, self.accept))
        layout.addWidget(row(self.lock, self.divide, self.lanes))

    def _connect(self) -> None:
        self.previous.clicked.connect(self.previous_asked)
        self.next.clicked.connect(self.next_asked)
        self.accept.clicked.connect(self.accept_asked)
        self.lock.clicked.connect(self.lock_asked)
        self.divide.clicked.connect(self.divide_asked)

    def show_progress(self, reviewed: int, doubtful: int) -> None:
        """Say how many of the doubtful frames are accepted."""
        self.progress.setRange(0, max(1, doubtful))
        self.progress.setValue(reviewed if doubtful else 0)
        self.progress.setFormat(progress_text(reviewed, doubtful))
        for widget in (self.previous, self.next):
            widget.setEnabled(reviewed < doubtful)

    def show_place(
        self,
        *,
        can_accept: bool,
        is_accepted: bool,
        can_lock: bool,
        is_locked: bool,
        can_divide: bool,
    ) -> None:
        """Say what the buttons would do to the current object on the shown frame."""
        self.accept.setEnabled(can_accept)
        self.lock.setEnabled(can_lock)
        self.divide.setEnabled(can_divide)
        self.accept.setText("Accepted (C)" if is_accepted else "Accept (C)")
        self.lock.setText("Unlock (L)" if is_locked else "Lock (L)")


def progress_text(reviewed: int, doubtful: int) -> str:
    """Progress as the user reads it."""
    if not doubtful:
        return "no doubtful frames"
    return f"{reviewed} of {doubtful} doubtful frames reviewed"

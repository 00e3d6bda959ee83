"""The progress of the review, and its keys as buttons."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_sam2.plugin.widgets.form import SPACING, button, row


class ReviewBox(QWidget):
    """Buttons to go through doubtful frames, mark them as reviewed, lock and divide.

    Signals
    -------
    previous_asked(), next_asked(), accept_asked(), lock_asked(), divide_asked(), verify_asked()
        The user pressed a button.
    """

    previous_asked = Signal()
    next_asked = Signal()
    accept_asked = Signal()
    lock_asked = Signal()
    divide_asked = Signal()
    verify_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.outlook, self.reason = QLabel(), QLabel()
        for label in (self.outlook, self.reason):
            label.setWordWrap(True)
            label.hide()
        self.previous = button("‹ ([)", "Go back to the doubtful frame before")
        self.next = button(
            "Next doubtful (])",
            "Go to the next doubtful frame that is not reviewed, the worst first",
        )
        self.accept = button(
            "Reviewed (C)",
            "Mark the current cell as reviewed on the shown frame; press again to take it back",
        )
        self.accept.setCheckable(True)
        self.lock = button(
            "Lock (L)",
            "Lock or unlock the current cell on the shown frame; tracking keeps locked masks",
        )
        self.divide = button(
            "Divide (D)",
            "On the first frame with two cells: press D and click each daughter. "
            "With two cells selected in the table: makes them daughters of the cell before",
        )
        self.lanes = button(
            "Lanes", "Show a lane for each cell: where it has masks, and which frames are doubtful"
        )
        self.lanes.setCheckable(True)
        self.divisions = button(
            "Possible divisions",
            "Look for cells that may have divided; ] and [ go through them, D takes one, "
            "Shift+D declines it",
        )
        self.divisions.setCheckable(True)
        self.tracks = button(
            "Tracks layer", "Show the paths and families of all cells in a Tracks layer of napari"
        )
        self.tracks.setCheckable(True)
        self.verify = button(
            "Verify",
            "Track every cell back from its end and compare: where the outlines differ, a mask is "
            "doubtful. Takes about as long as tracking; no outline changes",
        )
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.progress)
        layout.addWidget(self.outlook)
        layout.addWidget(self.reason)
        layout.addWidget(row(self.previous, self.next, self.accept))
        layout.addWidget(row(self.lock, self.divide, self.lanes))
        layout.addWidget(row(self.divisions, self.tracks, self.verify))

    def _connect(self) -> None:
        self.previous.clicked.connect(self.previous_asked)
        self.next.clicked.connect(self.next_asked)
        self.accept.clicked.connect(self.accept_asked)
        self.lock.clicked.connect(self.lock_asked)
        self.divide.clicked.connect(self.divide_asked)
        self.verify.clicked.connect(self.verify_asked)

    def show_progress(self, reviewed: int, doubtful: int) -> None:
        """Show how many doubtful frames are reviewed."""
        self.progress.setRange(0, max(1, doubtful))
        self.progress.setValue(reviewed if doubtful else 0)
        self.progress.setFormat(progress_text(reviewed, doubtful))
        for widget in (self.previous, self.next):
            widget.setEnabled(reviewed < doubtful)

    def show_outlook(self, outlook: str, reason: str) -> None:
        """Show what a look at the doubtful frames is worth, and why this frame is doubtful."""
        for label, text in ((self.outlook, outlook), (self.reason, reason)):
            label.setText(text)
            label.setVisible(bool(text))

    def show_divisions(self, proposals: Sequence[object] | None) -> None:
        """Show how many possible divisions are left to decide; None if they are not shown."""
        self.divisions.setChecked(proposals is not None)
        count = "" if proposals is None else f" ({len(proposals)})"
        self.divisions.setText(f"Possible divisions{count}")

    def show_place(
        self,
        *,
        can_accept: bool,
        is_accepted: bool,
        can_lock: bool,
        is_locked: bool,
        can_divide: bool,
    ) -> None:
        """Show the marks of the current object on the shown frame, and what can be changed."""
        self.accept.setEnabled(can_accept)
        self.lock.setEnabled(can_lock)
        self.divide.setEnabled(can_divide)
        self.accept.setChecked(is_accepted)
        self.lock.setText("Unlock (L)" if is_locked else "Lock (L)")


def progress_text(reviewed: int, doubtful: int) -> str:
    """Text of the progress bar."""
    if not doubtful:
        return "no doubtful frames"
    return f"{reviewed} of {doubtful} doubtful frames reviewed"

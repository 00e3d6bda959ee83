"""The review of whole cells: the mode, its verdicts and the name of the person."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_sam2.plugin.widgets.form import SPACING, button, label, row


class VerdictBox(QWidget):
    """Buttons of the review of whole cells; those for verdicts show while it is on.

    Signals
    -------
    mode_asked(), refine_asked(), effort_asked()
        The user pressed one of the upper buttons.
    satisfactory_asked(), unsatisfactory_asked(), rejection_asked(), play_asked()
        The user pressed a button of the review mode.
    name_chosen(str)
        The user typed the name for verdicts.
    """

    mode_asked = Signal()
    refine_asked = Signal()
    effort_asked = Signal()
    satisfactory_asked = Signal()
    unsatisfactory_asked = Signal()
    rejection_asked = Signal()
    play_asked = Signal()
    name_chosen = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mode = button(
            "Review cells (Shift+R)",
            "Play each cell once, its doubtful frames first, and judge it with one key",
        )
        self.mode.setCheckable(True)
        self.refine = button("To refine", "Go to the next cell that was judged as not satisfactory")
        self.effort = button("Effort…", "Show how much time and how many corrections this took")
        self.place = QLabel()
        self.place.setWordWrap(True)
        self.satisfactory = button("Good (G)", "The cell is right on every frame")
        self.unsatisfactory = button("Wrong (W)", "The cell is not right yet: put it on the list")
        self.rejection = button("Reject (J)", "This is no cell to measure: leave it out of exports")
        self.play = button("Play (Q)", "Play the cell again; while it plays, pause")
        self.name = QLineEdit(name)
        self.name.setToolTip("Verdicts are recorded under this name")
        self.verdicts = QWidget()
        self._lay_out()
        self._connect()
        self.verdicts.hide()

    def _lay_out(self) -> None:
        inner = QVBoxLayout(self.verdicts)
        layout = QVBoxLayout(self)
        for one in (inner, layout):
            one.setContentsMargins(0, 0, 0, 0)
            one.setSpacing(SPACING)
        inner.addWidget(self.place)
        inner.addWidget(row(self.satisfactory, self.unsatisfactory, self.rejection, self.play))
        inner.addWidget(row(label("Your name"), self.name))
        layout.addWidget(row(self.mode, self.refine, self.effort))
        layout.addWidget(self.verdicts)

    def _connect(self) -> None:
        self.mode.clicked.connect(self.mode_asked)
        self.refine.clicked.connect(self.refine_asked)
        self.effort.clicked.connect(self.effort_asked)
        self.satisfactory.clicked.connect(self.satisfactory_asked)
        self.unsatisfactory.clicked.connect(self.unsatisfactory_asked)
        self.rejection.clicked.connect(self.rejection_asked)
        self.play.clicked.connect(self.play_asked)
        self.name.editingFinished.connect(lambda: self.name_chosen.emit(self.name.text()))

    def show_cells(self, to_refine: int, *, has_cells: bool) -> None:
        """Show how many cells are to be refined, and enable the buttons."""
        self.refine.setText(f"To refine ({to_refine})" if to_refine else "To refine")
        self.refine.setEnabled(to_refine > 0)
        self.mode.setEnabled(has_cells)
        self.effort.setEnabled(has_cells)

    def show_place(self, text: str | None, *, is_playing: bool) -> None:
        """Show what is being judged; None while the mode is off."""
        self.mode.setChecked(text is not None)
        self.verdicts.setVisible(text is not None)
        self.place.setText(text or "")
        self.play.setText("Pause (Q)" if is_playing else "Play (Q)")

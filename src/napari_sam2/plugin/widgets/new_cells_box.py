"""New cells: the button that searches the movie, how often, and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QSignalBlocker, Qt
from qtpy.QtWidgets import QCheckBox, QProgressBar, QSpinBox, QVBoxLayout, QWidget

from napari_sam2.annotation.undo_texts import counted
from napari_sam2.plugin.widgets.form import SPACING, button, label, row

if TYPE_CHECKING:
    from napari_sam2.plugin.window.new_cells import NewCells

MOST_FRAMES = 999


class NewCellsBox(QWidget):
    """Searches a movie for cells that are not tracked yet."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look = button(
            "Look for new cells",
            "Search the movie for cells that are not tracked yet, and for cells that were lost",
        )
        self.every = QSpinBox()
        self.every.setRange(1, MOST_FRAMES)
        self.every.setSuffix(" frames")
        self.every.setToolTip("Frames from one searched frame to the next")
        self.automatic = QCheckBox("After tracking, look for new cells")
        self.automatic.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.progress = QProgressBar()
        self.progress.setFormat("%v of %m frames searched")
        self.cancel = button("Cancel (Esc)", "Stop looking; what was found stays")
        self.next = button("", "")
        self.drop = button("Drop (Backspace)", "Forget the new cells of the shown frame")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        self.interval = row(label("Every"), self.every)
        self.found = row(self.next, self.drop)
        parts = (self.look, self.interval, self.automatic, self.progress, self.cancel, self.found)
        for widget in parts:
            layout.addWidget(widget)

    def show_search(self, progress: tuple[int, int] | None) -> None:
        """Show the searched and all frames of a search; None if there is no search."""
        for widget in (self.look, self.interval):
            widget.setVisible(progress is None)
        for widget in (self.progress, self.cancel):
            widget.setVisible(progress is not None)
        if progress is not None:
            done, total = progress
            self.progress.setRange(0, total)
            self.progress.setValue(done)

    def show_found(self, new: int, lost: int, frames: int, can_drop: bool) -> None:
        """Show how many new and lost cells were found, and whether those of a frame are shown."""
        self.found.setVisible(new + lost > 0)
        parts = [f"new cells ({new})"] if new else []
        parts += [f"lost cells ({lost})"] if lost else []
        text = ", ".join(parts)
        self.next.setText(text[:1].upper() + text[1:])
        where = counted(frames, "frame")
        self.next.setToolTip(f"Show the next frame with such cells (]). There are some on {where}.")
        self.drop.setEnabled(can_drop)

    def show_choice(self, every: int, is_automatic: bool) -> None:
        """Show how often the movie is searched."""
        with QSignalBlocker(self.every), QSignalBlocker(self.automatic):
            self.every.setValue(every)
            self.automatic.setChecked(is_automatic)


class NewCellsWidgets(QObject):
    """Connects the box with the search for new cells.

    Parameters
    ----------
    new_cells : NewCells
        The search.
    parent : QWidget
        The panel.
    """

    def __init__(self, new_cells: NewCells, parent: QWidget) -> None:
        super().__init__(parent)
        self._new_cells = new_cells
        self.box = NewCellsBox(parent)
        self.box.look.clicked.connect(lambda: new_cells.start())
        self.box.cancel.clicked.connect(lambda: new_cells.cancel())
        self.box.next.clicked.connect(lambda: new_cells.next())
        self.box.drop.clicked.connect(lambda: new_cells.drop())
        self.box.every.valueChanged.connect(self._choose_every)
        self.box.automatic.toggled.connect(self._choose_automatic)

    def _choose_every(self, frames: int) -> None:
        self._new_cells.every = frames

    def _choose_automatic(self, is_automatic: bool) -> None:
        self._new_cells.is_automatic = is_automatic

    def is_offered(self, shows_more: bool) -> bool:
        """Whether the search is asked for, is on, or has found something."""
        new_cells = self._new_cells
        return shows_more or new_cells.progress is not None or bool(new_cells.frames)

    def render(self) -> None:
        """Show the state of the search."""
        new_cells = self._new_cells
        self.box.show_search(new_cells.progress)
        self.box.show_found(
            new_cells.count, new_cells.lost_count, len(new_cells.frames), new_cells.is_shown
        )
        self.box.show_choice(new_cells.every, new_cells.is_automatic)

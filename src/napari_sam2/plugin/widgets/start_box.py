"""Buttons that open something while no image is open."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QMenu, QVBoxLayout, QWidget

from napari_sam2.plugin.widgets.form import SPACING, button, row


class StartBox(QWidget):
    """Buttons to open a movie, a project, a recent project or the sample.

    Parameters
    ----------
    recent : QMenu
        The menu of recent projects.

    Signals
    -------
    movie_chosen(list)
        The user chose the files of a movie, as str.
    project_asked(), sample_asked()
        The user pressed a button.
    """

    movie_chosen = Signal(list)
    project_asked = Signal()
    sample_asked = Signal()

    def __init__(self, recent: QMenu, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._menu = recent
        self.movie = button("Open…", "Open a movie or an image with napari")
        self.recent = button("Recent", "Open a project that you saved before")
        self.recent.setMenu(recent)
        self.project = button("Open project…", "Open a folder NAME.sam2 that you saved before")
        self.sample = button("Open the sample", "Open a small drawn movie to try everything on")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(row(self.movie, self.recent))
        layout.addWidget(row(self.project, self.sample))
        self.movie.clicked.connect(self._choose)
        self.project.clicked.connect(self.project_asked)
        self.sample.clicked.connect(self.sample_asked)

    def show_recent(self) -> None:
        """Enable the menu of recent projects if it has any."""
        self.recent.setEnabled(self._menu.isEnabled())

    def _choose(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Open a movie or an image")
        if paths:
            self.movie_chosen.emit(paths)

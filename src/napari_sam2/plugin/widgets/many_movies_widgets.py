"""The button for many movies and its dialog, and the actions of their buttons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QWidget

from napari_sam2.plugin.layers.source_image import image_path
from napari_sam2.plugin.widgets.form import button
from napari_sam2.plugin.widgets.many_movies_dialog import ManyMoviesDialog

if TYPE_CHECKING:
    from napari_sam2.plugin.window.controller import Controller

TITLE = "Many movies…"


class ManyMoviesWidgets(QObject):
    """Shows the state of the batch and passes the user's actions to the controller.

    Parameters
    ----------
    controller : Controller
        State of the window.
    open_project : callable
        Opens a project in napari.
    panel : QWidget
        The panel that holds `button`.
    """

    def __init__(
        self, controller: Controller, open_project: Callable[[Path], None], panel: QWidget
    ) -> None:
        super().__init__(panel)
        self._controller = controller
        self._open_project = open_project
        self._panel = panel
        self.button = button(TITLE, "Track all movies of a folder, and open the results")
        self.dialog: ManyMoviesDialog | None = None
        self.button.clicked.connect(self.show)

    def show(self) -> None:
        """Open the dialog; the folder of the chosen image is proposed."""
        if self.dialog is None:
            self.dialog = self._made()
        self.render()
        self.dialog.show()
        self.dialog.raise_()

    def _made(self) -> ManyMoviesDialog:
        dialog = ManyMoviesDialog(self._controller.many_movies.most_workers, self._panel)
        image = self._controller.image
        path = None if image is None else image_path(image)
        if path is not None:
            dialog.take_folder(str(Path(path).parent))
        dialog.pressed.connect(self._start_or_stop)
        dialog.corrected_asked.connect(self._track_corrected)
        dialog.report_asked.connect(self._open_report)
        dialog.project_asked.connect(self._open_project)
        return dialog

    def _start_or_stop(self) -> None:
        many_movies, dialog = self._controller.many_movies, self.dialog
        if many_movies.is_on:
            many_movies.stop()
        elif dialog is not None:
            repeats = dialog.repeats.isChecked()
            many_movies.start(*dialog.folders, dialog.workers.value(), repeats_work=repeats)

    def _track_corrected(self) -> None:
        if self.dialog is not None:
            folder, output = self.dialog.folders
            self._controller.many_movies.track_corrected(
                folder, output, self.dialog.workers.value()
            )

    def _open_report(self) -> None:
        report = self._controller.many_movies.report
        if report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(report)))

    def render(self) -> None:
        """Show the state of the controller."""
        many_movies = self._controller.many_movies
        total = len(many_movies.lines)
        is_counted = many_movies.is_on and total > 0
        self.button.setText(f"Many movies: {many_movies.done} of {total}…" if is_counted else TITLE)
        if self.dialog is None:
            return
        can_press = many_movies.phase != "stopping" and many_movies.obstacle is None
        self.dialog.show_work(many_movies.work)
        self.dialog.show_state(
            many_movies.text,
            is_on=many_movies.is_on,
            can_press=can_press or many_movies.phase == "running",
            has_report=many_movies.report is not None,
        )
        self.dialog.show_movies(many_movies.lines, many_movies.done)

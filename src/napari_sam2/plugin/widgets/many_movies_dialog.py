"""The dialog that tracks all movies of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QProgressBar,
    QRadioButton,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.plugin.widgets.form import button, form, row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_sam2.plugin.window.many_movies import MovieLine

COLUMNS = ("Movie", "Progress", "Cells", "Doubtful")
START, STOP = "Start", "Stop"
RESULTS = "results"  # name of the folder that is proposed, in the folder of the movies
ONE_AT_A_TIME = (
    "One movie after the other. To track several at the same time, install a package: "
    'pip install "napari-sam2[batch]"'
)
SEVERAL = (
    "Each movie needs memory for itself. With more movies at the same time, each one is slower"
)


class ManyMoviesDialog(QDialog):
    """Asks which movies to track and how, and shows how far they are.

    Signals
    -------
    pressed()
        The user pressed Start or Stop.
    corrected_asked()
        The user wants to track corrected projects again.
    report_asked()
        The user wants to read the report.
    project_asked(object)
        The user wants to open the project of this path.
    """

    pressed = Signal()
    corrected_asked = Signal()
    report_asked = Signal()
    project_asked = Signal(object)

    def __init__(self, most_workers: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("SAM 2: many movies")
        self.resize(640, 480)
        self.folder, self.output = QLineEdit(), QLineEdit()
        self.choose_folder = button("Choose…", "The folder with your movies")
        self.choose_output = button("Choose…", "Where labels, tables and projects are written")
        self.finds = QRadioButton("Find all cells of the first frame")
        self.repeats = QRadioButton()
        self.finds.setChecked(True)
        self.workers = QSpinBox()
        self.workers.setRange(1, most_workers)
        self.workers.setToolTip(SEVERAL if most_workers > 1 else ONE_AT_A_TIME)
        self.start = button(START)
        self.corrected = button(
            "Track corrected again",
            "Track the projects that you corrected again, and write their labels, tables and the "
            "report again. Save and close them first. The other movies stay as they are",
        )
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.list = QTreeWidget()
        self.list.setHeaderLabels(COLUMNS)
        self.list.setRootIsDecorated(False)
        self.open = button("Open in napari", "See and correct the cells of the chosen movie")
        self.report = button("Open report", "All movies with pictures, the worst first")
        self._items: dict[str, QTreeWidgetItem] = {}
        self._lines: Mapping[str, MovieLine] = {}
        self._is_on = self._can_press = False
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self.settings = QWidget()
        rows = form(self.settings)
        rows.addRow("Folder with movies", row(self.folder, self.choose_folder))
        rows.addRow("Folder for results", row(self.output, self.choose_output))
        rows.addRow("In every movie", self.finds)
        rows.addRow("", self.repeats)
        rows.addRow("Movies at a time", self.workers)
        layout = QVBoxLayout(self)
        for part in (self.settings, row(self.start, self.corrected), self.text, self.progress):
            layout.addWidget(part)
        layout.addWidget(self.list, stretch=1)
        layout.addWidget(row(self.open, self.report))
        for column, width in enumerate((160, 280, 70)):
            self.list.header().resizeSection(column, width)

    def _connect(self) -> None:
        self.choose_folder.clicked.connect(self._ask_folder)
        self.choose_output.clicked.connect(self._ask_output)
        self.folder.textChanged.connect(self._enable)
        self.output.textChanged.connect(self._enable)
        self.start.clicked.connect(self.pressed)
        self.corrected.clicked.connect(self.corrected_asked)
        self.report.clicked.connect(self.report_asked)
        self.open.clicked.connect(self._open)
        self.list.itemSelectionChanged.connect(self._enable)
        self.list.itemDoubleClicked.connect(lambda *_: self._open())

    # What the user chose

    @property
    def folders(self) -> tuple[Path, Path]:
        """Folder of the movies, and folder of the results."""
        return Path(self.folder.text().strip()), Path(self.output.text().strip())

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder with movies", self.folder.text())
        if path:
            self.take_folder(path)

    def take_folder(self, path: str) -> None:
        """Choose the folder of the movies, and propose one for the results in it."""
        self.folder.setText(path)
        self.output.setText(str(Path(path) / RESULTS))

    def _ask_output(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder for results", self.output.text())
        if path:
            self.output.setText(path)

    def _chosen(self) -> Path | None:
        """Project of the chosen movie, if it is written."""
        chosen = self.list.selectedItems()
        line = self._lines.get(chosen[0].text(0)) if chosen else None
        return None if line is None else line.project

    def _open(self) -> None:
        if (project := self._chosen()) is not None:
            self.project_asked.emit(project)

    def _enable(self) -> None:
        has_folders = bool(self.folder.text().strip() and self.output.text().strip())
        self.start.setEnabled(self._can_press and (self._is_on or has_folders))
        self.corrected.setEnabled(self._can_press and not self._is_on and has_folders)
        self.open.setEnabled(self._chosen() is not None)

    # Showing

    def show_work(self, name: str | None) -> None:
        """Offer to repeat the work on the image of this name; None: there is none."""
        self.repeats.setText(
            "Repeat my clicks" if name is None else f"Repeat my clicks on “{name}”"
        )
        self.repeats.setToolTip(
            "Click some cells of an image first"
            if name is None
            else "For movies in which the same cells are at the same places, such as other "
            "channels or chambers. Names and mothers of the cells are repeated too"
        )
        self.repeats.setEnabled(name is not None)
        if name is None:
            self.finds.setChecked(True)

    def show_state(self, text: str, *, is_on: bool, can_press: bool, has_report: bool) -> None:
        """Show the line of text, and whether the button starts or stops."""
        self._is_on, self._can_press = is_on, can_press
        self.text.setText(text)
        self.start.setText(STOP if is_on else START)
        self.settings.setEnabled(not is_on)
        self.report.setEnabled(has_report)
        self._enable()

    def show_movies(self, lines: Mapping[str, MovieLine], done: int) -> None:
        """List the movies, and how far all of them are."""
        if lines.keys() != self._items.keys():
            self.list.clear()
            self._items = {name: QTreeWidgetItem([name]) for name in lines}
            self.list.addTopLevelItems(list(self._items.values()))
        for name, line in lines.items():
            for column, text in enumerate((line.text, line.cells, line.doubtful), start=1):
                self._items[name].setText(column, text)
            self._items[name].setToolTip(1, line.text)
        self._lines = dict(lines)
        self.progress.setVisible(self._is_on)
        self.progress.setRange(0, len(lines))  # without movies: busy
        self.progress.setValue(done)
        self._enable()

"""Dialogs of teaching: its settings, and the list of taught models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QInputDialog,
    QLabel,
    QListWidget,
    QMessageBox,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.plugin.widgets.form import button, row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.io.taught_models import TaughtModel

COLUMNS = ("Name", "Taught", "From", "IoU before → after")
LONGEST_S = 3600


class TeachSettings(QDialog):
    """The time for a lesson, and other projects and folders to learn from.

    Signals
    -------
    budget_chosen(int)
        Time in seconds.
    sources_chosen(list)
        Paths of projects and folders.
    """

    budget_chosen = Signal(int)
    sources_chosen = Signal(list)

    def __init__(
        self, budget_s: int, sources: Sequence[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("SAM 2: settings of teaching")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.budget = QSpinBox()
        self.budget.setRange(1, LONGEST_S)
        self.budget.setSuffix(" s")
        self.budget.setValue(budget_s)
        self.sources = QListWidget()
        self.sources.addItems(list(sources))
        self.add = button("Add…", "A project (.sam2), or a folder with “images” and “labels”")
        self.remove = button("Remove")
        layout = QVBoxLayout(self)
        layout.addWidget(row(QLabel("Time for teaching"), self.budget))
        layout.addWidget(QLabel("Also learn from these projects and folders:"))
        layout.addWidget(self.sources)
        layout.addWidget(row(self.add, self.remove))
        self.budget.valueChanged.connect(self.budget_chosen)
        self.add.clicked.connect(self._ask)
        self.remove.clicked.connect(self._remove)

    def _ask(self) -> None:
        path = QFileDialog.getExistingDirectory(
            self, "Project, or folder with images and labels", ""
        )
        if path and path not in self._paths():
            self.sources.addItem(path)
            self.sources_chosen.emit(self._paths())

    def _remove(self) -> None:
        self.sources.takeItem(self.sources.currentRow())
        self.sources_chosen.emit(self._paths())

    def _paths(self) -> list[str]:
        return [self.sources.item(i).text() for i in range(self.sources.count())]


class TaughtModelsDialog(QDialog):
    """The taught models of the user.

    Signals
    -------
    rename_asked(object, str), delete_asked(object), export_asked(object, object)
        The user wants to rename, delete or export the model of a path.
    """

    rename_asked = Signal(object, str)
    delete_asked = Signal(object)
    export_asked = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("SAM 2: my models")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(560, 260)
        self.list = QTreeWidget()
        self.list.setHeaderLabels(COLUMNS)
        self.list.setRootIsDecorated(False)
        self.rename = button("Rename…")
        self.delete = button("Delete…")
        self.export = button("Export…", "One file that other computers and the shell can use")
        self._models: tuple[TaughtModel, ...] = ()
        layout = QVBoxLayout(self)
        layout.addWidget(self.list)
        layout.addWidget(row(self.rename, self.delete, self.export))
        self.list.itemSelectionChanged.connect(self._enable)
        self.rename.clicked.connect(self._rename)
        self.delete.clicked.connect(self._delete)
        self.export.clicked.connect(self._export)
        self._enable()

    def show_models(self, models: tuple[TaughtModel, ...]) -> None:
        """List the models."""
        if models == self._models:
            return
        self._models = models
        self.list.clear()
        for model in models:
            figures = f"{model.before:.2f} → {model.after:.2f}"
            line = [model.name, model.date, ", ".join(model.movies), figures]
            self.list.addTopLevelItem(QTreeWidgetItem(line))
        for column in range(len(COLUMNS)):
            self.list.resizeColumnToContents(column)
        self._enable()

    def _chosen(self) -> TaughtModel | None:
        chosen = self.list.selectedItems()
        return self._models[self.list.indexOfTopLevelItem(chosen[0])] if chosen else None

    def _enable(self) -> None:
        for widget in (self.rename, self.delete, self.export):
            widget.setEnabled(self._chosen() is not None)

    def _rename(self) -> None:
        model = self._chosen()
        if model is not None:
            name, is_sure = QInputDialog.getText(self, "Rename", "Name:", text=model.name)
            if is_sure and name.strip():
                self.rename_asked.emit(model.path, name)

    def _delete(self) -> None:
        model = self._chosen()
        if model is None:
            return
        answer = QMessageBox.question(
            self,
            "SAM 2",
            f"Delete the model “{model.name}”? Projects made with it will open with another model.",
        )
        if answer == QMessageBox.StandardButton.Yes:
            self.delete_asked.emit(model.path)

    def _export(self) -> None:
        model = self._chosen()
        if model is not None:
            path, _ = QFileDialog.getSaveFileName(
                self, "Export model", f"{model.name}.safetensors", "Models (*.safetensors)"
            )
            if path:
                self.export_asked.emit(model.path, Path(path).with_suffix(".safetensors"))

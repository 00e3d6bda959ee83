"""The buttons for undo, redo and export."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from napari_sam2.io.formats import FORMATS, ExportFormat, stem_of
from napari_sam2.plugin.widgets.form import SPACING, button

EXPORT_SUFFIX = ".sam2.tif"  # napari opens these files with our reader, which restores the scale


class DocumentBox(QWidget):
    """Buttons for undo, redo and export of the whole annotation.

    Signals
    -------
    undo_asked(), redo_asked(), export_asked()
        The user pressed a button.
    """

    undo_asked = Signal()
    redo_asked = Signal()
    export_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.undo = button("Undo")
        self.redo = button("Redo")
        self.export = button(
            "Export…",
            "Write labels, tracks, measurements or a film; the file name decides the format",
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        for widget in (self.undo, self.redo, self.export):
            layout.addWidget(widget, stretch=2 if widget is self.export else 1)
        self.undo.clicked.connect(self.undo_asked)
        self.redo.clicked.connect(self.redo_asked)
        self.export.clicked.connect(self.export_asked)

    def show_history(self, undo_text: str | None, redo_text: str | None) -> None:
        """Show in the tooltips which changes undo and redo would affect."""
        self.undo.setEnabled(undo_text is not None)
        self.redo.setEnabled(redo_text is not None)
        self.undo.setToolTip(f"Undo: {undo_text} (Ctrl+Z)" if undo_text else "Nothing to undo")
        self.redo.setToolTip(
            f"Redo: {redo_text} (Ctrl+Shift+Z)" if redo_text else "Nothing to redo"
        )

    def show_more(self, shows_more: bool) -> None:
        """Show the button that redoes, or only while there is something to redo."""
        self.redo.setVisible(shows_more or self.redo.isEnabled())

    def show_export(self, can_export: bool, is_exporting: bool) -> None:
        """Enable the export button, or show that an export is running."""
        self.export.setEnabled(can_export and not is_exporting)
        self.export.setText("Exporting…" if is_exporting else "Export…")


def ask_path(parent: QWidget, proposal: str, rejected: int = 0) -> Path | None:
    """Ask for the format and the name of the file to write; confirm before one is overwritten.

    The title of the dialog says how many rejected objects will not be written.
    """
    title = f"Export without {rejected} rejected cell{'' if rejected == 1 else 's'}"
    filters = {_filter_text(choice): choice for choice in FORMATS.values()}
    dialog = QFileDialog(parent, title if rejected else "Export", proposal, ";;".join(filters))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(EXPORT_SUFFIX.removeprefix("."))

    def take_format(text: str) -> None:
        suffix = filters[text].suffixes[0]
        dialog.setDefaultSuffix(suffix.removeprefix("."))
        (path, *_) = dialog.selectedFiles() or [proposal]
        dialog.selectFile(f"{stem_of(Path(path).name)}{suffix}")

    dialog.filterSelected.connect(take_format)
    if not dialog.exec():
        return None
    return Path(dialog.selectedFiles()[0])


def _filter_text(choice: ExportFormat) -> str:
    return f"{choice.title} ({' '.join(f'*{suffix}' for suffix in choice.suffixes)})"

"""Buttons to save and open projects, and the offer to restore unsaved work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.io.project import PROJECT_SUFFIX
from napari_sam2.plugin.widgets.form import SPACING, button


class SaveBox(QWidget):
    """Buttons to save and open projects, and a label with the state of the current one.

    Signals
    -------
    save_asked(), save_as_asked(), open_asked()
        The user pressed a button or chose an entry.
    recent_chosen(str)
        The user chose a project from the list.
    """

    save_asked = Signal()
    save_as_asked = Signal()
    open_asked = Signal()
    recent_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.save = button(
            "Save project", "Save clicks, masks and reviews, so that you can continue later"
        )
        self.more = button("⋯", "Save the project elsewhere, or open a project")
        self.more.setFixedWidth(28)
        self.menu = QMenu(self.more)
        self.save_as = self.menu.addAction("Save project as…")
        self.open = self.menu.addAction("Open project…")
        self.recent = self.menu.addMenu("Recent projects")
        self.state = QLabel()
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.save, stretch=1)
        layout.addWidget(self.more)
        layout.addWidget(self.state, stretch=2)
        self._shown: tuple[str, ...] = ()
        self.more.clicked.connect(self._open_menu)
        self.save.clicked.connect(self.save_asked)
        self.save_as.triggered.connect(self.save_as_asked)
        self.open.triggered.connect(self.open_asked)
        self.recent.setEnabled(False)

    def _open_menu(self) -> None:
        self.menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def show_state(self, path: Path | None, is_saved: bool, can_save: bool) -> None:
        """Show the path of the project, and whether all changes are saved."""
        self.save.setEnabled(can_save and not is_saved)
        self.save_as.setEnabled(can_save)
        if not can_save:
            self.state.setText("")
        elif path is None:
            self.state.setText("not saved yet")
        else:
            self.state.setText(f"{path.name}{'' if is_saved else ' •'}")
        kept = "Every change is also kept in case of a crash."
        where = "" if path is None else f"{path}\n"
        self.state.setToolTip(f"{where}{kept}" if can_save else "")

    def show_more(self, shows_more: bool) -> None:
        """Show the button with the menu of other places and projects."""
        self.more.setVisible(shows_more)

    def show_recent(self, paths: Sequence[Path]) -> None:
        """List the recent projects in the menu."""
        names = tuple(map(str, paths))
        if names == self._shown:
            return
        self._shown = names
        self.recent.clear()
        self.recent.setEnabled(bool(names))
        for name in names:
            entry = self.recent.addAction(Path(name).name)
            entry.setToolTip(name)
            entry.triggered.connect(lambda _=False, name=name: self.recent_chosen.emit(name))


class RestoreOffer(QFrame):
    """A line about unsaved work, with buttons to restore or discard it.

    Signals
    -------
    restore_asked(), discard_asked()
        The user pressed a button.
    """

    restore_asked = Signal()
    discard_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.restore = button("Restore", "Continue this work")
        self.discard = button(
            "Discard", "Move this work into the folder “discarded”; nothing is deleted"
        )
        row = QHBoxLayout()
        row.setSpacing(SPACING)
        row.addWidget(self.restore)
        row.addWidget(self.discard)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, SPACING)
        layout.setSpacing(SPACING)
        layout.addWidget(self.text)
        layout.addLayout(row)
        self.restore.clicked.connect(self.restore_asked)
        self.discard.clicked.connect(self.discard_asked)
        self.hide()

    def show_offer(self, text: str | None) -> None:
        """Show the offer; None hides it."""
        self.text.setText(text or "")
        self.setVisible(text is not None)


def ask_where_to_save(parent: QWidget, proposal: Path) -> Path | None:
    """Ask for the project folder to save to; confirm before one is replaced."""
    dialog = QFileDialog(parent, "Save project", str(proposal), f"Project (*{PROJECT_SUFFIX})")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.setOption(
        QFileDialog.Option.DontUseNativeDialog
    )  # native dialogs would enter an existing project folder
    dialog.setDefaultSuffix(PROJECT_SUFFIX.removeprefix("."))
    return Path(dialog.selectedFiles()[0]) if dialog.exec() else None


def ask_what_to_open(parent: QWidget, folder: Path) -> Path | None:
    """Ask for the project folder to open."""
    title = f"Open project (a folder NAME{PROJECT_SUFFIX})"
    name = QFileDialog.getExistingDirectory(parent, title, str(folder))
    return Path(name) if name else None

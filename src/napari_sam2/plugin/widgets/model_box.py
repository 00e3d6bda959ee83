"""The menus for model, input size and device, and the download of a model."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLabel, QProgressBar, QSizePolicy, QWidget

from napari_sam2.plugin.widgets.form import button, form, label, menu, row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_sam2.model.config import WindowMode
    from napari_sam2.plugin.protocol.messages import DownloadAdvanced, ModelChoice

FROM_FILE = "Model from file…"
SIZE_TIP = (
    "The model scales each frame to a square of this side. Half the side takes about a seventh of "
    "the time on a CPU, and loses small cells and thin parts."
)
NEARBY = "Local search\n(faster for many small cells)"
NEARBY_TIP = (
    "The model searches for each small cell near its place on the frame before. With many cells, a "
    "frame takes about a tenth of the time. A cell that jumps by more than its size may be lost."
)
WINDOWS = {
    "small": "Automatic: a window for small cells",
    "whole": "The whole image",
    "auto": "A window around each cell",
}
WINDOWS_TIP = (
    "An official model shrinks each frame to its input, so that small cells lose their detail. In "
    "a window around a cell it sees the resolution of the image. Each window takes the time of a "
    "frame; cells that lie close together share one."
)
SLOW = "A frame takes seconds on a CPU."
ABOUT = {
    "cells": "Cells and nuclei; quick without a GPU, nothing to download",
    "tiny": "Cells and anything else; the quickest of the official models",
    "small": "Cells and anything else; a little more accurate and slower than tiny",
    "base_plus": "Cells and anything else; more accurate and slower than small",
    "large": "Cells and anything else; the most accurate and the slowest, for a GPU",
}
ABOUT_TAUGHT = "Taught with your own cells"
DEVICE_TITLES = {"auto": "Automatic", "cuda": "GPU (CUDA)", "mps": "GPU (Apple)", "cpu": "CPU"}


class ModelBox(QWidget):
    """Menus for model, input size and device, and the download of a model that is missing.

    The input size and local search are shown only for models that offer a choice. On a CPU the
    widget offers a quicker input size.

    Signals
    -------
    model_chosen(str), device_chosen(str)
        The user chose a model or a device.
    size_chosen(int)
        The user chose an input size in pixels, or keeps the current one.
    nearby_chosen(bool)
        Whether the user wants local search.
    windows_chosen(str)
        What the model shall see: `small`, `whole` or `auto`, as in `Tracker`.
    download_asked()
        The user pressed the download button.
    """

    model_chosen = Signal(str)
    device_chosen = Signal(str)
    size_chosen = Signal(int)
    nearby_chosen = Signal(bool)
    windows_chosen = Signal(str)
    download_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.models = menu("Larger models are more accurate and slower")
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.sizes = menu(SIZE_TIP)
        self.quicker = button("", SIZE_TIP)
        self.keep = button("", "Keep the full detail")
        self.offer = row(self.quicker, self.keep)
        self.slow = QLabel(SLOW)
        self.nearby = QCheckBox(NEARBY)
        self.nearby.setToolTip(NEARBY_TIP)
        self.windows = menu(WINDOWS_TIP)
        self.windows.addItems(list(WINDOWS.values()))
        self.devices = menu("The processor that the model runs on")
        self.download = button("")
        self.progress = QProgressBar()
        self._names: list[str] = []
        self._sizes: list[int] = []
        self._devices: list[str] = []
        self._current = -1
        self._form = form(self)
        self._lay_out()
        self.models.activated.connect(self._on_model)
        self.sizes.activated.connect(self._on_size)
        self.quicker.clicked.connect(lambda: self.size_chosen.emit(self._sizes[-1]))
        self.keep.clicked.connect(lambda: self.size_chosen.emit(self._sizes[0]))
        self.nearby.clicked.connect(self.nearby_chosen)
        self.windows.activated.connect(self._on_windows)
        self.devices.activated.connect(self._on_device)
        self.download.clicked.connect(self.download_asked)

    def _lay_out(self) -> None:
        self._form.addRow(label("Model"), self.models)
        self._form.addRow(label(), self.about)
        self._form.addRow(label(), self.download)
        self._form.addRow(label(), self.progress)
        self._form.addRow(label("Input"), self.sizes)
        self._form.addRow(self.slow)
        self._form.addRow(label(), self.offer)
        self._form.addRow(label("Speed"), self.nearby)
        self._form.addRow(label("Look at"), self.windows)
        self._form.addRow(label("Device"), self.devices)
        self.slow.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.show_sizes((), None, None)
        self.show_nearby(False, can_be=False)
        self.show_windows("small", can_be=False)

    def show_models(
        self,
        models: Sequence[ModelChoice],
        current: str | None,
        speeds: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """List the models and mark the current one; a file is listed too once it is chosen.

        `speeds` are frames per second that were measured here, by the name of the model.
        """
        names = [model.name for model in models]
        titles = [menu_title(model) for model in models]
        if current is not None and current not in names:
            names.append(current)
            titles.append(Path(current).name)
        if (names, titles) != (
            self._names,
            [self.models.itemText(i) for i in range(len(self._names))],
        ):
            self._names = names
            self.models.clear()
            self.models.addItems([*titles, FROM_FILE])
        self._current = names.index(current) if current in names else -1
        self.models.setCurrentIndex(self._current)
        abouts = {model.name: about_text(model, speeds.get(model.name)) for model in models}
        for index, name in enumerate(names):
            self.models.setItemData(index, abouts.get(name, ""), Qt.ItemDataRole.ToolTipRole)
        self.about.setText(abouts.get(current or "", ""))
        self._set_row_visible(self.about, bool(self.about.text()))

    def show_devices(self, devices: Sequence[str], current: str, loaded: str) -> None:
        """List the devices and mark the chosen one; `loaded` is the device of the loaded model."""
        if self._devices != ["auto", *devices]:
            self._devices = ["auto", *devices]
            self.devices.clear()
            self.devices.addItems([_device_title(name) for name in self._devices])
        automatic = f"{_device_title('auto')}: {_device_title(loaded)}" if loaded else ""
        self.devices.setItemText(0, automatic or _device_title("auto"))
        self.devices.setCurrentIndex(
            self._devices.index(current) if current in self._devices else 0
        )

    def show_sizes(self, sizes: Sequence[int], current: int | None, quicker: int | None) -> None:
        """List the input sizes, largest first, and mark the current one; offer a quicker one."""
        if self._sizes != list(sizes):
            self._sizes = list(sizes)
            self.sizes.clear()
            self.sizes.addItems([size_title(size, sizes[0]) for size in sizes])
        self.sizes.setCurrentIndex(self._sizes.index(current) if current in self._sizes else -1)
        self._set_row_visible(self.sizes, len(sizes) > 1)
        for field in (self.slow, self.offer):
            self._set_row_visible(field, quicker is not None)
        if quicker is not None:
            self.quicker.setText(f"Use {quicker} px")
            self.keep.setText(f"Keep {current} px")

    def show_nearby(self, is_nearby: bool, *, can_be: bool) -> None:
        """Show whether local search is on; hide the row if the model has no choice."""
        self.nearby.setChecked(is_nearby)
        self._set_row_visible(self.nearby, can_be)

    def show_windows(self, windows: WindowMode, *, can_be: bool) -> None:
        """Show what the model sees of a frame; hide the row if the model has no choice."""
        self.windows.setCurrentIndex(list(WINDOWS).index(windows))
        self._set_row_visible(self.windows, can_be)

    def show_download(self, model: ModelChoice | None, download: DownloadAdvanced | None) -> None:
        """Offer the download of a missing model, or show how far it has come."""
        self._set_row_visible(self.download, model is not None and download is None)
        self._set_row_visible(self.progress, download is not None)
        if model is not None:
            self.download.setText(f"Download {megabytes(model.size_bytes)}".strip())
        if download is not None:
            self.progress.setRange(0, download.total // 1024)  # Qt counts in 32 bits
            self.progress.setValue(download.done // 1024)
            self.progress.setFormat(f"{megabytes(download.done)} of {megabytes(download.total)}")

    @property
    def is_needed(self) -> bool:
        """Whether the user has something to decide or to wait for: a size, a model, a download."""
        rows = (self.download, self.progress, self.slow)
        is_unchosen = bool(self._names) and self._current < 0
        return is_unchosen or any(self._form.isRowVisible(field) for field in rows)

    def _set_row_visible(self, field: QWidget, is_visible: bool) -> None:
        if self._form.isRowVisible(field) != is_visible:
            self._form.setRowVisible(field, is_visible)

    def _on_model(self, index: int) -> None:
        self.models.clearFocus()
        if index < len(self._names):
            self.model_chosen.emit(self._names[index])
            return
        self.models.setCurrentIndex(self._current)
        path, _ = QFileDialog.getOpenFileName(
            self, "Model from file", "", "Checkpoints (*.pt *.pth *.safetensors);;All files (*)"
        )
        if path:
            self.model_chosen.emit(path)

    def _on_size(self, index: int) -> None:
        self.sizes.clearFocus()
        self.size_chosen.emit(self._sizes[index])

    def _on_windows(self, index: int) -> None:
        self.windows.clearFocus()
        self.windows_chosen.emit(list(WINDOWS)[index])

    def _on_device(self, index: int) -> None:
        self.devices.clearFocus()
        self.device_chosen.emit(self._devices[index])


def _device_title(device: str) -> str:
    return DEVICE_TITLES.get(device.partition(":")[0], device)


def menu_title(model: ModelChoice) -> str:
    """Menu entry of a model, with the download size if it is missing."""
    if model.state != "missing":
        return model.title
    return f"{model.title} – download {megabytes(model.size_bytes)}".strip()


def about_text(model: ModelChoice, frames_per_second: float | None) -> str:
    """One line about a model: what for, its size, and how fast it was here."""
    family, _, size = model.name.partition("_")
    what = ABOUT_TAUGHT if model.state == "taught" else ABOUT.get(size or family, "")
    if family == "sam2" and what:
        what = f"{what}; an earlier version"
    speed = "" if frames_per_second is None else f"{frames_per_second:.1f} frames/s in the last run"
    parts = [part for part in (what, megabytes(model.size_bytes), speed) if part]
    return f"{'. '.join(parts)}." if parts else ""


def size_title(size: int, largest: int) -> str:
    """Menu entry of an input size."""
    if size == largest:
        return f"{size} px: full detail"
    return f"{size} px: 7 times as fast" if 2 * size == largest else f"{size} px"


def megabytes(size_bytes: int | None) -> str:
    """Size of a download, as "156 MB"; empty if unknown."""
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes else ""

"""The menu that chooses the Image layer to work on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_sam2.plugin.widgets.form import form, label, menu

if TYPE_CHECKING:
    from collections.abc import Sequence


class ImagePicker(QWidget):
    """A menu of Image layers by name; it keeps references to the layers.

    Signals
    -------
    picked(object)
        The user chose an image layer.
    """

    picked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._images: list[Image] = []
        self.menu = menu("The movie or image to work on")
        self.menu.activated.connect(self._on_activated)
        form(self).addRow(label("Image"), self.menu)

    def show_images(self, images: Sequence[Image], current: Any) -> None:
        """List the images of the viewer and mark the current one."""
        names = [image.name for image in images]
        if self._images != list(images) or self.names() != names:
            self._images = list(images)
            self.menu.clear()
            self.menu.addItems(names)
        index = next((i for i, image in enumerate(images) if image is current), -1)
        self.menu.setCurrentIndex(index)
        self.menu.setEnabled(bool(images))
        self.menu.setPlaceholderText("no image open" if not images else "choose an image")

    def names(self) -> list[str]:
        """Names of the images to choose from."""
        return [self.menu.itemText(i) for i in range(self.menu.count())]

    def _on_activated(self, index: int) -> None:
        self.picked.emit(self._images[index])
        self.menu.clearFocus()

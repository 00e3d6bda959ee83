"""Preview of the network's input for the shown frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_sam2.plugin.widgets.form import SPACING

if TYPE_CHECKING:
    from napari_sam2.plugin.protocol.input_preview import InputShown

SIDE = 64  # of the thumbnail, in logical pixels of the screen
NOTED_SHARE = 0.01  # share of clipped pixels above which the user is warned


class InputPreviewBox(QWidget):
    """A thumbnail of the network's input, with a warning when the contrast clips pixels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture = QLabel()
        self.picture.setFixedSize(SIDE, SIDE)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setToolTip(
            "Preview of the model's input, with your contrast and channel, for the current cell"
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * SPACING)
        layout.addWidget(self.picture)
        layout.addWidget(self.text, stretch=1)
        self._shown: InputShown | None = None
        self.hide()

    def is_shown(self, shows_more: bool) -> bool:
        """Whether there is a preview, and it is asked for or warns of a cut contrast."""
        seen = self._shown
        is_cut = seen is not None and max(seen.below, seen.above) > NOTED_SHARE
        return seen is not None and (shows_more or is_cut)

    def show_input(self, seen: InputShown | None) -> None:
        """Show the preview; None is shown until the model has seen a frame."""
        if seen is self._shown:
            return
        self._shown = seen
        if seen is None:
            return
        height, width, _ = seen.pixels.shape
        data = seen.pixels.tobytes()
        image = QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        pixmap = QPixmap.fromImage(image)
        pixmap.setDevicePixelRatio(width / SIDE)
        self.picture.setPixmap(pixmap)
        self.text.setText(f"{view_text(seen)} {contrast_warning(seen.below, seen.above)}".strip())


def view_text(seen: InputShown) -> str:
    """What the model sees of a frame: the whole image or a window, its size and the scale."""
    part = "the whole image" if seen.is_whole else "a window"
    scale = seen.side / max(seen.height, seen.width)
    factor = f"{max(scale, 1 / scale):.1f}".removesuffix(".0")
    if factor == "1":
        how = "at its own resolution"
    else:
        how = f"{'enlarged' if scale > 1 else 'shrunk'} {factor} times"
    light = f", {seen.gain} times brighter, since this cell is dim" if seen.gain > 1 else ""
    return f"The model sees {part}: {seen.height} × {seen.width} pixels, {how}{light}."


def contrast_warning(below: float, above: float) -> str:
    """A warning if the contrast clips many pixels; empty otherwise."""
    ends = [("darkest", below), ("brightest", above)]
    cut = [f"the {name} {share:.0%}" for name, share in ends if share > NOTED_SHARE]
    if not cut:
        return ""
    return (
        f"The contrast cuts off {' and '.join(cut)} of the pixels: the model sees no detail there. "
        "Widen the contrast limits."
    )

"""The weights of the channels that are shown to the model as red, green and blue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, QTimer, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = ("red", "green", "blue")
SETTLED_MS = 700  # several steps in a row are one change
_STEP = 0.1


class WeightsRow(QWidget):
    """A number from 0 to 1 for each of up to three channels.

    Signals
    -------
    chosen(tuple of float)
        The user set other weights, and has not changed them for a moment.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)  # side by side, the numbers of three boxes are cut off
        layout.setContentsMargins(0, 0, 0, 0)
        self.boxes = tuple(_box(colour) for colour in COLOURS)
        self._shown: tuple[float, ...] = ()
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLED_MS)
        self._settled.timeout.connect(self._offer)
        for box in self.boxes:
            layout.addWidget(box)
            box.valueChanged.connect(self._settled.start)

    def show_weights(self, weights: Sequence[float]) -> None:
        """Show the weights of the channels; weights that the user is just changing stay."""
        self._shown = tuple(weights)
        is_other = sum(not box.isHidden() for box in self.boxes) != len(weights)
        if self._settled.isActive() and not is_other:
            return
        self._settled.stop()
        for place, box in enumerate(self.boxes):
            box.setVisible(place < len(weights))
            if place < len(weights):
                with QSignalBlocker(box):
                    box.setValue(weights[place])

    def _offer(self) -> None:
        weights = tuple(round(box.value(), 2) for box in self.boxes[: len(self._shown)])
        if weights != self._shown:
            self.chosen.emit(weights)


def _box(colour: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.0, 1.0)
    box.setSingleStep(_STEP)
    box.setDecimals(2)
    box.setValue(1.0)
    box.setPrefix(f"{colour} ")
    box.setKeyboardTracking(False)
    box.setToolTip(
        f"How bright the channel shown in {colour} is for the model: 1 as it is, 0 not at all"
    )
    return box

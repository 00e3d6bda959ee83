"""The rows that say what the axes of an image are, and which part of it is tracked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QProgressBar, QWidget

from napari_sam2.io.selection import EVERYTHING, IN_3D, PROJECTIONS, Selection
from napari_sam2.plugin.layers.image_axes import letters_to_choose
from napari_sam2.plugin.widgets.form import button, form, label, menu, row
from napari_sam2.plugin.widgets.weights_row import COLOURS, WeightsRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.plugin.layers.image_axes import ImageAxes

WORDS = {"T": "time", "Z": "depth", "C": "channel", "Y": "y", "X": "x"}
PROJECTION_WORDS = {
    "max": "brightest value (max)",
    "mean": "mean",
    "focus": "sharpest plane (focus)",
}
MOST_MIXED = 3  # the model sees red, green and blue


class AxesBox(QWidget):
    """Menus for the meaning of the axes, the channel, and the plane or projection.

    Each menu is shown only where the image offers a choice, and the weights of channels only where
    several are shown to the model together.

    Signals
    -------
    chosen(Selection)
        The user chose another part, or another meaning of the axes.
    fill_asked(), cancel_asked()
        The user pressed *Fill volumes*, or *Cancel* while they are filled.
    """

    chosen = Signal(object)
    fill_asked = Signal()
    cancel_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.axes = menu(
            "What the axes of this image are, in their order. Choose another order if the guess "
            "is wrong"
        )
        self.channel = menu("The channel that the model sees. The labels are shown on all channels")
        self.depth = menu(
            "The plane of each frame that the model sees, or a projection of all planes, whose "
            "labels are shown on all planes. In 3D, cells are tracked through all planes"
        )
        self.fill = button(
            "Fill volumes",
            "Grow the masks of this plane up and down through all planes of each time point, into "
            "a new layer. Your cells on the plane stay as they are",
        )
        self.cancel = button("Cancel", "Stop filling the volumes; no layer is added")
        self.progress = QProgressBar()
        self._part: Selection | None = None
        self._choices: dict[QComboBox, list[Any]] = {}
        self._form = form(self)
        for text, one, take in (
            ("Axes", self.axes, self._take_axes),
            ("Channel", self.channel, self._take_channel),
            ("Z", self.depth, self._take_depth),
        ):
            self._form.addRow(label(text), one)
            one.activated.connect(take)
        self.weights = WeightsRow()
        self._form.insertRow(2, label("Weights"), self.weights)
        self.weights.chosen.connect(self._take_weights)
        self._filling = row(self.fill, self.progress, self.cancel)
        self._form.addRow(label(), self._filling)
        self.fill.clicked.connect(self.fill_asked)
        self.cancel.clicked.connect(self.cancel_asked)
        self.show_part(None, EVERYTHING)
        self.show_filling(None, can_fill=False)

    def show_part(self, axes: ImageAxes | None, part: Selection) -> None:
        """Show the axes of an image and the chosen part of it; None hides all menus."""
        self.setVisible(axes is not None and axes.has_choice)
        self._part = part
        if axes is None or not axes.has_choice:
            return
        orders = letters_to_choose(axes)
        self._fill(self.axes, {letters.replace("1", ""): _words(letters) for letters in orders})
        self.axes.setCurrentIndex(0)
        channels = 0 if axes.channels is None else axes.lengths[axes.channels]
        planes = 0 if axes.depth is None else axes.lengths[axes.depth]
        self._fill(self.channel, _channels(channels, can_mix=not axes.in_3d))
        self._fill(self.depth, _planes(planes))
        self._mark(self.channel, part.channels)
        self._mark(self.depth, part.z)
        self._form.setRowVisible(self.weights, part.is_mix)
        self.weights.show_weights(part.weights if part.is_mix else ())

    def show_filling(self, progress: tuple[int, int] | None, *, can_fill: bool) -> None:
        """Show the done and all planes that are filled; None if none are being filled."""
        is_plane = self._part is not None and isinstance(self._part.z, int)
        self._form.setRowVisible(self._filling, is_plane or progress is not None)
        self.fill.setEnabled(can_fill)
        self.fill.setVisible(progress is None)
        self.progress.setVisible(progress is not None)
        self.cancel.setVisible(progress is not None)
        if progress is not None:
            done, total = progress
            self.progress.setRange(0, total)
            self.progress.setValue(done)

    def _fill(self, one: QComboBox, choices: dict[Any, str]) -> None:
        self._form.setRowVisible(one, bool(choices))
        texts = [one.itemText(index) for index in range(one.count())]
        if self._choices.get(one) != list(choices) or texts != list(choices.values()):
            self._choices[one] = list(choices)
            one.clear()
            one.addItems(list(choices.values()))

    def _mark(self, one: QComboBox, wanted: Any) -> None:
        choices = self._choices[one]
        one.setCurrentIndex(choices.index(wanted) if wanted in choices else -1)

    def _take_axes(self, index: int) -> None:
        letters = self._choices[self.axes][index]
        self._offer(None if self._part is None else Selection(letters))

    def _take_channel(self, index: int) -> None:
        channels = self._choices[self.channel][index]
        channel = channels if len(channels) > 1 else channels[0]
        self._offer(None if self._part is None else replace(self._part, channel=channel))

    def _take_weights(self, weights: tuple[float, ...]) -> None:
        if self._part is None or len(weights) != len(self._part.channels):
            return
        channels = self._part.channels
        is_plain = all(weight == 1 for weight in weights)
        mixed = channels if is_plain else dict(zip(channels, weights, strict=True))
        self._offer(replace(self._part, channel=mixed))

    def _take_depth(self, index: int) -> None:
        plane = self._choices[self.depth][index]
        part = self._part
        if part is not None and plane == IN_3D and part.is_mix:
            part = replace(part, channel=part.channels[0])  # volumes are tracked in one channel
        self._offer(None if part is None else replace(part, z=plane))

    def _offer(self, part: Selection | None) -> None:
        for one in self._choices:
            one.clearFocus()
        if part is not None and part != self._part:
            self.chosen.emit(part)


def _words(letters: str) -> str:
    """The axes in words: "time, channel, y, x"."""
    return ", ".join(WORDS[letter] for letter in letters if letter in WORDS)


def _channels(count: int, *, can_mix: bool) -> dict[Any, str]:
    """Entries of the menu of channels by the channels that they mean."""
    if not count:
        return {}
    found: dict[Any, str] = {(k,): f"channel {k + 1} of {count}" for k in range(count)}
    if not can_mix:
        return found
    together: Sequence[int] = range(min(count, MOST_MIXED))
    mix = ", ".join(f"{channel + 1} {COLOURS[channel]}" for channel in together)
    return {**found, tuple(together): f"together: {mix}"}


def _planes(count: int) -> dict[Any, str]:
    """Entries of the menu of planes and projections by their value in a `Selection`."""
    if not count:
        return {}
    found: dict[Any, str] = {name: PROJECTION_WORDS[name] for name in PROJECTIONS}
    if count > 1:
        found[IN_3D] = "in 3D, all planes"
    return {**found, **{z: f"plane {z} of 0 to {count - 1}" for z in range(count)}}

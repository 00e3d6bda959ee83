"""The lanes with the buttons for a selected range of frames."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSize, Signal
from qtpy.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_sam2.annotation.measured import UNITS
from napari_sam2.plugin.startup.error_notifications import show_error
from napari_sam2.plugin.widgets.form import SPACING, button, menu, row
from napari_sam2.plugin.widgets.lanes_picture import PICTURE_FILTERS, save_picture
from napari_sam2.plugin.widgets.lanes_view import ZOOM_STEP, LaneRange, LanesView
from napari_sam2.plugin.widgets.measurement_plot import MeasurementPlot
from napari_sam2.plugin.window.timelines import (
    MEASURED_STOPS,
    REVIEWED_COLOUR,
    UNUSUAL_COLOUR,
    Colouring,
    quality_colour,
    sequence_text,
)

LEAST_WIDTH = 320
HINT = "Click: go there.  Drag: select.  Wheel: scroll.  Ctrl+wheel: zoom."
WHOLE_HINT = (
    "Click: go to a frame. Drag: select frames. Wheel: scroll. Ctrl+wheel: zoom. Arrow keys: go to "
    "the next frame or lane"
)


class LanesBox(QWidget):
    """The lanes view, with buttons that act on the selected range of frames.

    Signals
    -------
    clear_asked(object), accept_asked(object), track_asked(object)
        The user pressed the button for a selected `LaneRange`.
    lock_asked(object, bool)
        The user wants a `LaneRange` locked, or unlocked.
    family_chosen(bool)
        The user wants only the family of the current cell, or all cells.
    closed()
        The dock of the lanes was closed.
    """

    clear_asked = Signal(object)
    accept_asked = Signal(object)
    track_asked = Signal(object)
    lock_asked = Signal(object, bool)
    family_chosen = Signal(bool)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = LanesView()
        self.text = QElidingLabel(HINT)  # "…" where the window is too narrow
        self.text.setToolTip(WHOLE_HINT)
        self.legend = QLabel(legend_text())
        self.clear = button(
            "Clear masks", "Delete masks and prompts on the selected frames; locked frames are kept"
        )
        self.lock = button(
            "Lock", "Lock the cell on the selected frames: tracking does not change it"
        )
        self.unlock = button(
            "Unlock", "Unlock the cell on the selected frames: tracking may change it"
        )
        self.accept = button("Mark as reviewed", "The cell is right on the selected frames")
        self.track = button("Track here", "Track the cell through the selected frames only")
        self.family = button("Family", "Show only the family of the current cell (Q)")
        self.family.setCheckable(True)
        self.colour = menu("What colours the bars of the lanes")
        self.colour.addItems(["quality", *UNITS])
        self.plot_shown = button("Plot", "Plot a measurement of the current cell and its daughters")
        self.plot_shown.setCheckable(True)
        self.plot = MeasurementPlot(self.view)
        self.plot.hide()
        self.picture = button("Picture…", "Save all listed lanes as a picture, PNG or SVG")
        self.narrower = button("−", "Zoom out (Ctrl+wheel)")
        self.wider = button("+", "Zoom in (Ctrl+wheel)")
        self.fit = button("Fit", "Show all frames")
        self._range_bar = row(*self.actions_on_range)  # shown while frames are selected
        self._lay_out()
        self._connect()
        self._on_range()

    @property
    def is_docked(self) -> bool:
        """Whether the lanes are in a dock."""
        return isinstance(self.parent(), QDockWidget)

    def minimumSizeHint(self) -> QSize:
        """Let a narrow window squeeze the buttons, so that it need not grow."""
        return QSize(LEAST_WIDTH, super().minimumSizeHint().height())

    def event(self, event: QEvent) -> bool:
        """Emit `closed` when the dock is closed: napari removes the widget without closing it."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.closed.emit()
        return bool(super().event(event))

    @property
    def actions_on_range(self) -> tuple[QPushButton, ...]:
        """Buttons that act on the selected frames."""
        return self.track, self.accept, self.lock, self.unlock, self.clear

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setSpacing(SPACING)
        bar.addWidget(self.text, stretch=1)
        for widget in (
            self.colour,
            self.plot_shown,
            self.family,
            self.picture,
            self.narrower,
            self.wider,
            self.fit,
        ):
            bar.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING, SPACING, SPACING, SPACING)
        layout.setSpacing(SPACING)
        layout.addLayout(bar)
        layout.addWidget(self._range_bar)
        layout.addWidget(self.view, stretch=1)
        layout.addWidget(self.plot)
        layout.addWidget(self.legend)
        for words in (self.text, self.legend):
            words.setMinimumWidth(1)  # a narrow window cuts the words, not the buttons

    def _connect(self) -> None:
        self.view.range_changed.connect(self._on_range)
        self.view.menu_asked.connect(lambda at: self.menu().exec(at))
        self.clear.clicked.connect(lambda: self._ask(self.clear_asked))
        self.accept.clicked.connect(lambda: self._ask(self.accept_asked))
        self.track.clicked.connect(lambda: self._ask(self.track_asked))
        self.lock.clicked.connect(lambda: self._ask(self.lock_asked, True))
        self.unlock.clicked.connect(lambda: self._ask(self.lock_asked, False))
        self.family.clicked.connect(self.family_chosen)
        self.colour.activated.connect(self._choose_colour)
        self.plot_shown.toggled.connect(self.plot.setVisible)
        self.plot.jumped.connect(self.view.jumped)
        self.view.changed.connect(self._show_legend)
        self.picture.clicked.connect(self._ask_picture)
        self.narrower.clicked.connect(lambda: self.view.zoom(ZOOM_STEP**-2))
        self.wider.clicked.connect(lambda: self.view.zoom(ZOOM_STEP**2))
        self.fit.clicked.connect(self.view.fit)

    def _choose_colour(self, index: int) -> None:
        """Colour the lanes by the chosen measurement, and plot it."""
        self.colour.clearFocus()  # keys stay with the viewer
        name = self.colour.itemText(index)
        self.view.colour_by(name if name in UNITS else None)
        if name in UNITS:
            self.plot.show_measurement(name)

    def _show_legend(self) -> None:
        colouring = self.view.colouring
        self.legend.setText(legend_text() if colouring is None else measured_text(colouring))

    def _ask_picture(self) -> None:
        """Ask for the name of a picture and write it."""
        path, _ = QFileDialog.getSaveFileName(self, "Save the lanes", "lanes.png", PICTURE_FILTERS)
        if not path:
            return
        try:
            save_picture(self.view, path)
        except (OSError, ValueError) as error:
            show_error(f"The picture was not saved: {error}")

    def menu(self) -> QMenu:
        """Make a menu with the same actions as the buttons."""
        menu = QMenu(self)
        menu.addSection(self.text.text())
        for pressed in self.actions_on_range:
            menu.addAction(pressed.text(), pressed.click)
        return menu

    def _on_range(self) -> None:
        chosen = self.view.selected
        self.text.setText(HINT if chosen is None else range_text(chosen))
        self._range_bar.setVisible(chosen is not None)
        for widget in self.actions_on_range:
            widget.setEnabled(chosen is not None)

    def _ask(self, signal: Any, *more: Any) -> None:
        if self.view.selected is not None:
            signal.emit(self.view.selected, *more)


def legend_text() -> str:
    """The colours of the lanes in words, as rich text."""
    parts = {
        "likely right": quality_colour(1.0),
        "unsure": quality_colour(0.5),
        "likely wrong": quality_colour(0.0),
        "reviewed": REVIEWED_COLOUR,
        "unusual": UNUSUAL_COLOUR,
    }
    return "&nbsp;&nbsp; ".join(
        f'<span style="color: rgb{colour}">■</span> {words}' for words, colour in parts.items()
    )


def measured_text(colouring: Colouring) -> str:
    """The colours of a measurement in words, as rich text: its range, from dark to bright."""
    bar = "".join(
        f'<span style="color: rgb({red}, {green}, {blue})">■</span>'
        for _, (red, green, blue) in MEASURED_STOPS
    )
    unit = UNITS[colouring.name]
    return f"{colouring.name}: {colouring.low:.4g} {bar} {colouring.high:.4g} {unit}"


def range_text(chosen: LaneRange) -> str:
    """Text for a selected range, such as "Cell 2, frames 3–12"."""
    return f"Cell {chosen.object_id}, {sequence_text(chosen.frames)}"

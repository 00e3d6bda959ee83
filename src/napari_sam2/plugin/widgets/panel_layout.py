"""The layout of the panel: what is always shown, what “More” shows, and what shows itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam2.io.window_settings import (
    WindowSettings,
    read_window_settings,
    write_window_settings,
)
from napari_sam2.plugin.widgets.form import SPACING, button, row, scroll_area

MORE_TIP = "Show all controls: model, device, options of tracking, review, teaching, many movies"
FILLS, REST = 100, 1  # stretch of a part that takes all free room, and of the room below the parts


@dataclass(frozen=True)
class Part:
    """A part of the panel between its pinned ends.

    Parameters
    ----------
    widget : QWidget
        The part.
    is_shown : callable, optional
        Returns whether the part is shown, given whether the panel shows all controls. None if the
        part decides itself.
    begins_group : bool
        Whether there is a gap above the part.
    fills : bool
        Whether the part takes the free room.
    """

    widget: QWidget
    is_shown: Callable[[bool], bool] | None = None
    begins_group: bool = False
    fills: bool = False


class PanelLayout(QObject):
    """Pins the first and last widgets of the panel, and scrolls the parts between them.

    Parameters
    ----------
    panel : QWidget
        The panel, still without a layout.
    image : QWidget
        The menu of images; the button “More” stands beside it.
    tips : sequence of QWidget
        Widgets pinned below the image.
    parts : sequence of Part
        The parts that scroll, from the top.
    last : sequence of QWidget
        Widgets pinned at the bottom.

    Signals
    -------
    changed()
        The user pressed “More”.
    """

    changed = Signal()

    def __init__(
        self,
        panel: QWidget,
        image: QWidget,
        tips: Sequence[QWidget],
        parts: Sequence[Part],
        last: Sequence[QWidget],
    ) -> None:
        super().__init__(panel)
        self._settings = read_window_settings()
        self._parts = parts
        self.more = button("More", MORE_TIP)
        self.more.setCheckable(True)
        self.more.setChecked(self._settings.shows_more)
        self.more.toggled.connect(self._keep)
        self.area = scroll_area()
        layout = QVBoxLayout(panel)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(_pinned(row(image, self.more), *tips))
        layout.addWidget(self.area, stretch=1)
        layout.addWidget(_pinned(*last))
        self._fill()

    def _fill(self) -> None:
        layout = QVBoxLayout(self.area.widget())
        layout.setSpacing(SPACING)
        layout.setContentsMargins(2 * SPACING, 0, 2 * SPACING, 0)
        for part in self._parts:
            if part.begins_group:
                layout.addSpacing(2 * SPACING)
            layout.addWidget(part.widget, stretch=FILLS if part.fills else 0)
        layout.addStretch(REST)

    @property
    def shows_more(self) -> bool:
        """Whether the panel shows all controls."""
        return bool(self.more.isChecked())

    @property
    def settings(self) -> WindowSettings:
        """The settings of the window."""
        return self._settings

    def set_toured(self) -> None:
        """Remember that the user has seen the tour."""
        self._write(replace(self._settings, has_toured=True))

    def _keep(self, shows_more: bool) -> None:
        self._write(replace(self._settings, shows_more=shows_more))
        self.changed.emit()

    def _write(self, settings: WindowSettings) -> None:
        self._settings = settings
        try:
            write_window_settings(settings)
        except OSError:  # a full disk: the choice holds until the window closes
            return

    def show_parts(self) -> None:
        """Show the parts that are needed now, and all others while “More” is pressed."""
        for part in self._parts:
            if part.is_shown is not None:
                part.widget.setVisible(part.is_shown(self.shows_more))


def _pinned(*widgets: QWidget) -> QWidget:
    """Widgets below each other, with the margins of the parts that scroll."""
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(2 * SPACING, SPACING, 2 * SPACING, SPACING)
    layout.setSpacing(SPACING)
    for widget in widgets:
        layout.addWidget(widget)
    return holder

"""The lanes view: one lane per object; only visible lanes are painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QAbstractScrollArea, QFrame, QToolTip, QWidget

from napari_sam2.plugin.widgets.lane_paint import (
    GUTTER,
    LARGEST_ZOOM,
    ROW,
    RULER,
    Heading,
    Inks,
    LanePicture,
    TimeAxis,
    paint_descent,
    paint_heading,
    paint_lane,
    paint_ruler,
)
from napari_sam2.plugin.widgets.lane_walk import STEPS, walked
from napari_sam2.plugin.window.lane_words import describe
from napari_sam2.plugin.window.timelines import Colouring, run_around

if TYPE_CHECKING:
    from napari_sam2.annotation.quality import Timeline

LANES_AT_FIRST = 7
CLICK_SLACK = 3  # a press that moves by at most so many pixels counts as a click
ZOOM_STEP = 1.25
MODIFIERS = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.ShiftModifier
    | Qt.KeyboardModifier.AltModifier
)  # with one of them, an arrow key is another key, of the viewer
EMPTY = "Each cell that you click gets a lane here.\nTrack (K) fills it."


@dataclass(frozen=True)
class LaneRange:
    """A selected range of frames of one object."""

    object_id: int
    frames: range


class LanesView(QAbstractScrollArea):
    """Shows the timelines of objects as lanes, and reports clicks and drags in them.

    A bar shows where the object has a mask, coloured by quality. A dot marks a prompted frame, a
    line below the bar marks locked frames, a thin line marks frames where the object is lost, and
    an arrow marks a division. The wheel scrolls through the objects, with Shift through time, and
    zooms with Ctrl.

    Signals
    -------
    jumped(int, int)
        The user clicked on a frame of an object, or went there with an arrow key; the object is 0
        in the ruler.
    range_changed()
        Another range is selected, or none.
    menu_asked(object)
        The user opened the menu of the selected range, at a QPoint of the screen.
    changed()
        Lanes, zoom, scroll or place changed, which what is drawn beside the lanes follows.
    """

    jumped = Signal(int, int)
    range_changed = Signal()
    menu_asked = Signal(object)
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._headings: list[Heading] = []
        self._rows: dict[int, int] = {}
        self._lanes: dict[int, LanePicture] = {}
        self._axis = TimeAxis()
        self._is_fitted = True  # until the user zooms
        self._frame = 0
        self._current = 0
        self._measurement: str | None = None  # that colours the bars; None for the quality
        self._selected: LaneRange | None = None
        self._pressed: QPointF | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumHeight(RULER + 3 * ROW)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.viewport().setMouseTracking(True)
        self.horizontalScrollBar().valueChanged.connect(self._on_scrolled)

    # What is shown

    @property
    def axis(self) -> TimeAxis:
        """The time axis of the lanes, to the right of the names."""
        return self._axis

    @property
    def selected(self) -> LaneRange | None:
        """The selected range; None if there is none."""
        return self._selected

    def show_frames(self, frames: int) -> None:
        """Set the number of frames of the movie."""
        if frames != self._axis.frames:
            self._is_fitted = True
            self._axis = TimeAxis(max(1, frames))
            self._lanes.clear()
            self.select(None)
            self._lay_out()

    def show_objects(self, headings: Sequence[Heading]) -> None:
        """Show these objects, one lane each, in this order."""
        if list(headings) == self._headings:
            return
        self._headings = list(headings)
        self._rows = {heading.object_id: row for row, heading in enumerate(headings)}
        for object_id in self._lanes.keys() - self._rows.keys():
            del self._lanes[object_id]
        if self._selected is not None and self._selected.object_id not in self._rows:
            self.select(None)
        self._lay_out()

    def show_timeline(self, object_id: int, timeline: Timeline) -> None:
        """Show the timeline of an object."""
        known = self._lanes.get(object_id)
        if known is None or known.timeline is not timeline:
            self._lanes[object_id] = LanePicture(timeline)
            self.viewport().update()
            self.changed.emit()

    def show_place(self, t: int, object_id: int) -> None:
        """Mark the frame that the viewer shows, and the current object."""
        if (t, object_id) == (self._frame, self._current):
            return
        has_moved = t != self._frame
        self._frame, self._current = t, object_id
        if has_moved and self._pressed is None:
            self._reveal_frame()
        self._reveal_object()
        self.viewport().update()
        self.changed.emit()

    @property
    def place(self) -> tuple[int, int]:
        """The frame that the viewer shows, and the current object."""
        return self._frame, self._current

    @property
    def headings(self) -> tuple[Heading, ...]:
        """The headings of the lanes, in their order."""
        return tuple(self._headings)

    def timeline(self, object_id: int) -> Timeline | None:
        """The timeline of an object; None if it has no lane."""
        lane = self._lanes.get(object_id)
        return None if lane is None else lane.timeline

    def colour_by(self, measurement: str | None) -> None:
        """Colour the bars by a measurement; None colours them by quality."""
        self._measurement = measurement
        self.viewport().update()
        self.changed.emit()

    @property
    def colouring(self) -> Colouring | None:
        """The measurement that colours the bars, and its range in all listed lanes."""
        if self._measurement is None:
            return None
        found = [lane.timeline.measurements.get(self._measurement) for lane in self._lanes.values()]
        known = [one for one in found if one is not None and not np.isnan(one.low)]
        low = min((one.low for one in known), default=0.0)
        return Colouring(self._measurement, low, max((one.high for one in known), default=1.0))

    @property
    def lanes_listed(self) -> int:
        """Number of lanes, visible or scrolled away."""
        return len(self._headings)

    def copy(self) -> LanesView:
        """Make a view of the same lanes that is not on the screen and shows all frames."""
        view = LanesView()
        view.setPalette(self.palette())
        view.show_frames(self._axis.frames)
        view.show_objects(self._headings)
        for object_id, lane in self._lanes.items():
            view.show_timeline(object_id, lane.timeline)
        view.show_place(self._frame, self._current)
        view.colour_by(self._measurement)
        return view

    def select(self, stretch: LaneRange | None) -> None:
        """Select a range of a lane; None clears the selection."""
        if stretch != self._selected:
            self._selected = stretch
            self.viewport().update()
            self.range_changed.emit()

    # Zoom and scroll

    def zoom(self, factor: float, x: float | None = None) -> None:
        """Zoom the time axis; the frame at `x` keeps its position."""
        x = self._lanes_width() / 2 if x is None else x
        place = (x + self._axis.offset) / self._axis.zoom
        zoom = max(min(self._axis.zoom * factor, LARGEST_ZOOM), self._fitting_zoom())
        self._is_fitted = zoom == self._fitting_zoom()
        self._axis = replace(self._axis, zoom=zoom)
        self._lay_out()
        self.horizontalScrollBar().setValue(round(place * zoom - x))

    def fit(self) -> None:
        """Zoom so that all frames are visible."""
        self._is_fitted = True
        self._lay_out()

    def _fitting_zoom(self) -> float:
        return max(1, self._lanes_width()) / self._axis.frames

    def _lanes_width(self) -> int:
        return self.viewport().width() - GUTTER

    def _lay_out(self) -> None:
        zoom = self._fitting_zoom() if self._is_fitted else self._axis.zoom
        self._axis = replace(self._axis, zoom=max(zoom, self._fitting_zoom()))
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setRange(0, max(0, round(self._axis.width) - self._lanes_width()))
        across.setPageStep(max(1, self._lanes_width()))
        across.setSingleStep(max(1, round(self._axis.zoom)))
        height = self.viewport().height() - RULER
        down.setRange(0, max(0, len(self._headings) * ROW - height))
        down.setPageStep(max(1, height))
        down.setSingleStep(ROW)
        self._on_scrolled()
        self.viewport().update()

    def _on_scrolled(self) -> None:
        self._axis = replace(self._axis, offset=float(self.horizontalScrollBar().value()))
        self.viewport().update()
        self.changed.emit()

    def _reveal_frame(self) -> None:
        x, width = self._axis.x(self._frame + 0.5), self._lanes_width()
        if not 0 <= x <= width:
            self.horizontalScrollBar().setValue(round(x + self._axis.offset - width / 2))

    def _reveal_object(self) -> None:
        row = self._rows.get(self._current)
        if row is None:
            return
        bar = self.verticalScrollBar()
        height = self.viewport().height() - RULER
        bar.setValue(min(max(bar.value(), (row + 1) * ROW - height), row * ROW))

    # Painting

    def _top(self, row: int) -> int:
        """Top edge of a lane, in the viewport."""
        return RULER + row * ROW - self.verticalScrollBar().value()

    def _visible_rows(self) -> range:
        scrolled = self.verticalScrollBar().value()
        last = (scrolled + self.viewport().height() - RULER) // ROW + 1
        return range(scrolled // ROW, min(last, len(self._headings)))

    def paintEvent(self, event: Any) -> None:
        """Paint the visible lanes, the selection and the ruler."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inks = Inks.of(self)
        width, height = self._lanes_width(), self.viewport().height()
        if not self._headings:
            painter.setPen(inks.faint(170))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, EMPTY)
            return
        painter.setClipRect(0, RULER, GUTTER + width, height - RULER)
        for row in self._visible_rows():
            heading = self._headings[row]
            is_current = heading.object_id == self._current
            if is_current:
                painter.fillRect(0, self._top(row), GUTTER + width, ROW, inks.faint(22))
            paint_heading(painter, heading, self._top(row), is_current, inks)
        painter.translate(GUTTER, 0)
        painter.setClipRect(0, RULER, width, height - RULER)
        self._paint_lanes(painter, width, inks)
        self._paint_selection(painter, inks.accent)
        painter.setClipping(False)
        paint_ruler(painter, self._axis, width, self._frame, inks)
        here = self._axis.x(self._frame + 0.5)
        if 0 <= here <= width:
            painter.setPen(QPen(inks.text, 1))
            painter.drawLine(QPointF(here, RULER - 3), QPointF(here, height))

    def _paint_lanes(self, painter: QPainter, width: int, inks: Inks) -> None:
        visible, colouring = self._visible_rows(), self.colouring
        for row in visible:
            lane = self._lanes.get(self._headings[row].object_id)
            if lane is not None:
                paint_lane(painter, lane, self._axis, self._top(row), width, inks, colouring)
        for row, heading in enumerate(self._headings):
            mother = None if heading.parent is None else self._rows.get(heading.parent)
            lane = self._lanes.get(heading.object_id)
            if heading.parent is None or lane is None or not lane.present.size:
                continue
            if row >= visible.start and (mother if mother is not None else row) < visible.stop:
                top = None if mother is None else self._top(mother)
                birth = self._axis.x(float(lane.present[0]))
                paint_descent(painter, birth, top, self._top(row), inks)

    def _paint_selection(self, painter: QPainter, accent: QColor) -> None:
        if self._selected is None:
            return
        frames = self._selected.frames
        left, right = self._axis.x(frames.start), self._axis.x(frames.stop)
        top = self._top(self._rows[self._selected.object_id])
        fill = QColor(accent)
        fill.setAlpha(90)
        painter.setPen(QPen(accent, 1.5))
        painter.setBrush(fill)
        painter.drawRoundedRect(QRectF(left, top + 1, right - left, ROW - 2), 2, 2)

    # Mouse

    def _place(self, point: QPointF) -> tuple[int, int]:
        """Frame and object at a point of the viewport; the object is 0 where there is none."""
        row = int(point.y() - RULER + self.verticalScrollBar().value()) // ROW
        is_lane = point.y() >= RULER and 0 <= row < len(self._headings)
        object_id = self._headings[row].object_id if is_lane else 0
        return self._axis.frame(point.x() - GUTTER), object_id

    def mousePressEvent(self, event: Any) -> None:
        """Begin a click, a drag along a lane or through the ruler, or ask for the menu."""
        t, object_id = self._place(event.position())
        if event.button() == Qt.MouseButton.RightButton:
            self._ask_menu(t, object_id, event.globalPosition().toPoint())
        elif event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position()
            is_shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            if event.position().y() < RULER:
                self.jumped.emit(t, 0)
            elif is_shift and object_id:
                self._pressed = QPointF(GUTTER + self._axis.x(self._frame + 0.5), self._pressed.y())
                self._select_to(t)

    def mouseMoveEvent(self, event: Any) -> None:
        """Select along the lane where the button was pressed, or scrub in the ruler."""
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        if self._pressed.y() < RULER:
            self.jumped.emit(self._place(event.position())[0], 0)
        elif self._has_moved(event.position()) and self._pressed.x() >= GUTTER:
            self._select_to(self._place(event.position())[0])

    def mouseReleaseEvent(self, event: Any) -> None:
        """End a drag, or take it as a click."""
        if event.button() != Qt.MouseButton.LeftButton or self._pressed is None:
            return
        t, object_id = self._place(self._pressed)
        is_click = self._pressed.y() >= RULER and not self._has_moved(event.position())
        in_names = self._pressed.x() < GUTTER
        self._pressed = None
        if is_click:
            self.select(None)
            self.jumped.emit(self._frame if in_names else t, object_id)

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """Select the unbroken bar around the clicked frame."""
        t, object_id = self._place(event.position())
        lane = self._lanes.get(object_id)
        if lane is not None and event.position().x() >= GUTTER:
            self.select(LaneRange(object_id, run_around(lane.timeline.has_mask, t)))

    def _has_moved(self, point: QPointF) -> bool:
        return self._pressed is not None and abs(point.x() - self._pressed.x()) > CLICK_SLACK

    def _select_to(self, t: int) -> None:
        assert self._pressed is not None
        start, object_id = self._place(self._pressed)
        if object_id:
            low, high = sorted((start, t))
            self.select(LaneRange(object_id, range(low, high + 1)))

    def _ask_menu(self, t: int, object_id: int, at: Any) -> None:
        """Ask for the menu of the selection, or of the frame that was clicked outside of it."""
        if not object_id:
            return
        chosen = self._selected
        if chosen is None or chosen.object_id != object_id or t not in chosen.frames:
            self.select(LaneRange(object_id, range(t, t + 1)))
        self.menu_asked.emit(at)

    def wheelEvent(self, event: Any) -> None:
        """Scroll through the objects, with Shift through time; zoom with Ctrl."""
        turned = event.angleDelta().y() or event.angleDelta().x()
        modifiers = event.modifiers()
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            self.zoom(ZOOM_STEP ** (turned / 120), event.position().x() - GUTTER)
        elif modifiers & Qt.KeyboardModifier.ShiftModifier or not event.angleDelta().y():
            bar = self.horizontalScrollBar()
            bar.setValue(bar.value() - turned)
        else:
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() - turned // 2)
        event.accept()

    def keyPressEvent(self, event: Any) -> None:
        """Walk with the arrow keys; pass every other key to the viewer."""
        step = STEPS.get(event.key())
        if step is None or not self._headings or event.modifiers() & MODIFIERS:
            event.ignore()
            return
        place = (self._frame, self._current)
        self.jumped.emit(*walked(step, place, self._headings, self._lanes, self._axis.frames))

    # Size, theme, tool tips

    def sizeHint(self) -> QSize:
        """Give room for `LANES_AT_FIRST` lanes."""
        return QSize(480, RULER + LANES_AT_FIRST * ROW)

    def resizeEvent(self, event: Any) -> None:
        """Keep all frames in view until the user zooms."""
        super().resizeEvent(event)
        self._lay_out()

    def changeEvent(self, event: Any) -> None:
        """Repaint when the theme changes."""
        super().changeEvent(event)
        self.viewport().update()

    def viewportEvent(self, event: Any) -> bool:
        """Show the tooltip of the frame under the mouse."""
        if event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.tip_at(QPointF(event.pos())), self)
            return True
        return bool(super().viewportEvent(event))

    def tip_at(self, point: QPointF) -> str:
        """Tooltip of the object and frame at a point of the viewport."""
        t, object_id = self._place(point)
        lane = self._lanes.get(object_id)
        if lane is None or point.x() < GUTTER:
            return ""
        return f"cell {object_id}, frame {t}: {describe(lane.timeline, t)}"

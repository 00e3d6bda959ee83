"""A plot of a measurement over time, below the lanes: the current cell and its daughters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_sam2.annotation.measured import UNITS
from napari_sam2.plugin.widgets.lane_paint import GUTTER, Inks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.plugin.widgets.lane_paint import Heading
    from napari_sam2.plugin.widgets.lanes_view import LanesView

HEIGHT = 110  # pixels of the screen
MARGIN = 8  # above and below the curves
DOT = 2.5  # radius of the mark of a value


class MeasurementPlot(QWidget):
    """Draws curves on the time axis of the lanes, so that both are read together.

    Parameters
    ----------
    lanes : LanesView
        Gives the cells, their measurements and the time axis.

    Signals
    -------
    jumped(int, int)
        The user clicked on a frame; the object is the one whose curve is nearest there.
    """

    jumped = Signal(int, int)

    def __init__(self, lanes: LanesView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lanes = lanes
        self.measurement = "area"
        self.setFixedHeight(HEIGHT)
        lanes.changed.connect(self.update)

    def show_measurement(self, name: str) -> None:
        """Plot another measurement."""
        self.measurement = name
        self.update()

    def curves(self) -> Iterator[tuple[Heading, NDArray[np.float32]]]:
        """The current cell and its daughters, with the (T,) values of each; NaN where none."""
        _, current = self._lanes.place
        for heading in self._lanes.headings:
            timeline = self._lanes.timeline(heading.object_id)
            if current in (heading.object_id, heading.parent) and timeline is not None:
                measured = timeline.measurements.get(self.measurement)
                if measured is not None:
                    yield heading, measured.values

    def limits(self) -> tuple[float, float]:
        """The values at the bottom and the top of the plot."""
        known = [values[~np.isnan(values)] for _, values in self.curves()]
        joined = np.concatenate(known) if known else np.zeros(0, np.float32)
        if not joined.size:
            return 0.0, 1.0
        high = float(joined.max())
        return 0.0, high if high > 0 else 1.0

    def _y(self, value: float, limits: tuple[float, float]) -> float:
        """Height of a value on the screen."""
        low, high = limits
        return self.height() - MARGIN - (value - low) / (high - low) * (self.height() - 2 * MARGIN)

    def paintEvent(self, event: Any) -> None:
        """Draw the curves, the limits and the shown frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inks, limits = Inks.of(self), self.limits()
        self._paint_scale(painter, inks, limits)
        painter.translate(GUTTER, 0)
        painter.setClipRect(0, 0, self.width() - GUTTER, self.height())
        for heading, values in self.curves():
            self._paint_curve(painter, QColor.fromRgbF(*heading.colour), values, limits)
        here = self._lanes.axis.x(self._lanes.place[0] + 0.5)
        painter.setPen(QPen(inks.text, 1))
        painter.drawLine(QPointF(here, 0), QPointF(here, self.height()))

    def _paint_scale(self, painter: QPainter, inks: Inks, limits: tuple[float, float]) -> None:
        painter.setPen(inks.faint(170))
        room = QRectF(0, MARGIN / 2, GUTTER - 6, self.height() - MARGIN)
        right = Qt.AlignmentFlag.AlignRight
        painter.drawText(room, right | Qt.AlignmentFlag.AlignTop, f"{limits[1]:.4g}")
        painter.drawText(room, right | Qt.AlignmentFlag.AlignBottom, f"{limits[0]:.4g}")
        words = f"{self.measurement}\n({UNITS[self.measurement]})"
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(room, int(flags | right), words)

    def _paint_curve(
        self,
        painter: QPainter,
        colour: QColor,
        values: NDArray[np.float32],
        limits: tuple[float, float],
    ) -> None:
        """Draw a line through neighbouring frames, and a dot on each frame."""
        axis = self._lanes.axis
        frames = np.flatnonzero(~np.isnan(values))
        points = [QPointF(axis.x(t + 0.5), self._y(float(values[t]), limits)) for t in frames]
        painter.setPen(QPen(colour, 1.5))
        start = 0
        for end in [*(np.flatnonzero(np.diff(frames) > 1) + 1).tolist(), len(frames)]:
            painter.drawPolyline(QPolygonF(points[start:end]))
            start = end
        painter.setBrush(colour)
        for point in points if axis.zoom > 2 * DOT else ():
            painter.drawEllipse(point, DOT, DOT)

    def mousePressEvent(self, event: Any) -> None:
        """Go to the frame under the mouse, and to the cell whose curve is nearest there."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.jumped.emit(*self.place_at(event.position()))

    def place_at(self, point: QPointF) -> tuple[int, int]:
        """Frame at a point of the plot, and the object whose curve is nearest to the point there.

        The object is 0 where no curve has a value on this frame.
        """
        t, limits = self._lanes.axis.frame(point.x() - GUTTER), self.limits()
        away = {
            heading.object_id: abs(self._y(float(values[t]), limits) - point.y())
            for heading, values in self.curves()
            if not np.isnan(values[t])
        }
        return t, min(away, key=away.__getitem__, default=0)

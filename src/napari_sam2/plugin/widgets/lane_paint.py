"""Drawing of lanes: the time axis, and painting of bars, dots, locks and names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRect, QRectF, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPainterPath, QPalette, QPen, QPixmap
from qtpy.QtWidgets import QWidget

from napari_sam2.plugin.window.timelines import BAR, LOCK, LOST, UNUSUAL, Colouring, lane_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation.quality import Timeline
    from napari_sam2.plugin.layers.colours import Colour

ROW = 20  # height of a lane, in pixels of the screen
RULER = 20  # height of the frame numbers
GUTTER = 92  # width of the names
BAR_TOP, BAR_HEIGHT = 4, 9
LOCK_TOP, LOCK_HEIGHT = 15, 2
UNUSUAL_TOP, UNUSUAL_HEIGHT = 1, 2
DOT = 8.0  # diameter of the dot on a prompted frame, with its rim
DOT_GAP = 12.0  # least distance of two dots
TICK_GAP = 60  # least distance of frame numbers
LARGEST_ZOOM = 24.0  # pixels per frame


@dataclass(frozen=True)
class TimeAxis:
    """Maps frames to horizontal positions on the screen.

    Parameters
    ----------
    frames : int
        Number of frames of the movie.
    zoom : float
        Pixels of the screen per frame.
    offset : float
        How far the lanes are scrolled to the right, in pixels.
    """

    frames: int = 1
    zoom: float = 1.0
    offset: float = 0.0

    @property
    def width(self) -> float:
        """Width of all frames, in pixels."""
        return self.frames * self.zoom

    def x(self, t: float) -> float:
        """Left edge of a frame, counted from the left of the lanes."""
        return t * self.zoom - self.offset

    def frame(self, x: float) -> int:
        """The frame at a horizontal position, clipped to the movie."""
        return int(min(max((x + self.offset) // self.zoom, 0), self.frames - 1))

    def visible(self, width: float) -> range:
        """Frames that are at least partly visible."""
        return range(self.frame(0), self.frame(width) + 1)


@dataclass(frozen=True)
class Heading:
    """The heading on the left of a lane.

    Parameters
    ----------
    object_id : int
        The object.
    name : str
        Its name, if any.
    colour : Colour
        Its colour on the Labels layer.
    parent : int, optional
        Its mother.
    """

    object_id: int
    name: str
    colour: Colour
    parent: int | None = None


class LanePicture:
    """The lane of one object: its colours as an image, computed only when they change.

    Parameters
    ----------
    timeline : Timeline
        The timeline of the object.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.prompted = np.flatnonzero(timeline.is_prompted)
        self.present = np.flatnonzero(timeline.has_mask)
        self._key: tuple[int, QColor, Colouring | None] | None = None
        self._image = QImage()

    def image(self, zoom: float, ink: QColor, colouring: Colouring | None = None) -> QImage:
        """The image of the lane, with at most one pixel per frame."""
        frames = len(self.timeline.has_mask)
        width = max(1, min(frames, int(frames * zoom)))
        if self._key != (width, ink, colouring):
            rgb = (ink.red(), ink.green(), ink.blue())
            self._image = _image(lane_picture(self.timeline, width, rgb, colouring))
            self._key = (width, ink, colouring)
        return self._image


@dataclass(frozen=True)
class Inks:
    """Colours of the theme for drawing on the lanes."""

    text: QColor
    accent: QColor
    dot: QPixmap  # marks a prompted frame

    @classmethod
    def of(cls, widget: QWidget) -> Inks:
        """Read the colours from the palette of a widget."""
        palette = widget.palette()
        text = palette.color(QPalette.ColorRole.WindowText)
        ground = palette.color(QPalette.ColorRole.Window)
        accent = palette.color(QPalette.ColorRole.Highlight)
        return cls(text, accent, _dot(text, ground, widget.devicePixelRatioF()))

    def faint(self, alpha: int) -> QColor:
        """The colour of text, with transparency."""
        colour = QColor(self.text)
        colour.setAlpha(alpha)
        return colour


def paint_lane(
    painter: QPainter,
    lane: LanePicture,
    axis: TimeAxis,
    top: float,
    width: float,
    inks: Inks,
    colouring: Colouring | None = None,
) -> None:
    """Draw bars, lines, marks and dots of one lane, starting at the painter's left edge."""
    image = lane.image(axis.zoom, inks.text, colouring)
    shown = axis.visible(width)
    scale = image.width() / axis.frames
    left, right = axis.x(shown.start), axis.x(shown.stop)
    parts = ((BAR, BAR_TOP, BAR_HEIGHT), (LOST, BAR_TOP + BAR_HEIGHT // 2, 1))
    lines = ((LOCK, LOCK_TOP, LOCK_HEIGHT), (UNUSUAL, UNUSUAL_TOP, UNUSUAL_HEIGHT))
    for row, y, height in (*parts, *lines):
        target = QRectF(left, top + y, right - left, height)
        source = QRectF(shown.start * scale, row, len(shown) * scale, 1)
        painter.drawImage(target, image, source)
    _paint_dots(painter, lane.prompted, axis, shown, top + BAR_TOP + BAR_HEIGHT / 2, inks)


def _paint_dots(
    painter: QPainter,
    prompted: NDArray[np.intp],
    axis: TimeAxis,
    shown: range,
    middle: float,
    inks: Inks,
) -> None:
    """Draw dots on prompted frames; one dot stands for several that would overlap."""
    first, last = np.searchsorted(prompted, (shown.start, shown.stop))
    centres = (prompted[first:last] + 0.5) * axis.zoom
    _, firsts = np.unique(centres // DOT_GAP, return_index=True)
    top = middle - DOT / 2
    for x in (centres[firsts] - (axis.offset + DOT / 2)).tolist():
        painter.drawPixmap(QPointF(x, top), inks.dot)


def _dot(ink: QColor, rim: QColor, ratio: float) -> QPixmap:
    side = round(DOT * ratio)
    pixmap = QPixmap(side, side)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(rim, 1))
    painter.setBrush(ink)
    painter.drawEllipse(QRectF(0.5, 0.5, DOT - 1, DOT - 1))
    painter.end()
    return pixmap


def paint_descent(
    painter: QPainter, x: float, mother_top: float | None, daughter_top: float, inks: Inks
) -> None:
    """Draw a division: a line down from the mother's lane, and an arrow into the daughter's."""
    middle = BAR_TOP + BAR_HEIGHT / 2
    end = daughter_top + middle
    painter.setPen(QPen(inks.faint(200), 1.5))
    if mother_top is not None:
        painter.drawLine(QPointF(x - 3, mother_top + middle), QPointF(x - 3, end))
    arrow = QPainterPath(QPointF(x - 4, end - 4))
    arrow.lineTo(x + 2, end)
    arrow.lineTo(x - 4, end + 4)
    arrow.closeSubpath()
    painter.fillPath(arrow, inks.text)


def paint_heading(
    painter: QPainter, heading: Heading, top: int, is_current: bool, inks: Inks
) -> None:
    """Draw colour, number and name of an object."""
    if is_current:
        painter.fillRect(QRect(0, top, GUTTER - 4, ROW), inks.accent)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor.fromRgbF(*heading.colour))
    indent = 0 if heading.parent is None else 8
    painter.drawEllipse(QPointF(10 + indent, top + ROW / 2), 4.5, 4.5)
    painter.setPen(inks.text)
    room = QRect(20 + indent, top, GUTTER - 26 - indent, ROW)
    text = f"{heading.object_id}  {heading.name}".strip()
    elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room.width())
    painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, elided)


def paint_ruler(painter: QPainter, axis: TimeAxis, width: float, t: int, inks: Inks) -> None:
    """Draw the frame numbers, with the number of the shown frame emphasised."""
    step = tick_step(axis.zoom)
    shown = axis.visible(width)
    here = axis.x(t + 0.5)
    for tick in range(-(-shown.start // step) * step, shown.stop, step):
        x = axis.x(tick + 0.5)
        painter.setPen(inks.faint(90))
        painter.drawLine(QPointF(x, RULER - 4), QPointF(x, RULER))
        if abs(x - here) > TICK_GAP / 2:
            painter.setPen(inks.faint(170))
            _centred(painter, x, str(tick))
    painter.setPen(inks.text)
    _centred(painter, min(max(here, 12.0), width - 12), str(t))


def _centred(painter: QPainter, x: float, text: str) -> None:
    room = QRectF(x - TICK_GAP / 2, 0, TICK_GAP, RULER - 4)
    painter.drawText(room, Qt.AlignmentFlag.AlignCenter, text)


def tick_step(zoom: float) -> int:
    """Frames between two numbers of the ruler: 1, 2 or 5 times a power of ten."""
    least = TICK_GAP / zoom
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least:
                return factor * power
        power *= 10


def _image(pixels: NDArray[np.uint32]) -> QImage:
    height, width = pixels.shape
    data = np.ascontiguousarray(pixels).tobytes()
    format_ = QImage.Format.Format_ARGB32_Premultiplied
    return QImage(data, width, height, 4 * width, format_).copy()  # its own memory

"""The button that teaches the model, with the progress of a lesson and its curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QLabel, QMenu, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from napari_sam2.plugin.widgets.form import SPACING, button, row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.training.lesson_process import LessonAdvanced

TEACH, STOP = "Teach (Shift+T)", "Stop teaching"
TIP = "Train the model for a few minutes on the masks that you made or checked"
STOP_TIP = "Stop now, and keep the best model so far"
CURVE_HEIGHT = 36
CURVE_COLOUR = "#009e73"
LEAST_RANGE = 0.05  # of the IoU axis, so that noise does not look like a change


class TeachBox(QWidget):
    """The teach button, a menu beside it, and one line of text.

    Signals
    -------
    pressed()
        The user pressed the button, to teach or to stop.
    settings_asked(), models_asked()
        The user wants to change the settings of teaching, or to see the taught models.
    """

    pressed = Signal()
    settings_asked = Signal()
    models_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = button(TEACH, TIP)
        self.more = button("…", "Settings of teaching, and your taught models")
        self.more.setFixedWidth(34)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.curve = CurveView()
        menu = QMenu(self)
        menu.addAction("Settings…").triggered.connect(self.settings_asked)
        menu.addAction("My models…").triggered.connect(self.models_asked)
        self.more.setMenu(menu)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        for part in (row(self.button, self.more), self.text, self.progress, self.curve):
            layout.addWidget(part)
        self.button.clicked.connect(self.pressed)

    def show_state(self, text: str, *, is_on: bool, can_press: bool) -> None:
        """Show the line of text, and whether the button teaches or stops."""
        self.button.setText(STOP if is_on else TEACH)
        self.button.setEnabled(can_press)
        self.button.setToolTip(STOP_TIP if is_on else (TIP if can_press else text))
        self.text.setText(text)
        self.progress.setVisible(is_on)

    def show_progress(self, progress: LessonAdvanced | None) -> None:
        """Show how much of the time has passed, and the curve; None hides the curve."""
        self.curve.setVisible(progress is not None)
        if progress is None:
            self.progress.setRange(0, 0)  # busy
            return
        self.progress.setRange(0, round(progress.budget_s))
        self.progress.setValue(min(round(progress.seconds), round(progress.budget_s)))
        self.curve.show_curve(progress.curve, max(progress.steps, progress.step))


class CurveView(QWidget):
    """A small curve of the IoU on masks that were kept aside."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(CURVE_HEIGHT)
        self.setToolTip("IoU on cells that were kept aside, from the beginning of the lesson")
        self._points: list[tuple[float, float]] = []

    def show_curve(self, curve: Sequence[tuple[int, float]], steps: int) -> None:
        """Show values by step; the width is that of all steps."""
        values = [value for _, value in curve]
        low, high = min(values), max(values)
        high = max(high, low + LEAST_RANGE)
        self._points = [
            (step / max(steps, 1), 1 - (value - low) / (high - low)) for step, value in curve
        ]
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the curve with a dot at each value."""
        with_margin = self.rect().adjusted(4, 4, -4, -4)
        points = [
            QPointF(
                with_margin.left() + x * with_margin.width(),
                with_margin.top() + y * with_margin.height(),
            )
            for x, y in self._points
        ]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(CURVE_COLOUR), 2))
        painter.drawPolyline(QPolygonF(points))
        painter.setBrush(QColor(CURVE_COLOUR))
        for point in points:
            painter.drawEllipse(point, 2.5, 2.5)
        painter.end()

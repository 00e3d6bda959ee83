"""Rows of a label and a field that line up across the parts of the widget."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

LONGEST_LABEL = "Click (T)"
SPACING = 4  # pixels between what belongs together


def form(parent: QWidget) -> QFormLayout:
    """A form without margins."""
    layout = QFormLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setVerticalSpacing(SPACING)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout


class _Label(QLabel):
    """As wide as the longest one, in whatever font the theme gives it."""

    def sizeHint(self) -> QSize:
        """Its own height."""
        hint, own = super().sizeHint(), self.fontMetrics().horizontalAdvance
        hint.setWidth(hint.width() + own(LONGEST_LABEL) - own(self.text()))
        return hint


def label(text: str = "") -> QLabel:
    """A label as wide as the longest one."""
    return _Label(text)


def menu(tool_tip: str) -> QComboBox:
    """A menu that takes the width there is, however long its entries are."""
    widget = QComboBox()
    widget.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    widget.setMinimumContentsLength(6)
    widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    widget.setToolTip(tool_tip)
    return widget


def button(text: str, tool_tip: str = "") -> QPushButton:
    """A button that leaves the keyboard to the viewer when it is clicked."""
    widget = QPushButton(text)
    widget.setToolTip(tool_tip)
    widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return widget


class _Content(QWidget):
    """What is scrolled: its parts are pressed together before that."""

    def heightForWidth(self, width: int) -> int:
        """The least height."""
        layout = self.layout()
        return -1 if layout is None else int(layout.minimumHeightForWidth(width))


class _Area(QScrollArea):
    """Scrolls up and down only, so it is never narrower than what it scrolls."""

    def minimumSizeHint(self) -> QSize:
        """As wide as its content and the bar."""
        content, bar = self.widget(), self.verticalScrollBar()
        width = content.minimumSizeHint().width() + bar.sizeHint().width()
        return QSize(width, super().minimumSizeHint().height())


def scrolled(parent: QWidget) -> QWidget:
    """A widget that fills another one, and is scrolled where a low screen has no room for it."""
    area = _Area()
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    content = _Content()
    area.setWidget(content)
    layout = QVBoxLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(area)
    return content


def row(*widgets: QWidget) -> QWidget:
    """Widgets side by side."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACING)
    for widget in widgets:
        layout.addWidget(widget)
    return holder

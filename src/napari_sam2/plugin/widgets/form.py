"""Form rows, buttons and menus that look the same and line up in all parts of the panel."""

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
    QWidget,
)

LONGEST_LABEL = "Click (T)"
SPACING = 4  # pixels between widgets of one part


def form(parent: QWidget) -> QFormLayout:
    """Make a form layout without margins."""
    layout = QFormLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setVerticalSpacing(SPACING)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout


class _Label(QLabel):
    """A label as wide as `LONGEST_LABEL` in the font of the theme."""

    def sizeHint(self) -> QSize:
        """Give its own height and the width of the longest label."""
        hint, own = super().sizeHint(), self.fontMetrics().horizontalAdvance
        hint.setWidth(hint.width() + own(LONGEST_LABEL) - own(self.text()))
        return hint


def label(text: str = "") -> QLabel:
    """Make a label as wide as the longest one, so that the fields line up."""
    return _Label(text)


def menu(tool_tip: str) -> QComboBox:
    """Make a menu that fills the available width, however long its entries are."""
    widget = QComboBox()
    widget.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    widget.setMinimumContentsLength(6)
    widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    widget.setToolTip(tool_tip)
    return widget


def button(text: str, tool_tip: str = "") -> QPushButton:
    """Make a button that does not take the keyboard focus from the viewer when clicked."""
    widget = QPushButton(text)
    widget.setToolTip(tool_tip)
    widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return widget


class _Content(QWidget):
    """Content of the scroll area; it shrinks to its least height before it is scrolled."""

    def heightForWidth(self, width: int) -> int:
        """Give the least height of the layout."""
        layout = self.layout()
        return -1 if layout is None else int(layout.minimumHeightForWidth(width))


class _Area(QScrollArea):
    """A scroll area that scrolls vertically only and is never narrower than its content."""

    def minimumSizeHint(self) -> QSize:
        """Give the width of the content plus the scroll bar."""
        content, bar = self.widget(), self.verticalScrollBar()
        width = content.minimumSizeHint().width() + bar.sizeHint().width()
        return QSize(width, super().minimumSizeHint().height())


def scroll_area() -> QScrollArea:
    """Make a scroll area with an empty content widget; the caller gives it a layout."""
    area = _Area()
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(_Content())
    return area


def row(*widgets: QWidget) -> QWidget:
    """Put widgets side by side."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACING)
    for widget in widgets:
        layout.addWidget(widget)
    return holder

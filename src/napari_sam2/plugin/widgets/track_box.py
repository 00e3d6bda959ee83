"""The track button with its options, and the progress of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_sam2.plugin.widgets.form import SPACING, button, menu, row

if TYPE_CHECKING:
    from napari_sam2.plugin.protocol.messages import Direction
    from napari_sam2.plugin.window.image_state import RunProgress
    from napari_sam2.plugin.window.next_step import TrackButton

DIRECTIONS: dict[str, Direction] = {
    "Both ways": "both",
    "Forward": "forward",
    "Backward": "backward",
}
ALL_FRAMES = 0


class TrackBox(QWidget):
    """The track button and its options.

    Signals
    -------
    pressed()
        The user pressed the button, to track or to cancel.
    """

    pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = button("")
        self.button.setMinimumHeight(34)
        self.directions = menu("Direction of tracking, from the frames with prompts")
        self.directions.addItems(list(DIRECTIONS))
        self.frames = QSpinBox()
        self.frames.setRange(ALL_FRAMES, 99999)
        self.frames.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.frames.setSpecialValueText("all frames")
        self.frames.setSuffix(" frames")
        self.frames.setToolTip("Number of frames to track, counted from the shown frame")
        self.until_locked = QCheckBox("Stop at locks")
        self.until_locked.setToolTip("Track each cell only up to its next locked frame")
        self.until_locked.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.follow = QCheckBox("Follow")
        self.follow.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.follow.setToolTip(
            "Show each frame as it is tracked; otherwise the shown frame does not change"
        )
        self.memory = QLabel()
        self.memory.setToolTip("Memory that napari uses, and an estimate for the end of the run")
        self.memory.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self._reach = row(self.directions, self.frames)
        self._options = row(self.until_locked, self.follow)
        self._lay_out()
        self._connect()

    @property
    def direction(self) -> Direction:
        """Direction chosen by the user."""
        return DIRECTIONS[self.directions.currentText()]

    @property
    def frame_limit(self) -> int | None:
        """Number of frames chosen by the user; None for all."""
        value = self.frames.value()
        return None if value == ALL_FRAMES else value

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.button)
        layout.addWidget(self._reach)
        layout.addWidget(self._options)
        layout.addWidget(self.progress)
        layout.addWidget(self.memory)
        policy = self.progress.sizePolicy()
        policy.setRetainSizeWhenHidden(
            True
        )  # so that the layout does not move when tracking begins
        self.progress.setSizePolicy(policy)

    def _connect(self) -> None:
        self.button.clicked.connect(self.pressed)
        self.directions.activated.connect(self.directions.clearFocus)
        self.frames.editingFinished.connect(self.frames.clearFocus)

    def show_more(self, shows_more: bool) -> None:
        """Show all options, or only those that are not as they are at first."""
        is_limited = self.direction != "both" or self.frame_limit is not None
        is_special = self.until_locked.isChecked() or self.follow.isChecked()
        self._reach.setVisible(shows_more or is_limited)
        self._options.setVisible(shows_more or is_special)
        self.memory.setVisible(shows_more)

    def show_run(self, progress: RunProgress | None, state: TrackButton) -> None:
        """Show the action of the button, and the progress of a run."""
        is_running = progress is not None
        text, tool_tip = state.value
        self.button.setText(text)
        self.button.setToolTip(tool_tip)
        self.button.setEnabled(state.is_enabled)
        self.directions.setEnabled(not is_running)
        self.frames.setEnabled(not is_running)
        self.until_locked.setEnabled(not is_running)
        self.progress.setVisible(is_running)
        self.memory.setText("" if progress is None else progress.memory_text)
        if progress is not None:
            self.progress.setRange(0, progress.total)  # 0 of 0 shows that it is busy
            self.progress.setValue(progress.done)
            self.progress.setFormat(str(progress))

"""Verification: plays each cell once, its doubtful frames first, and takes a verdict on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2.annotation.objects import Status
from napari_sam2.plugin.startup.error_notifications import show_info

if TYPE_CHECKING:
    from napari_sam2.annotation.quality import Timeline
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.review_actions import ReviewActions

MOST_DOUBTFUL = 10  # frames that are shown before the cell is played
DOUBTFUL_MS, FRAME_MS = 900, 100  # how long a frame is shown


@dataclass(frozen=True)
class Step:
    """A frame to show, and whether it is shown because it is doubtful."""

    t: int
    is_doubtful: bool

    @property
    def milliseconds(self) -> int:
        """How long it is shown."""
        return DOUBTFUL_MS if self.is_doubtful else FRAME_MS


def playlist(timeline: Timeline) -> list[Step]:
    """Frames of a cell to show: the most doubtful ones, then all from first to last mask."""
    severity = np.asarray(timeline.severity)
    worst = np.argsort(-severity, kind="stable")[:MOST_DOUBTFUL]
    doubtful = [Step(int(t), True) for t in worst if severity[t] > 0]
    there = np.flatnonzero(timeline.has_mask)
    frames = range(int(there[0]), int(there[-1]) + 1) if there.size else range(0)
    return doubtful + [Step(t, False) for t in frames]


def cells_to_judge(image_state: ImageState) -> list[int]:
    """Cells without a valid verdict, the most doubtful first; if all have one, those to refine."""
    statuses = {
        key: Status.DRAFT if image_state.is_outdated(key) else known.status
        for key, known in image_state.objects.items()
        if key in image_state.timelines
    }
    for wanted in (Status.DRAFT, Status.TO_REFINE):
        found = [key for key, status in statuses.items() if status is wanted]
        if found:
            return sorted(found, key=lambda key: (-image_state.summaries[key].doubtful, key))
    return []


class Verification(QObject):
    """The review mode of the window.

    Parameters
    ----------
    chosen : callable
        Gives the state of the chosen image; None if none is chosen.
    go_to : callable
        Shows a frame and chooses an object.
    review : ReviewActions
        Sends the verdicts.
    parent : QObject
        Owner of the timer.

    Attributes
    ----------
    current : int or None
        The cell that is judged; None while the mode is off.
    step : Step or None
        The frame that is shown; None when all frames were played.
    """

    changed = Signal()

    def __init__(
        self,
        chosen: Callable[[], ImageState | None],
        go_to: Callable[[int, int], None],
        review: ReviewActions,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._chosen = chosen
        self._go_to = go_to
        self._review = review
        self._image_state: ImageState | None = None
        self._waiting: list[int] = []
        self._steps: list[Step] = []
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._show_next)
        self.current: int | None = None
        self.step: Step | None = None

    @property
    def is_on(self) -> bool:
        """Whether the mode is on."""
        return self.current is not None

    @property
    def is_playing(self) -> bool:
        """Whether frames are being played."""
        return bool(self._timer.isActive())

    @property
    def cells_left(self) -> int:
        """How many cells come after the current one."""
        return len(self._waiting)

    def toggle(self) -> None:
        """Begin with the most doubtful cell, or leave the mode."""
        if self.is_on:
            self.stop()
            return
        image_state = self._chosen()
        if image_state is None:
            return
        self._image_state, self._waiting = image_state, cells_to_judge(image_state)
        self._next_cell()

    def stop(self) -> None:
        """Leave the mode; verdicts so far stay."""
        self._timer.stop()
        self.current = self.step = None
        self._waiting, self._steps = [], []
        self.changed.emit()

    def judge(self, status: Status) -> None:
        """Give the current cell its verdict and play the next one."""
        if self.current is None or self._is_elsewhere():
            return
        self._review.judge([self.current], status)
        self._next_cell()

    def play(self) -> None:
        """Play the current cell from the beginning; while it is playing, pause on this frame."""
        if self.current is None or self._is_elsewhere():
            return
        if self.is_playing:
            self._timer.stop()
            self.changed.emit()
        elif self._steps:
            self._show_next()
        else:
            self._begin(self.current)

    def go_to_refine(self) -> None:
        """Show the next cell to refine on its most doubtful frame, so that it can be corrected."""
        image_state = self._chosen()
        if image_state is None:
            return
        self.stop()
        found = cells_to_refine(image_state)
        if found:
            later = [key for key in found if key > image_state.current_object]
            object_id = (later or found)[0]
            steps = playlist(image_state.timelines[object_id])
            self._go_to(steps[0].t if steps else 0, object_id)

    def _next_cell(self) -> None:
        assert self._image_state is not None
        known = self._image_state.timelines
        self._waiting = [key for key in self._waiting if key in known]
        if self._waiting:
            self._begin(self._waiting.pop(0))
        else:
            self.stop()
            show_info("No cell is left to review. The table shows the verdicts.")

    def _begin(self, object_id: int) -> None:
        assert self._image_state is not None
        self.current = object_id
        self._steps = playlist(self._image_state.timelines[object_id])
        self._show_next()

    def _show_next(self) -> None:
        """Show the next frame, and come back when it has been seen."""
        if self.current is None or self._is_elsewhere():
            return
        self.step = self._steps.pop(0) if self._steps else None
        if self.step is not None:
            self._go_to(self.step.t, self.current)
            self._timer.start(self.step.milliseconds)
        self.changed.emit()

    def _is_elsewhere(self) -> bool:
        """Whether another image was chosen or the cell was deleted; the mode ends then."""
        image_state = self._chosen()
        is_same = image_state is not None and image_state is self._image_state
        if is_same and image_state is not None and self.current in image_state.timelines:
            return False
        self.stop()
        return True


def cells_to_refine(image_state: ImageState) -> list[int]:
    """Cells with the status "to refine", by their number."""
    return sorted(
        key
        for key, known in image_state.objects.items()
        if known.status is Status.TO_REFINE and key in image_state.timelines
    )

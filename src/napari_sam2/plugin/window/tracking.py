"""Start, cancel and follow tracking runs, and show them in napari's activity dock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from qtpy.QtCore import QObject, Signal

from napari_sam2.plugin.protocol.messages import (
    Cancel,
    Direction,
    Report,
    Track,
    TrackAdvanced,
    TrackEnded,
    TrackStarted,
    Work,
    WorkAdvanced,
    WorkEnded,
)
from napari_sam2.plugin.protocol.review_messages import (
    CheckBackward,
    NothingToCheck,
)
from napari_sam2.plugin.startup.error_notifications import show_info
from napari_sam2.plugin.window.activity import ActivityBar
from napari_sam2.plugin.window.image_state import RunProgress

if TYPE_CHECKING:
    from napari_sam2.plugin.protocol.messages import Command
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers

WORK_TEXTS: dict[Work, str] = {
    "import": "importing labels",
    "divisions": "looking for possible divisions",
    "check": "verifying",
}


NOTHING_TO_CHECK = "Nothing is left to verify: no tracked cell has changed since the last time."


class Tracking(QObject):
    """Starts and cancels runs, and knows whether one is in progress.

    Parameters
    ----------
    place : callable
        Gives the state of the chosen image and the frame that is shown; no state if none.
    acting_place : callable
        The same for runs from the shown frame; no state where the image has no such frame.
    image_states : callable
        Gives the states of all images.
    send : callable
        Takes commands to the inference thread.
    parent : QObject
        The controller.

    Signals
    -------
    changed()
        A run was requested.
    ended()
        A run has ended: finished, cancelled or failed.
    """

    changed = Signal()
    ended = Signal()

    def __init__(
        self,
        place: Callable[[], tuple[ImageState | None, int]],
        acting_place: Callable[[], tuple[ImageState | None, int]],
        image_states: Callable[[], Iterable[ImageState]],
        send: Callable[[Command], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._place = place
        self._acting_place = acting_place
        self._image_states = image_states
        self._send = send
        self._activity = ActivityBar()
        self.handlers: Handlers = {
            TrackStarted: self._begin,
            TrackAdvanced: self._advance,
            TrackEnded: self._end,
            WorkAdvanced: self._advance_work,
            WorkEnded: lambda report: self.clear(),
            NothingToCheck: lambda report: show_info(NOTHING_TO_CHECK),
        }
        self.follows = False  # whether the viewer follows the computed frames

    @property
    def is_on(self) -> bool:
        """Whether any image is being tracked, or other work on all its frames is under way."""
        return any(image_state.progress is not None for image_state in self._image_states())

    def start(
        self,
        direction: Direction = "both",
        frames: int | None = None,
        *,
        until_locked: bool = False,
    ) -> None:
        """Track the objects through all frames, or `frames` from the shown one, or up to a lock."""
        image_state, t = self._place() if frames is None else self._acting_place()
        if image_state is not None and image_state.has_prompts():
            start, stop = span(image_state.time_of(t), direction, frames)
            planes = image_state.planes
            start, stop = (None if one is None else one * planes for one in (start, stop))
            self._start(
                image_state,
                Track(image_state.number, direction, start, stop, until_locked=until_locked),
            )

    def start_again(self) -> None:
        """Track all objects through all frames again; reviewed frames are locked first."""
        image_state, _ = self._place()
        if image_state is not None and image_state.has_prompts():
            self._start(image_state, Track(image_state.number, keep_reviewed=True))

    def start_range(self, object_id: int, frames: range) -> None:
        """Track one object through some frames only."""
        image_state, _ = self._place()
        if image_state is not None and image_state.has_prompts(object_id):
            start, stop = frames.start, frames.stop
            self._start(image_state, Track(image_state.number, "both", start, stop, (object_id,)))

    def segment_frame(self) -> None:
        """Segment the current object on the shown frame, from its other frames."""
        image_state, t = self._acting_place()
        if image_state is not None:
            self.start_range(image_state.current_object, range(t, t + 1))

    def start_check(self) -> None:
        """Track all objects back from their end, and compare; no mask changes."""
        image_state, _ = self._place()
        if image_state is not None and image_state.has_prompts():
            self._start(image_state, CheckBackward(image_state.number), "check")

    def _start(
        self,
        image_state: ImageState,
        command: Track | CheckBackward,
        work: Literal["tracking", "check"] = "tracking",
    ) -> None:
        if image_state.progress is None:
            image_state.progress = RunProgress(work=work)
            self._send(command)
            self.changed.emit()

    def cancel(self) -> None:
        """Cancel tracking, an import or a search, within a frame."""
        self._send(Cancel())

    def set_follows(self, follows: bool) -> None:
        """Let the viewer follow the computed frames, or stay on the user's frame."""
        self.follows = follows

    def followed(self, reports: Iterable[Report]) -> int | None:
        """The frame that was computed last; None if the viewer does not follow."""
        image_state, _ = self._place()
        if image_state is None or not self.follows:
            return None
        steps = (report for report in reports if isinstance(report, TrackAdvanced))
        frames = [step.t for step in steps if step.image == image_state.number]
        return frames[-1] if frames else None

    def _begin(self, report: TrackStarted) -> None:
        self._activity.begin(report.total, "tracking")

    def _advance(self, report: TrackAdvanced | WorkAdvanced) -> None:
        self._activity.advance(report.done)
        if self._activity.is_cancelled:
            self.cancel()

    def _advance_work(self, report: WorkAdvanced) -> None:
        if report.done:
            self._advance(report)
        else:
            self._activity.begin(report.total, WORK_TEXTS[report.work])

    def _end(self, report: TrackEnded) -> None:
        self.clear()
        self.ended.emit()

    def clear(self) -> None:
        """Remove the progress bar."""
        self._activity.end()


def span(t: int, direction: Direction, frames: int | None) -> tuple[int | None, int | None]:
    """Range [start, stop) of `frames` frames around frame `t`; (None, None) for all."""
    if frames is None:
        return None, None
    start = t if direction == "forward" else max(0, t - frames)
    stop = t + 1 if direction == "backward" else t + frames + 1
    return start, stop

"""Timeline feed: report changed timelines to the window, one by one, in idle time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.review_messages import TimelineChanged

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.annotation.quality import Timeline
    from napari_sam2.plugin.protocol.messages import Report

LEAST_PAUSE_S = 0.3  # between two rounds during tracking
PAUSE_FACTOR = 10  # pause as a multiple of the duration of the round before


class TimelineFeed:
    """Reports changed timelines: immediately when idle, in rounds with pauses during tracking.

    Parameters
    ----------
    image : int
        Number of the image.
    annotation : Annotation
        The document.
    tell : callable
        Called with every report.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(
        self,
        image: int,
        annotation: Annotation,
        tell: Callable[[Report], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._image = image
        self._annotation = annotation
        self._tell = tell
        self._clock = clock
        self._told: dict[int, Timeline] = {}
        self._has_news = True
        self._round: list[int] = []  # objects that the current round has yet to check
        self._began = self._resume = clock()

    def mark(self) -> None:
        """Note that the annotation changed."""
        self._has_news = True

    def forget(self) -> None:
        """Report all timelines again, for a window that has none."""
        self._told.clear()
        self._round.clear()
        self._has_news = True

    def is_due(self, is_tracking: bool) -> bool:
        """Whether `tell_one` should be called when no other task is more urgent."""
        if self._round or not self._has_news:
            return bool(self._round)
        return not is_tracking or self._clock() >= self._resume

    def tell_one(self) -> None:
        """Report the next changed timeline."""
        if not self._round:
            self._round = sorted(self._annotation.objects, reverse=True)
            self._has_news = False
            self._began = self._clock()
        while self._round:
            object_id = self._round.pop()
            if self._tell_changed(object_id):
                break
        if not self._round:
            now = self._clock()
            self._resume = now + max(LEAST_PAUSE_S, PAUSE_FACTOR * (now - self._began))

    def _tell_changed(self, object_id: int) -> bool:
        if object_id not in self._annotation.objects:
            self._told.pop(object_id, None)
            return False
        timeline = self._annotation.timeline(object_id)
        if self._told.get(object_id) is timeline:
            return False
        self._told[object_id] = timeline
        self._tell(TimelineChanged(self._image, object_id, timeline))
        return True

"""Sample review: a person judges masks drawn at random, which tells how many are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.review_messages import (
    CountSample,
    DrawSample,
    SampleCounted,
    SampleDrawn,
)
from napari_sam2.plugin.startup.error_notifications import show_info

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.annotation.wrong_share import MaskSample
    from napari_sam2.plugin.protocol.messages import Command
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers
    from napari_sam2.plugin.window.review_actions import ReviewActions

NOTHING_TO_JUDGE = "There is no mask to judge: all of them are prompted, locked or reviewed."


class SampleReview:
    """Shows the masks of a sample one after the other, and counts the wrong ones.

    Parameters
    ----------
    chosen : callable
        Gives the state of the chosen image; None if none is chosen.
    show_cell : callable
        Shows a frame, chooses an object and moves the view to it.
    review : ReviewActions
        Marks right masks as reviewed, and others as wrong.
    send : callable
        Takes commands to the inference thread.
    on_change : callable
        Called when the widgets must be rendered again.

    Attributes
    ----------
    result : str
        What the last sample told, as a sentence; empty before.
    """

    def __init__(
        self,
        chosen: Callable[[], ImageState | None],
        show_cell: Callable[[int, int], None],
        review: ReviewActions,
        send: Callable[[Command], None],
        on_change: Callable[[], None],
    ) -> None:
        self._chosen = chosen
        self._show_cell = show_cell
        self._review = review
        self._send = send
        self._on_change = on_change
        self._image_state: ImageState | None = None
        self._sample: MaskSample | None = None
        self._verdicts: list[bool] = []  # whether each mask was wrong
        self.result = ""
        self.handlers: Handlers = {SampleDrawn: self._begin, SampleCounted: self._take_share}

    @property
    def is_on(self) -> bool:
        """Whether a mask waits for its verdict on the chosen image."""
        return self._sample is not None and self._chosen() is self._image_state

    @property
    def text(self) -> str:
        """The question, as "Cell 3, frame 12: is the outline right? 4 of 50", or the result."""
        if not self.is_on or self._sample is None:
            return self.result if self._chosen() is self._image_state else ""
        t, object_id = self._sample.places[len(self._verdicts)]
        place = f"{len(self._verdicts) + 1} of {len(self._sample.places)}"
        return f"Cell {object_id}, frame {t}: is the outline right? {place}"

    def toggle(self) -> None:
        """Draw a sample, or end the present one with what was judged."""
        image_state = self._chosen()
        if self.is_on:
            self.stop()
        elif image_state is not None:
            self._send(DrawSample(image_state.number))

    def stop(self) -> None:
        """End the sample; the verdicts so far count."""
        sample, self._sample = self._sample, None
        if sample is not None and self._verdicts and self._image_state is not None:
            wrong, judged = sum(self._verdicts), len(self._verdicts)
            self._send(CountSample(self._image_state.number, wrong, judged, sample))
        self._on_change()

    def judge(self, is_right: bool) -> None:
        """Take the verdict on the mask that is shown, and show the next one.

        A right mask is marked as reviewed, a wrong one as wrong.
        """
        if not self.is_on or self._sample is None:
            return
        t, object_id = self._sample.places[len(self._verdicts)]
        self._verdicts.append(not is_right)
        mark = self._review.accept if is_right else self._review.mark_wrong
        mark(object_id, range(t, t + 1))
        self._show_next()

    def _begin(self, report: SampleDrawn) -> None:
        image_state = self._chosen()
        if image_state is None or image_state.number != report.image:
            return
        if not report.sample.places:
            show_info(NOTHING_TO_JUDGE)
            return
        self._image_state, self._sample = image_state, report.sample
        self._verdicts, self.result = [], ""
        self._show_next()

    def _show_next(self) -> None:
        assert self._sample is not None
        if len(self._verdicts) == len(self._sample.places):
            self.stop()
            return
        self._show_cell(*self._sample.places[len(self._verdicts)])
        self._on_change()

    def _take_share(self, report: SampleCounted) -> None:
        if self._image_state is not None and report.image == self._image_state.number:
            self.result = (
                f"{report.wrong} of {report.judged} masks were wrong. "
                f"Share of wrong masks left: {report.share}."
            )
            self._on_change()

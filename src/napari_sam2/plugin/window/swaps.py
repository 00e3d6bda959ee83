"""Possible swaps in the window: pairs of cells that may have exchanged their identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.review_messages import FindSwaps, SwapsFound
from napari_sam2.plugin.startup.error_notifications import show_info

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.annotation.swap_proposals import SwapProposal
    from napari_sam2.plugin.protocol.messages import Command
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers
    from napari_sam2.plugin.window.review_actions import ReviewActions

NO_SWAPS = "No possible swaps were found."


class Swaps:
    """Shows possible swaps one after the other, and makes those that the user confirms.

    Parameters
    ----------
    chosen : callable
        Gives the state of the chosen image; None if none is chosen.
    show_cell : callable
        Shows a frame, chooses an object and moves the view to it.
    review : ReviewActions
        Exchanges cells.
    send : callable
        Takes commands to the inference thread.
    on_change : callable
        Called when the widgets must be rendered again.
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
        self._left: list[SwapProposal] = []
        self.handlers: Handlers = {SwapsFound: self._take}

    @property
    def current(self) -> SwapProposal | None:
        """The pair to decide on the chosen image; None if there is none."""
        image_state = self._chosen()
        if image_state is None or image_state is not self._image_state:
            return None
        known = image_state.objects.keys()
        return next((one for one in self._left if {one.object_id, one.other} <= known), None)

    @property
    def text(self) -> str:
        """The question: "Cells 2 and 5 may have swapped. Swap from here on? 1 more after it."."""
        one = self.current
        if one is None:
            return ""
        more = f" {len(self._left) - 1} more after it." if len(self._left) > 1 else ""
        pair = f"Cells {one.object_id} and {one.other}"
        return f"{pair} may have swapped on frame {one.t}. Swap from here on?{more}"

    def toggle(self) -> None:
        """Look for possible swaps, or forget those that are shown."""
        image_state = self._chosen()
        if self.current is not None:
            self._left = []
            self._on_change()
        elif image_state is not None:
            self._send(FindSwaps(image_state.number))

    def decide(self, is_swap: bool) -> None:
        """Exchange the pair from its frame on, or leave it; then show the next one."""
        one = self.current
        if one is None:
            return
        if is_swap:
            self._review.edit("swap_objects", object_id=one.object_id, other=one.other, t=one.t)
        self._left.remove(one)
        self._show()

    def _take(self, report: SwapsFound) -> None:
        image_state = self._chosen()
        if image_state is None or image_state.number != report.image:
            return
        self._image_state, self._left = image_state, list(report.proposals)
        if not self._left:
            show_info(NO_SWAPS)
        self._show()

    def _show(self) -> None:
        if (one := self.current) is not None:
            self._show_cell(one.t, one.object_id)
        self._on_change()

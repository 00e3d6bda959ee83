"""New cells: frames are searched for cells that are not tracked yet, and walked one after another.

The frames are searched one by one, so that clicks and tracking come in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.protocol.find_messages import CellsFound, FindCells
from napari_sam2.plugin.protocol.messages import Answered, Cancel, TrackEnded
from napari_sam2.plugin.startup.error_notifications import show_info
from napari_sam2.plugin.window.finding import DEFAULT_SCORE
from napari_sam2.plugin.window.lost_cells import labels_of, lost_cells

if TYPE_CHECKING:
    from napari_sam2.finding import Proposal
    from napari_sam2.plugin.protocol.messages import Command
    from napari_sam2.plugin.window.finding import Finding
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers
    from napari_sam2.plugin.window.view import View

LOOK_EVERY = 10  # frames, proposed to the user
NOTHING_NEW = "No new cells were found."
NOTHING_LEFT = "No new cells are left."


class NewCells:
    """Searches every few frames for cells beside the tracked ones, and shows where they are.

    The frame after the last one of each lost cell is searched too.

    Parameters
    ----------
    view : View
        Knows the layers and the shown frame.
    finding : Finding
        Shows the cells of one frame, and takes or drops them.
    send : callable
        Takes commands to the inference thread.
    on_change : callable
        Called when the widgets must be rendered again.

    Attributes
    ----------
    every : int
        Frames from one searched frame to the next.
    is_automatic : bool
        Whether a search begins after each tracking.
    """

    def __init__(
        self,
        view: View,
        finding: Finding,
        send: Callable[[Command], None],
        on_change: Callable[[], None],
    ) -> None:
        self._view = view
        self._finding = finding
        self._send = send
        self._on_change = on_change
        self._image_state: ImageState | None = None
        self._waiting: list[int] = []  # frames that are not searched yet
        self._search: FindCells | None = None
        self._count = 0  # frames of this search
        self._was_asked = False  # by the user, who then wants to see the first new cells
        self._found: dict[int, list[Proposal]] = {}  # by frame
        self.every = LOOK_EVERY
        self.is_automatic = False
        finding.on_decided = self._forget
        self.handlers: Handlers = {FindCells: self._take_answer, TrackEnded: self._take_end}

    @property
    def progress(self) -> tuple[int, int] | None:
        """Searched and all frames of the search; None if there is no search."""
        if self._search is None:
            return None
        return self._count - len(self._waiting) - 1, self._count

    @property
    def frames(self) -> list[int]:
        """Frames of the chosen movie on which there are new cells to decide on."""
        if not self._found:
            return []
        image_state, _ = self._view.place()
        return sorted(self._found) if image_state is self._image_state else []

    @property
    def is_shown(self) -> bool:
        """Whether new cells of the shown frame can be taken or dropped."""
        return self._finding.found is not None and self._view.frame in self.frames

    # Searching

    def start(self) -> None:
        """Search the chosen movie, and then show the first new cells."""
        self._was_asked = True
        self._begin()

    def _begin(self) -> None:
        image_state, _ = self._view.place()
        if image_state is None or image_state.labels is None or image_state.progress is not None:
            return
        self.cancel()
        self._finding.leave()
        self._image_state, self._found = image_state, {}
        searched = set(range(0, image_state.frames, self.every))
        searched |= {t + 1 for t in lost_cells(image_state).values()}
        self._waiting = sorted(searched)
        self._count = len(self._waiting)
        self._search_next(image_state)
        self._on_change()

    def cancel(self) -> None:
        """Stop the search; what was found stays."""
        if self._search is not None:
            self._search = None
            self._send(Cancel())
            self._on_change()

    def _search_next(self, image_state: ImageState) -> None:
        self._search = None
        if self._waiting:
            size = self._finding.cell_size(image_state)
            self._search = FindCells(image_state.number, self._waiting.pop(0), size)
            self._send(self._search)

    def _take_answer(self, answer: Answered) -> None:
        image_state = self._image_state
        if answer.command is not self._search or image_state is None:
            return
        for report in answer.changes:
            if isinstance(report, CellsFound):
                wanted = [one for one in report.proposals if one.score >= DEFAULT_SCORE]
                self._keep(image_state, report.t, wanted)
        self._search_next(image_state)
        if self._search is None and self._was_asked:
            self._was_asked = False
            if self._found:
                self.next()
            else:
                show_info(NOTHING_NEW)
        self._on_change()

    def _take_end(self, report: TrackEnded) -> None:
        image_state, _ = self._view.place()
        is_here = image_state is not None and image_state.number == report.image
        if self.is_automatic and is_here and report.reason == "finished" and report.done:
            self._begin()

    def _keep(self, image_state: ImageState, t: int, proposals: list[Proposal]) -> None:
        """Keep the proposals of a frame that lie beside its cells."""
        from napari_sam2.finding.automatic import is_new  # imports torch, which is loaded by now

        taken = labels_of(image_state, t) > 0
        self._found[t] = [one for one in proposals if is_new(one, taken)]
        if not self._found[t]:
            del self._found[t]

    # Walking

    def next(self, is_backward: bool = False) -> None:
        """Show the new cells of the next frame that has some, or of the one before."""
        image_state, here = self._view.place()
        frames = sorted(self.frames, reverse=is_backward)
        beyond = [t for t in frames if (t < here if is_backward else t > here)]
        self._finding.leave()
        for t in (*beyond, *(t for t in frames if t not in beyond)):
            assert image_state is not None, "frames are those of the chosen movie"
            self._keep(image_state, t, self._found[t])  # more cells may be tracked by now
            if t in self._found:
                self._view.go_to(image_state, t)
                self._finding.show(image_state, t, self._found[t])
                self._on_change()
                return
        show_info(NOTHING_LEFT)
        self._on_change()

    def drop(self) -> None:
        """Drop the new cells of the shown frame, and go to the next ones."""
        _, t = self._view.place()
        if self.is_shown:
            del self._found[t]
            self._finding.leave()
            if self._found:
                self.next()

    def forget_layer(self, layer: Any) -> None:
        """Stop the search, and forget what was found, when its image was deleted."""
        image_state = self._image_state
        if image_state is not None and layer is image_state.image:
            self.cancel()
            self._image_state, self._found = None, {}

    def _forget(self, image_state: ImageState, t: int, proposal: Proposal) -> None:
        """Forget a proposal that was taken or dropped."""
        if image_state is self._image_state and t in self._found:
            self._found[t] = [other for other in self._found[t] if other is not proposal]
            if not self._found[t]:
                del self._found[t]

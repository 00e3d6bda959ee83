"""New cells: frames are searched for cells that are not tracked yet, and walked one after another.

The frames are searched one by one, so that clicks and tracking come in between. A cell that several
frames show is offered on the first of them alone, and a cell that is an object already is not.
"""

from __future__ import annotations

from collections.abc import Callable
from math import floor
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.protocol.find_messages import SURE, CellsFound, FindCells, LostCell
from napari_sam2.plugin.protocol.messages import Answered, Cancel, TrackEnded
from napari_sam2.plugin.startup.error_notifications import show_info
from napari_sam2.plugin.window.lost_cells import (
    found_again,
    frames_after,
    labels_of,
    lost_cells,
    not_tracked,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.finding import Proposal
    from napari_sam2.finding.chains import Chain, Chains
    from napari_sam2.plugin.protocol.messages import Command
    from napari_sam2.plugin.window.finding import Finding, Found
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers
    from napari_sam2.plugin.window.view import View

LOOK_EVERY = 10  # frames, proposed to the user
NOTHING_NEW = "No new cells were found."
NOTHING_LEFT = "No new cells are left."


class NewCells:
    """Searches every few frames for cells beside the tracked ones, and shows where they are.

    The frame after the last one of each lost cell is searched too. Where the cell is not found
    there, its last place is searched on this frame and on the next ones.

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
        self._whole: set[int] = set()  # those of them that are searched as a whole
        self._lost: dict[int, LostCell] = {}  # not found again yet, by object
        self._again: list[Proposal] = []  # that are lost cells
        self._search: FindCells | None = None
        self._count = 0  # frames of this search
        self._was_asked = False  # by the user, who then wants to see the first new cells
        self._found: list[Chain] = []  # those to decide on
        self._chains: Chains | None = None  # all of this search
        self._known: dict[int, list[Proposal]] = {}  # masks of cells that are not tracked, by frame
        self._shown: Found | None = None  # new cells on the screen
        self.every = LOOK_EVERY
        self.is_automatic = False
        finding.on_decided = self._forget
        finding.on_all_taken = self._go_on
        self.handlers: Handlers = {FindCells: self._take_answer, TrackEnded: self._take_end}

    @property
    def progress(self) -> tuple[int, int] | None:
        """Searched and all frames of the search; None if there is no search."""
        if self._search is None:
            return None
        return self._count - len(self._waiting) - 1, self._count

    @property
    def frames(self) -> list[int]:
        """Frames of the chosen movie on which new cells are offered: the first of each cell."""
        return sorted({chain.first for chain in self._offered})

    @property
    def count(self) -> int:
        """Number of new cells of the chosen movie to decide on, without lost ones."""
        return len(self._offered) - self.lost_count

    @property
    def lost_count(self) -> int:
        """Number of cells to decide on that go on as a cell that was lost."""
        return sum(
            any(chain.seen[chain.first] is one for one in self._again) for chain in self._offered
        )

    @property
    def is_shown(self) -> bool:
        """Whether new cells of the shown frame can be taken or dropped."""
        found = self._finding.found
        return found is not None and found is self._shown and self._view.frame in self.frames

    @property
    def _offered(self) -> list[Chain]:
        if not self._found:
            return []
        image_state, _ = self._view.place()
        return self._found if image_state is self._image_state else []

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
        self._image_state, self._found, self._chains = image_state, [], None
        self._lost, self._again = lost_cells(image_state), []
        after = {t for lost in self._lost.values() for t in frames_after(image_state, lost.last)}
        self._whole = {
            *range(0, image_state.frames, self.every),
            *(lost.last + 1 for lost in self._lost.values()),
        }
        self._waiting = sorted(self._whole | after)
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
        while self._waiting and self._search is None:
            t = self._waiting.pop(0)
            lost = tuple(
                one for one in self._lost.values() if t in frames_after(image_state, one.last)
            )
            if lost or t in self._whole:
                size = self._finding.cell_size(image_state)
                self._search = FindCells(image_state.number, t, size, lost, t in self._whole)
                self._send(self._search)

    def _take_answer(self, answer: Answered) -> None:
        image_state = self._image_state
        if answer.command is not self._search or image_state is None:
            return
        for report in answer.changes:
            if isinstance(report, CellsFound):
                wanted = [one for one in report.proposals if one.score >= SURE]
                self._add(image_state, report.t, [*wanted, *report.near_lost])
        self._search_next(image_state)
        if self._search is None:
            self._add_known(image_state.frames)
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

    def _add(self, image_state: ImageState, t: int, proposals: Sequence[Proposal]) -> None:
        """Join the proposals of a frame that lie beside its cells with those of earlier frames."""
        from napari_sam2.finding.chains import Chains  # imports torch, which is loaded by now

        if self._chains is None:
            self._chains = Chains()
            self._known = not_tracked(image_state)
        self._add_known(t)
        new = _beside_cells(image_state, t, proposals)
        self._chains.add(t, new, self._known.pop(t, ()))
        for number, object_id in found_again(image_state, t, dict(enumerate(new))).items():
            if self._lost.pop(object_id, None) is not None:
                self._again.append(new[number])
        self._found = [chain for chain in self._chains.all if not chain.is_known]

    def _add_known(self, end: int) -> None:
        """Leave out the cells that are objects already on a frame before `end`."""
        if self._chains is not None:
            for t in sorted(t for t in self._known if t < end):
                self._chains.add(t, (), self._known.pop(t))
            self._found = [chain for chain in self._found if not chain.is_known]

    # Walking

    def next(self, is_backward: bool = False) -> None:
        """Show the new cells of the next frame that has some, or of the one before.

        The frame on the screen is the first one, unless its new cells are shown already.
        """
        image_state, here = self._view.place()
        may_stay = not self.is_shown
        self._finding.leave()
        seen: set[int] = set()
        while left := [t for t in self.frames if t not in seen]:
            left.sort(reverse=is_backward)
            beyond = [t for t in left if (t < here if is_backward else t > here)]
            t = here if may_stay and here in left else (beyond or left)[0]
            seen.add(t)
            assert image_state is not None, "frames are those of the chosen movie"
            if proposals := self._still_new(image_state, t):
                self._view.go_to(image_state, t)
                lowest = min(one.score for one in proposals)
                self._finding.show(image_state, t, proposals, min(SURE, floor(100 * lowest) / 100))
                self._shown = self._finding.found
                self._on_change()
                return
        show_info(NOTHING_LEFT)
        self._on_change()

    def _still_new(self, image_state: ImageState, t: int) -> list[Proposal]:
        """The new cells that are offered on a frame, since more cells may be tracked by now."""
        here = [chain for chain in self._found if chain.first == t]
        new = _beside_cells(image_state, t, [chain.seen[t] for chain in here])
        for chain in here:
            if all(chain.seen[t] is not one for one in new):
                del chain.seen[t]  # it is offered where it is not tracked, if anywhere
        self._found = [chain for chain in self._found if chain.seen]
        return new

    def drop(self) -> None:
        """Drop the new cells of the shown frame, and go to the next ones."""
        _, t = self._view.place()
        if self.is_shown:
            self._finding.leave()
            self._forget_frame(t)

    def _go_on(self, found: Found) -> None:
        """Go to the next new cells when those of a frame were taken; hidden ones are dropped."""
        if found is self._shown:
            self._forget_frame(found.t)

    def _forget_frame(self, t: int) -> None:
        self._shown = None
        self._found = [chain for chain in self._found if chain.first != t]
        if self._offered:
            self.next()

    def forget_layer(self, layer: Any) -> None:
        """Stop the search, and forget what was found, when its image was deleted."""
        image_state = self._image_state
        if image_state is not None and layer is image_state.image:
            self.cancel()
            self._image_state, self._found, self._chains = None, [], None

    def _forget(self, image_state: ImageState, t: int, proposal: Proposal) -> None:
        """Forget a cell that was taken or dropped, on all frames."""
        if image_state is self._image_state:
            self._found = [one for one in self._found if one.seen.get(t) is not proposal]


def _beside_cells(image_state: ImageState, t: int, proposals: Sequence[Proposal]) -> list[Proposal]:
    """The proposals of a frame that lie beside its cells."""
    from napari_sam2.finding.automatic import is_new  # imports torch, which is loaded by now

    taken = labels_of(image_state, t) > 0
    return [one for one in proposals if is_new(one, taken)]

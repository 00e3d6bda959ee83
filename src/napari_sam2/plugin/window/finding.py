"""Find cells: proposals of all cells of the shown frame, and which of them the user takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.annotation.journal_entries import Called
from napari_sam2.annotation.undo_texts import counted
from napari_sam2.plugin.layers.proposal_layer import ProposalLayer, draw_proposals
from napari_sam2.plugin.protocol.find_messages import (
    SURE,
    CellsFound,
    CellSizeKept,
    FindAdvanced,
    FindCells,
    KeepCellSize,
)
from napari_sam2.plugin.protocol.messages import (
    INCLUDE,
    AddPoint,
    Answered,
    Cancel,
    Edit,
    FrameChanged,
    HistoryChanged,
    LabelsReady,
    TrackStarted,
)
from napari_sam2.plugin.protocol.review_messages import FindDivisions
from napari_sam2.plugin.startup.error_notifications import show_info
from napari_sam2.plugin.window.lost_cells import found_again

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.finding import CellSize, Proposal
    from napari_sam2.plugin.protocol.messages import Command, Position, PromptEdit
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers
    from napari_sam2.plugin.window.view import View

TAKE = "take"  # begins the undo text of found cells that were taken
NOTHING_FOUND = (
    "No cells found on this frame. Click one cell and press F again, so that the size of the cells "
    "is known, or try another frame or another contrast."
)
BUSY = "Cells can be looked for once tracking or the import is over. Esc stops it."


@dataclass
class Found:
    """Proposals of one frame, and what the user wants to see of them.

    Attributes
    ----------
    image_state : ImageState
        The image.
    t : int
        The frame.
    proposals : dict of int to Proposal
        Proposals by number, the best first, without those that were taken or dropped.
    layer : ProposalLayer
        Shows them.
    drawn : ndarray
        (Y, X) numbers of the shown proposals.
    numbers : list of int
        These numbers.
    score : float
        Smallest score that is shown.
    sizes : tuple of float
        Smallest and largest diameter in pixels that are shown.
    limits : tuple of float
        Diameters of the smallest and of the largest proposal, in pixels.
    """

    image_state: ImageState
    t: int
    proposals: dict[int, Proposal]
    layer: ProposalLayer
    drawn: NDArray[np.int32] = field(init=False)
    numbers: list[int] = field(init=False)
    score: float = SURE
    sizes: tuple[float, float] = field(init=False)

    limits: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        self.diameters = {number: one.diameter for number, one in self.proposals.items()}
        self.limits = min(self.diameters.values()), max(self.diameters.values())
        self.sizes = self.limits
        self.draw()

    def draw(self) -> None:
        """Show the proposals that have the wanted score and size, beside all objects."""
        low, high = self.sizes
        wanted = {
            number: one
            for number, one in self.proposals.items()
            if one.score >= self.score and low <= self.diameters[number] <= high
        }
        labels = self.image_state.labels
        assert labels is not None, "an image that is open has labels"
        frame = np.asarray(labels[self.t] if labels.ndim == 3 else labels)
        self.drawn = draw_proposals(wanted, frame)
        areas = np.bincount(self.drawn.ravel())
        self.numbers = [number for number in wanted if number < len(areas) and areas[number]]
        self.layer.show(self.drawn)

    def number_at(self, position: Position) -> int:
        """Number of the shown proposal at a place (y, x); 0 if there is none."""
        y, x = round(position[0]), round(position[1])
        height, width = self.drawn.shape
        return int(self.drawn[y, x]) if 0 <= y < height and 0 <= x < width else 0


class Finding:
    """Searches a frame for cells, and turns proposals into cells.

    Parameters
    ----------
    view : View
        Knows the layers and the shown frame.
    send : callable
        Takes commands to the inference thread.
    on_change : callable
        Called when the widgets must be rendered again.

    Attributes
    ----------
    progress : tuple of int
        Done and all steps of the search, as far as they are known.
    hovered : str
        Score and size of the proposal under the mouse; empty if there is none.
    on_decided : callable
        Called with the image, the frame and each proposal that was taken or dropped.
    on_all_taken : callable
        Called with the proposals of a frame, once all that were shown are taken.
    """

    def __init__(
        self, view: View, send: Callable[[Command], None], on_change: Callable[[], None]
    ) -> None:
        self._view = view
        self._send = send
        self._on_change = on_change
        self._search: FindCells | None = None
        self._found: Found | None = None
        self._cell_sizes: dict[int, CellSize] = {}  # by number of the image
        self._earlier: dict[int, list[CellSize | None]] = {}  # before each take, by image
        self.progress = (0, 0)
        self.hovered = ""
        self.on_decided: Callable[[ImageState, int, Proposal], None] = lambda *_: None
        self.on_all_taken: Callable[[Found], None] = lambda _: None
        self.handlers: Handlers = {
            CellSizeKept: self._take_kept_size,
            Edit: self._take_undo,
            FindAdvanced: self._advance,
            FindCells: self._take_answer,
            FrameChanged: self._redraw,
            LabelsReady: self._redraw,
            TrackStarted: lambda report: self._forget(),
        }

    @property
    def is_searching(self) -> bool:
        """Whether a search is in progress."""
        return self._search is not None

    @property
    def found(self) -> Found | None:
        """The proposals of the shown frame; None if there are none to decide on."""
        found = self._found
        if found is None or self._view.place() != (found.image_state, found.t):
            return None
        return found

    def start(self) -> None:
        """Search the shown frame."""
        image_state, t = self._view.acting_place()
        if image_state is None or self.is_searching:
            return
        if image_state.progress is not None:
            show_info(BUSY)
            return
        self._forget()
        self.progress = (0, 0)
        self._search = FindCells(image_state.number, t, self.cell_size(image_state))
        self._send(self._search)
        self._on_change()

    def cell_size(self, image_state: ImageState) -> CellSize | None:
        """Size of the cells that were taken before; None if it is unknown."""
        return self._cell_sizes.get(image_state.number)

    def _remember(self, image: int, size: CellSize | None) -> None:
        """Use a size for the next search, and keep it in the project; None forgets it."""
        if size is None:
            self._cell_sizes.pop(image, None)
        else:
            self._cell_sizes[image] = size
        self._send(KeepCellSize(image, size))

    def _take_undo(self, answer: Answered) -> None:
        """Go back to the size before the cells that an undo has taken back; it may be wrong."""
        assert isinstance(answer.command, Edit)
        if answer.error is not None or answer.command.calls[0].name != "undo":
            return
        image = answer.command.image
        for report in answer.changes:
            undone = report.redo_text if isinstance(report, HistoryChanged) else None
            if undone is not None and re.fullmatch(rf"{TAKE} \d+ found cells?", undone):
                earlier = self._earlier.get(image)
                self._remember(image, earlier.pop() if earlier else None)

    def _take_kept_size(self, report: CellSizeKept) -> None:
        self._cell_sizes[report.image] = report.cell_size

    def leave(self) -> None:
        """Cancel the search, or remove the proposals."""
        if self.is_searching:
            self._search = None
            self._send(Cancel())
        self._forget()
        self._on_change()

    def _forget(self) -> None:
        found, self._found = self._found, None
        if found is not None:
            found.layer.remove()

    def forget_layer(self, layer: Any) -> None:
        """Forget the proposals when their layer or their image was deleted."""
        found = self._found
        if found is not None and layer in (found.layer.layer, found.image_state.image):
            self._forget()

    def owns(self, layer: Any) -> bool:
        """Whether a layer shows proposals."""
        return self._found is not None and layer is self._found.layer.layer

    # Which proposals

    def show_only(self, score: float, sizes: tuple[float, float]) -> None:
        """Show the proposals with at least this score, and a diameter between two sizes."""
        if (found := self.found) is not None:
            found.score, found.sizes = score, sizes
            found.draw()
            self._on_change()

    def take_all(self) -> None:
        """Make a cell of each shown proposal."""
        if (found := self.found) is not None and found.numbers:
            self._take(found, found.numbers)
            for number in found.numbers:
                self.on_decided(found.image_state, found.t, found.proposals[number])
            if (
                found.t and not found.image_state.in_3d
            ):  # a new cell beside one that has become smaller may be its daughter
                self._send(FindDivisions(found.image_state.number, found.t))
            self._forget()
            self.on_all_taken(found)
            self._on_change()

    def answers(self, edit: Edit | PromptEdit) -> bool:
        """Take or drop the proposal that a click hits; returns whether there was one."""
        found = self.found
        if found is None or not isinstance(edit, AddPoint):
            return False
        number = found.number_at(edit.position)
        if not number:
            return False
        if edit.sign == INCLUDE:
            self._take(found, [number])
        self.on_decided(found.image_state, found.t, found.proposals.pop(number))
        found.draw()
        self._on_change()
        return True

    def _take(self, found: Found, numbers: list[int]) -> None:
        from napari_sam2.finding.proposals import centre_of  # imports torch, which is loaded by now
        from napari_sam2.tracking.pixels import masks_of

        image_state = found.image_state
        drawn = masks_of(found.drawn)
        masks = {number: drawn[number] for number in numbers}
        known = found_again(
            image_state, found.t, {number: found.proposals[number] for number in masks}
        )
        places = {
            number: centre_of(mask, found.proposals[number].centre)
            for number, mask in masks.items()
        }
        calls = [
            Called(
                "add_mask",
                {
                    "t": found.t,
                    "object_id": ident,
                    "mask": masks[number].full(),
                    "click": places[number],
                },
            )
            for number, ident in known.items()
        ]
        first = image_state.next_object()
        ids = {number: first + k for k, number in enumerate(n for n in masks if n not in known)}
        if ids:
            clicks = {ident: places[number] for number, ident in ids.items()}
            arguments = {
                "masks": {found.t: {ident: masks[number] for number, ident in ids.items()}},
                "clicks": {found.t: clicks},
            }
            calls.append(Called("import_masks", arguments))
        edit = Edit(
            image_state.number,
            tuple(calls),
            f"{TAKE} {counted(len(masks), 'found cell')}",
        )
        image_state.sent(edit)
        self._send(edit)  # the first change makes the project that keeps the size
        from napari_sam2.finding import CellSize  # imports torch, which is loaded by now

        if size := CellSize.of([found.proposals[number] for number in masks]):
            earlier = self._earlier.setdefault(image_state.number, [])
            earlier.append(self._cell_sizes.get(image_state.number))
            self._remember(image_state.number, size)
        image_state.choose(first + len(ids), INCLUDE)

    def hover(self, viewer: Any, event: Any) -> None:
        """Note the proposal under the mouse; napari calls this when the mouse moves."""
        text = ""
        if (found := self.found) is not None:
            y, x = found.image_state.image.world_to_data(event.position)[-2:]
            if number := found.number_at((y, x)):
                one = found.proposals[number]
                text = f"Score {one.score:.2f} · {one.diameter:.0f} px wide · {one.area} px"
        if text != self.hovered:
            self.hovered = text
            self._on_change()

    # Reports

    def _advance(self, report: FindAdvanced) -> None:
        self.progress = (report.done, report.total)

    def _take_answer(self, answer: Answered) -> None:
        if answer.command is not self._search:
            return
        self._search = None
        for report in answer.changes:
            if isinstance(report, CellsFound):
                self._show_found(report)

    def _show_found(self, report: CellsFound) -> None:
        image_state, _ = self._view.place()
        if image_state is None or image_state.number != report.image:
            return
        if report.proposals:
            self.show(image_state, report.t, report.proposals)
            return
        self._remember(report.image, None)  # it may have been the wrong size
        show_info(NOTHING_FOUND)

    def show(
        self,
        image_state: ImageState,
        t: int,
        proposals: Sequence[Proposal],
        score: float = SURE,
    ) -> None:
        """Show proposals of a frame, the best first, from a score on, to be taken or dropped."""
        self._forget()
        layer = ProposalLayer(self._view.layers, image_state.image, t)
        self._found = Found(image_state, t, dict(enumerate(proposals, 1)), layer, score=score)

    def _redraw(self, report: FrameChanged | LabelsReady) -> None:
        found = self._found
        if found is None or report.image != found.image_state.number:
            return
        if isinstance(report, LabelsReady) or report.t == found.t:
            found.draw()

"""Divisions in the window: two clicks on the daughters, and the offer to make a cell a daughter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer

from napari_sam2.annotation.journal_entries import Called
from napari_sam2.plugin.protocol.messages import (
    INCLUDE,
    AddPoint,
    AddScribble,
    Answered,
    Edit,
    TrackStarted,
)
from napari_sam2.plugin.protocol.review_messages import (
    DaughterOffered,
    DivisionsFound,
    FindDivisions,
)
from napari_sam2.plugin.startup.error_notifications import show_info, show_warning

if TYPE_CHECKING:
    from napari_sam2.annotation.division_proposals import DivisionProposal
    from napari_sam2.plugin.protocol.messages import Command, Position, PromptEdit
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers

NOT_IN_3D = (
    "Divisions are not marked in 3D yet: begin a new cell for each daughter, or track a plane or a "
    "projection."
)
FIRST_FRAME = (
    "A division needs a frame before it. Go to the first frame with two cells, then press D."
)
LEFT_BUTTON = 1
DRAG_DISTANCE = 5  # pixels of the screen, from which on napari takes a press for a drag


@dataclass
class Division:
    """A division that the user is clicking.

    Attributes
    ----------
    image_state : ImageState
        The image.
    t : int
        First frame of the daughters.
    likely : int or None
        The object that was the current one when the division began.
    current : int
        The object that the next click makes or changes.
    daughters : list of int
        Daughters that were clicked.
    """

    image_state: ImageState
    t: int
    likely: int | None
    current: int
    daughters: list[int] = field(default_factory=list)

    @property
    def mother(self) -> int | None:
        """The mother; None before the first daughter was made."""
        known = [self.image_state.objects.get(key) for key in self.daughters]
        return next((one.parent for one in known if one is not None), None)


class Divisions:
    """Turns clicks into daughters while a division is being clicked.

    Parameters
    ----------
    acting_place : callable
        Gives the state of the chosen image and the shown frame; no state outside of the movie.
    place : callable
        The same, without a warning outside of the movie.
    activate_clicks : callable
        Lets the next click on the canvas be a prompt.
    send : callable
        Takes commands to the inference thread.
    on_change : callable
        Called when the widgets must be rendered again.
    show_cell : callable
        Shows a frame, chooses an object and moves the view to it.
    takes_clicks : callable
        Returns whether a click on the canvas is a prompt on the shown frame of an image.

    Attributes
    ----------
    proposals : list of DivisionProposal or None
        Possible divisions that are left to decide; None if they are not shown.
    """

    def __init__(
        self,
        acting_place: Callable[[], tuple[ImageState | None, int]],
        place: Callable[[], tuple[ImageState | None, int]],
        activate_clicks: Callable[[], None],
        send: Callable[[Command], None],
        on_change: Callable[[], None],
        show_cell: Callable[[int, int], None],
        takes_clicks: Callable[[ImageState], bool],
    ) -> None:
        self._takes_clicks = takes_clicks
        self._show_cell = show_cell
        self.proposals: list[DivisionProposal] | None = None
        self._proposals_of: ImageState | None = None
        self._acting_place = acting_place
        self._place = place
        self._activate_clicks = activate_clicks
        self._send = send
        self._on_change = on_change
        self._division: Division | None = None
        self._offer: DaughterOffered | None = None
        self._accepted: tuple[Command, DaughterOffered] | None = None
        self._clicks: dict[Command, tuple[int, ...]] = {}  # unanswered; the daughters they make
        self.handlers: Handlers = {
            DaughterOffered: self._take_offer,
            DivisionsFound: self._take_proposals,
            Edit: self._take_answer,
            TrackStarted: lambda report: self.end(),
        }

    @property
    def division(self) -> Division | None:
        """The division that is being clicked on the shown frame; None if there is none."""
        division = self._division
        if division is None:
            return None
        image_state, t = self._place()
        if image_state is not division.image_state or t != division.t:
            return None
        return division if image_state.current_object == division.current else None

    @property
    def offer(self) -> DaughterOffered | None:
        """The offer to make the current object a daughter; None if there is none."""
        offer = self._offer
        if offer is None:
            return None
        image_state, t = self._place()
        if image_state is None:
            return None
        known = image_state.objects.get(offer.object_id)
        is_here = (offer.image, offer.t, offer.object_id) == (
            image_state.number,
            t,
            image_state.current_object,
        )
        is_open = known is not None and known.parent is None
        return offer if is_here and is_open and offer.mother in image_state.objects else None

    @property
    def proposal(self) -> DivisionProposal | None:
        """The possible division of the current object on the shown frame; None if none."""
        if not self.proposals:
            return None
        image_state, t = self._place()
        if image_state is None or image_state is not self._proposals_of:
            return None
        here = (t, image_state.current_object)
        return next((one for one in self.proposals if (one.t, one.mother) == here), None)

    # Possible divisions

    def show_proposals(self, is_shown: bool) -> None:
        """Look for possible divisions and go to the first one, or forget them."""
        image_state, _ = self._place()
        self.proposals = None
        if is_shown and image_state is not None:
            self._send(FindDivisions(image_state.number))
        self._on_change()

    def _take_proposals(self, report: DivisionsFound) -> None:
        image_state, _ = self._place()
        if image_state is None or image_state.number != report.image:
            return
        self.proposals, self._proposals_of = list(report.proposals), image_state
        if self.proposals:
            self.next_proposal()
        else:
            self.proposals = None
            show_info("No possible divisions were found.")

    def next_proposal(self, is_backward: bool = False) -> None:
        """Go to the possible division after, or before, the one that is shown."""
        found, here = self.proposals or [], self.proposal
        if not found:
            show_info("No possible divisions are left.")
            return
        step = -1 if is_backward else 1
        number = 0 if here is None else (found.index(here) + step) % len(found)
        self._show_cell(found[number].t, found[number].mother)

    def decline(self) -> None:
        """Say that the possible division is none, and go to the next one."""
        one, (image_state, _) = self.proposal, self._place()
        if one is not None and image_state is not None and self.proposals is not None:
            after = self.proposals.index(one)
            self.proposals.remove(one)
            self._edit(image_state, "decline_division", mother=one.mother, t=one.t)
            if self.proposals:
                following = self.proposals[after % len(self.proposals)]
                self._show_cell(following.t, following.mother)
            self._on_change()

    def _take_up(self, one: DivisionProposal, image_state: ImageState) -> None:
        """Make the daughters of a possible division."""
        assert self.proposals is not None
        self.proposals.remove(one)
        if one.sister is not None:
            self._edit(image_state, "link_daughters", daughters=(one.sister,), mother=one.mother)
            return
        first = image_state.next_object()
        daughters = [first, first + 1]
        calls = tuple(
            Called(
                "add_daughter",
                {"t": one.t, "object_id": key, "points": (place,), "labels": (INCLUDE,)}
                | {"mother": one.mother},
            )
            for key, place in zip(daughters, (one.daughter_1, one.daughter_2), strict=True)
        )
        text = f"divide cell {one.mother} at frame {one.t}"
        self._send(Edit(image_state.number, calls, text))
        self._go_on(Division(image_state, one.t, one.mother, daughters[1], daughters))

    # Actions of the user

    def press(self, selected: Sequence[int] = ()) -> None:
        """Link selected objects, accept the offer, or begin or end the clicks of a division.

        Parameters
        ----------
        selected : sequence of int
            Objects that are selected in the table; two or more are linked as daughters.
        """
        image_state, t = self._acting_place()
        if image_state is None:
            return
        if image_state.in_3d:
            show_warning(NOT_IN_3D)
        elif len(selected) > 1:
            self._edit(image_state, "link_daughters", daughters=tuple(selected))
        elif self.offer is not None:
            self.accept()
        elif (proposal := self.proposal) is not None:
            self._take_up(proposal, image_state)
        elif self.division is not None and not self.division.daughters:
            self.end()
        elif t == 0:
            show_warning(FIRST_FRAME)
        else:
            self._begin(image_state, t)

    def accept(self) -> None:
        """Make the object of the offer a daughter; her sister goes on with the mother's masks."""
        offer = self.offer
        if offer is not None:
            image_state, _ = self._place()
            assert image_state is not None
            command = self._edit(
                image_state, "link_daughters", daughters=(offer.object_id,), mother=offer.mother
            )
            self._accepted = command, offer

    def _begin(self, image_state: ImageState, t: int) -> None:
        current = image_state.current_object
        likely = current if current in image_state.objects else None
        self._go_on(Division(image_state, t, likely, image_state.next_object()))
        self._activate_clicks()

    def _go_on(self, division: Division) -> None:
        """Let the next click make the current daughter of a division."""
        self._division = division
        division.image_state.choose(division.current, INCLUDE)
        self._on_change()

    def end(self) -> None:
        """End the clicks; daughters that were made stay."""
        self._division = None
        self._on_change()

    def withdraw(self) -> None:
        """Undo the division that is being clicked, and end the clicks."""
        division = self.division
        if division is not None:
            if division.daughters:
                daughters = tuple(division.daughters)
                self._edit(division.image_state, "withdraw_division", daughters=daughters)
            if division.likely is not None:
                division.image_state.choose(division.likely, INCLUDE)
        self.end()

    def _edit(self, image_state: ImageState, name: str, **arguments: object) -> Edit:
        edit = Edit(image_state.number, (Called(name, arguments),))
        self._send(edit)
        return edit

    # Clicks

    def translated(self, edit: Edit | PromptEdit) -> Edit | PromptEdit:
        """The edit that makes a daughter, if an edit is the click on one; else the same edit."""
        division = self.division
        if division is None or not isinstance(edit, AddPoint | AddScribble) or edit.sign != INCLUDE:
            return edit
        if len(division.daughters) == 2 or edit.place != (division.t, division.current):
            return edit
        sister = division.daughters[0] if division.daughters else None
        arguments = {
            "t": edit.t,
            "object_id": edit.object_id,
            "points": edit.positions,
            "labels": (INCLUDE,) * len(edit.positions),
            "sister": sister,
            "likely": division.likely,
        }
        daughter = Edit(edit.image, (Called("add_daughter", arguments),))
        self._clicks[daughter] = (edit.object_id,)
        division.daughters.append(edit.object_id)
        QTimer.singleShot(0, lambda: self._choose_next(division))
        return daughter

    def _choose_next(self, division: Division) -> None:
        """After the first daughter, let the next click make the other one."""
        if division is self._division and len(division.daughters) == 1:
            division.current = division.image_state.next_object()
            self._go_on(division)

    # Drags

    def on_press(self, viewer: Any, event: Any) -> Iterator[None]:
        """Take a drag from one daughter to the other; napari calls this for each mouse press.

        Only while the first daughter is awaited does a drag of the left button mark a division, and
        the view stays where it is. Any other drag is left to napari.
        """
        division = self.division
        is_ours = division is not None and not division.daughters and event.button == LEFT_BUTTON
        if division is None or not is_ours or not self._takes_clicks(division.image_state):
            return
        start, pressed = self._position(division, event), np.array(event.pos)
        yield
        while event.type == "mouse_move":
            event.handled = True  # napari does not move the view
            yield
        has_moved = np.linalg.norm(np.subtract(event.pos, pressed)) >= DRAG_DISTANCE
        if has_moved and division is self.division and not division.daughters:
            self._make_both(division, start, self._position(division, event))

    @staticmethod
    def _position(division: Division, event: Any) -> Position:
        """(y, x) in pixels of the image, of an event of the mouse."""
        image_state = division.image_state
        _, y, x = image_state.layers.axes.place(image_state.image.world_to_data(event.position))
        return float(y), float(x)

    def _make_both(self, division: Division, *places: Position) -> None:
        """Make both daughters at once."""
        first = division.current
        daughters = (first, first + 1)
        sisters: tuple[dict[str, int], ...] = ({}, {"sister": first})
        calls = tuple(
            Called(
                "add_daughter",
                {"t": division.t, "object_id": key, "points": (place,), "labels": (INCLUDE,)}
                | {"likely": division.likely}
                | sister,
            )
            for key, place, sister in zip(daughters, places, sisters, strict=True)
        )
        edit = Edit(division.image_state.number, calls, f"mark a division at frame {division.t}")
        self._clicks[edit] = daughters
        division.image_state.sent(edit)
        self._send(edit)
        division.daughters, division.current = list(daughters), daughters[1]
        self._go_on(division)

    # Reports

    def _take_offer(self, report: DaughterOffered) -> None:
        self._offer = report

    def _take_answer(self, answer: Answered) -> None:
        """Let the user click again after a refused click, or the second daughter after an offer."""
        command, division = answer.command, self._division
        made = self._clicks.pop(command, None)
        if made is not None and answer.error is not None and division is not None:
            division.daughters = [key for key in division.daughters if key not in made]
            division.current = made[0]
            self._go_on(division)
        if self._accepted is not None and command is self._accepted[0]:
            offer, self._accepted = self._accepted[1], None
            if answer.error is None:
                self._seek_sister(offer)

    def _seek_sister(self, offer: DaughterOffered) -> None:
        """Ask for the second daughter if the mother did not go on in one."""
        image_state, t = self._place()
        if image_state is None or (image_state.number, t) != (offer.image, offer.t):
            return
        daughters = [key for key, one in image_state.objects.items() if one.parent == offer.mother]
        if len(daughters) == 1:
            division = Division(image_state, t, offer.mother, 0, daughters)
            division.current = image_state.next_object()
            self._go_on(division)

"""Edits on the canvas: clicks, shapes and strokes are checked and sent as commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_sam2.annotation.journal_entries import Called
from napari_sam2.plugin.layers.image_axes import GEOMETRY
from napari_sam2.plugin.layers.image_layers import append_unselected
from napari_sam2.plugin.protocol.foreign_messages import CheckLabels, ImageWritten, LabelsWritten
from napari_sam2.plugin.protocol.messages import (
    EXCLUDE,
    AddPoint,
    AddScribble,
    ChangePoints,
    Edit,
    ImportLabels,
    PaintLabels,
    PromptEdit,
    SetOutline,
    Stroke,
)
from napari_sam2.plugin.startup.error_notifications import show_warning

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_sam2.plugin.protocol.messages import Command
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers
    from napari_sam2.plugin.window.view import View


class CanvasEdits:
    """Checks the edits on the layers of all images and sends them to the inference thread.

    Parameters
    ----------
    view : View
        Knows which frame is shown.
    image_states : mapping of int to ImageState
        The images by number.
    send : callable
        Takes commands to the inference thread.
    on_change : callable
        Called when the widgets must be rendered again.
    translated : callable
        Turns the click on a daughter, while a division is being clicked, into the edit that makes
        the daughter; any other edit stays as it is.
    answers_proposal : callable
        Returns whether an edit was a click on a proposal, which is then dealt with.
    """

    def __init__(
        self,
        view: View,
        image_states: Mapping[int, ImageState],
        send: Callable[[Command], None],
        on_change: Callable[[], None],
        translated: Callable[[Edit | PromptEdit], Edit | PromptEdit],
        answers_proposal: Callable[[Edit | PromptEdit], bool],
    ) -> None:
        self._answers_proposal = answers_proposal
        self._translated = translated
        self._view = view
        self._image_states = image_states
        self._send = send
        self._on_change = on_change
        self._redrawn: set[int] = set()  # images whose labels were redrawn by others
        self._frame = -1  # shown when labels were redrawn by others the last time
        self.handlers: Handlers = {
            LabelsWritten: self._take_written,
            ImageWritten: lambda report: show_warning(report.text),
        }

    def on_edit(self, edit: Edit | PromptEdit) -> None:
        """Send an edit that the layers show already, or undo it on the layers if it is refused."""
        image_state = self._image_states[edit.image]
        if self._answers_proposal(edit):
            QTimer.singleShot(0, lambda: image_state.show(None))  # removes the drawn click
            return
        if (other := self._excluded_from(image_state, edit)) is not None:
            QTimer.singleShot(0, lambda: self._correct(image_state, other))
            return
        if (reason := self._reason_against(image_state, edit)) is not None:
            show_warning(reason)
            QTimer.singleShot(0, lambda: image_state.show(None))
            return
        edit = self._translated(edit)
        image_state.sent(edit, edit.place)
        self._send(edit)
        self._on_change()

    def on_gesture(self, edits: Sequence[PromptEdit]) -> None:
        """Send the edits of one gesture, which are one undo step."""
        command = ChangePoints(edits[0].image, tuple(edits))
        self._image_states[command.image].sent(command, *(edit.place for edit in edits))
        self._send(command)
        self._on_change()

    def _excluded_from(self, image_state: ImageState, edit: Edit | PromptEdit) -> AddPoint | None:
        """The exclusion from another cell, if a click lies on its mask apart from the chosen one.

        What does not belong to the chosen cell cannot be excluded from it: the cell under the click
        is meant. Where both masks touch, the click is for the chosen cell, which may spread there.
        """
        if not isinstance(edit, AddPoint) or edit.sign != EXCLUDE:
            return None
        if not self._view.shows_one(image_state) or self._view.outside_of(image_state) is not None:
            return None
        other = image_state.layers.object_apart(edit.t, *edit.position, edit.object_id)
        return replace(edit, object_id=other) if other else None

    def _correct(self, image_state: ImageState, edit: AddPoint) -> None:
        """Choose the cell of an edit and make it; the click was drawn as that of another cell."""
        image_state.show(None)
        self.on_pick(edit.image, edit.object_id)
        self.on_edit(edit)

    def _reason_against(self, image_state: ImageState, edit: Edit | PromptEdit) -> str | None:
        """Reason why an edit cannot be made on the shown frame; None if it can."""
        if not _is_drawn(edit):
            return None
        if not self._view.shows_one(image_state):
            return "Clicks work on one frame at a time. Go back to the 2D view of the axes y and x."
        if (outside := self._view.outside_of(image_state)) is not None:
            return outside
        is_exclude = isinstance(edit, AddPoint | AddScribble) and edit.sign == EXCLUDE
        _, object_id = edit.place
        if is_exclude and not image_state.has_outline(object_id):
            how = "press T, then click" if image_state.sign == EXCLUDE else "left-click"
            return (
                f"There is nothing to exclude yet: cell {object_id} has no outline. "
                f"First {how} the cell."
            )
        return None

    def clear_frame(self) -> None:
        """Remove every prompt of the current object from the shown frame."""
        image_state, t = self._view.acting_place()
        if image_state is not None and image_state.has_outline(image_state.current_object):
            arguments = {"t": t, "object_id": image_state.current_object}
            self.on_edit(Edit(image_state.number, (Called("clear_prompts", arguments),)))

    def next_guess(self) -> None:
        """Show the next of the three masks that the model has for a single click."""
        image_state, t = self._view.acting_place()
        if image_state is None:
            return
        if not image_state.has_outline(image_state.current_object):
            show_warning("Click a cell first: its first click has three guesses.")
            return
        arguments = {"t": t, "object_id": image_state.current_object}
        self.on_edit(Edit(image_state.number, (Called("next_guess", arguments),)))

    def on_paint(self, number: int, strokes: tuple[Stroke, ...]) -> None:
        """Send the strokes that the user painted or erased on the Labels layer."""
        self.ask(PaintLabels(number, strokes))

    def ask(self, command: ImportLabels | PaintLabels) -> None:
        """Send a command that changes more than one prompt."""
        self._image_states[command.image].sent(command)
        self._send(command)
        self._on_change()

    def on_pick(self, number: int, object_id: int) -> None:
        """Choose the object whose mask the user picked."""
        self._image_states[number].choose(object_id, self._image_states[number].sign)
        self._on_change()

    def on_refusal(self, reason: str) -> None:
        """Warn why something cannot be done that the user asked for."""
        show_warning(reason)

    def on_redrawn(self, number: int) -> None:
        """Look for labels that other code wrote, once napari is done with the layer."""
        if not self._redrawn:
            QTimer.singleShot(0, self._check_redrawn)
        self._redrawn.add(number)

    def _check_redrawn(self) -> None:
        numbers, frame = self._redrawn & self._image_states.keys(), self._view.frame
        is_same_frame, self._redrawn, self._frame = frame == self._frame, set(), frame
        for number in numbers:
            image_state = self._image_states[number]
            t = min(frame, image_state.frames - 1)
            if not image_state.layers.is_painting:
                self._send(CheckLabels(number, t, has_others=is_same_frame))

    def _take_written(self, report: LabelsWritten) -> None:
        layers = self._image_states[report.image].layers
        if report.labels is None or layers.labels is None:
            show_warning(report.text)
        else:
            other = layers.shown_labels(report.labels)
            show_warning(f"{report.text} {self._set_aside(layers.labels, other)}")

    def on_replaced(self, labels: Labels, other: Any) -> None:
        """Keep data that other code gave to a labels layer in a layer of their own, and say so."""
        told = f"Another plugin or command gave the layer “{labels.name}” other data."
        show_warning(f"{told} {self._set_aside(labels, other)}")

    def _set_aside(self, labels: Labels, other: Any) -> str:
        """Add a layer with the labels of other code; returns a sentence about it."""
        name = f"{labels.name} (other data)"
        QTimer.singleShot(0, lambda: self._add_labels(labels, other, name))
        return (
            f"They are in the new layer “{name}”, from which you can import them; your labels are "
            "as before."
        )

    def _add_labels(self, labels: Labels, other: Any, name: str) -> None:
        fits = other.ndim == labels.ndim
        geometry = {key: getattr(labels, key) for key in GEOMETRY} if fits else {}
        layer = type(labels)(other, name=name, visible=False, **geometry)
        append_unselected(self._view.layers, layer)

    def on_mode(self, event: Any = None) -> None:
        """Render again after the user has chosen another tool of a layer."""
        self._on_change()


def _is_drawn(edit: Edit | PromptEdit) -> bool:
    """Whether an edit comes from a click or a shape on the canvas."""
    if isinstance(edit, Edit):
        return edit.calls[0].name == "add_box"
    return isinstance(edit, AddPoint | AddScribble | SetOutline)

"""The next step: one decision for the tip, the button below it and the track button."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam2.plugin.layers.image_layers import Tool

_TOOL_TIPS: dict[Tool, str] = {
    "select": "Clicks now select and move points; they do not outline a cell.",
    "draw": "Draw a box around a cell, its outline, or a line (path) along it. N: next cell.",
    "reshape": "Clicks now change shapes that you have drawn; they do not outline a cell.",
    "other": "Another layer or tool of napari is selected: clicks do not outline a cell.",
}


@dataclass(frozen=True)
class Situation:
    """The state of the window on which the next step depends.

    Parameters
    ----------
    has_images, has_image : bool
        Whether the viewer has any image layer, and whether one is chosen.
    problem : str, optional
        Why the chosen image cannot be used.
    is_warming : bool
        Whether the prompt layers cannot be created yet.
    has_model, is_loading, is_missing, is_downloading : bool
        Whether a model is loaded, is being loaded, has to be downloaded, or is being downloaded.
    is_open : bool
        Whether the document of the image is open.
    missing_layers : tuple of str
        Names of the layers that the user deleted.
    hidden_image : str, optional
        Name of the chosen image if it is hidden or covered.
    outside : str, optional
        Why the chosen image has no frame at the position of the slider.
    is_other_plane : bool
        Whether the viewer shows other axes of the image than rows and columns.
    is_stack : bool
        Whether there is more than one frame.
    saved_when : str, optional
        When work on the image was saved that can be opened, as "on 12 May".
    tool : Tool
        What a click on the canvas does.
    is_sign_exclude : bool
        Whether the next click excludes.
    object_id : int
        The current object.
    guess : int, optional
        Which guess of a single click is shown; None if the current object has no single click on
        the shown frame.
    has_objects, has_object : bool
        Whether there are prompts at all, and for the current object.
    is_importing, is_proposing, is_checking : bool
        Whether labels of another tool are being imported, possible divisions looked for, or the
        cells tracked back to verify them.
    is_tracking, is_tracked : bool
        Whether tracking is under way, or done since the last change.
    unreviewed : int
        Number of doubtful frames that are not reviewed.
    doubt : str
        Why the mask of the current object on the shown frame is worth a look; empty if it is not.
    is_tiny : bool
        Whether the current object is narrower than a token of a model that sees whole frames.
    contrast_differs : bool
        Whether the model uses another contrast than the layer.
    daughters : int, optional
        Number of daughters that were clicked of a division; None if no division is being clicked.
    mother : int, optional
        The mother of these daughters, once the model has answered.
    offered_mother : int, optional
        The possible mother of the current object, a new one.
    proposed_mother : int, optional
        The object that may divide on the shown frame, while possible divisions are shown.
    is_finding : bool
        Whether cells are being looked for.
    found : int, optional
        Number of cells that were found and are shown on this frame; None if there are none.
    wants_tracking : bool
        Whether a taught model is in use since the last tracking.
    can_teach : bool
        Whether teaching is to be offered.
    """

    has_images: bool = True
    has_image: bool = True
    problem: str | None = None
    is_warming: bool = False
    has_model: bool = True
    is_loading: bool = False
    is_missing: bool = False
    is_downloading: bool = False
    is_open: bool = True
    missing_layers: tuple[str, ...] = ()
    hidden_image: str | None = None
    outside: str | None = None
    is_other_plane: bool = False
    is_stack: bool = True
    saved_when: str | None = None
    tool: Tool = "click"
    is_sign_exclude: bool = False
    object_id: int = 1
    guess: int | None = None
    has_objects: bool = False
    has_object: bool = False
    is_importing: bool = False
    is_proposing: bool = False
    is_checking: bool = False
    is_tracking: bool = False
    is_tracked: bool = False
    unreviewed: int = 0
    doubt: str = ""
    is_tiny: bool = False
    contrast_differs: bool = False
    daughters: int | None = None
    mother: int | None = None
    offered_mother: int | None = None
    proposed_mother: int | None = None
    is_finding: bool = False
    found: int | None = None
    wants_tracking: bool = False
    can_teach: bool = False


OTHER_PLANE = (
    "The panel takes other axes of this image as y and x than the two that you see, so clicks have "
    "no effect here. Show y and x, or say that these two are y and x."
)


TINY = "This cell is tiny in the model's view of the whole image."


class Action(Enum):
    """Action of the button below the tip; the value is its text."""

    RESTORE_LAYERS = "Restore layers"
    SHOW_IMAGE = "Show the image"
    TAKE_VIEW = "They are y and x"
    BACK_TO_MOVIE = "Go to its nearest frame"
    USE_CONTRAST = "Use the new contrast"
    BACK_TO_CLICKING = "Back to clicking"
    MAKE_DAUGHTER = "It is a daughter (D)"
    USE_WINDOWS = "Use full resolution"
    OPEN_SAVED = "Open it"
    TRACK_AGAIN = "Track again what is not reviewed"


class TrackButton(Enum):
    """State of the track button; the value is its text and its tooltip."""

    TRACK = ("Track (K)", "Find the outlined cells on the other frames")
    NOTHING_TO_TRACK = ("Track (K)", "Click a cell first")
    SINGLE_IMAGE = ("Track (K)", "This is a single image; only movies can be tracked")
    CANCEL = ("Cancel (Esc)", "Stop tracking; the finished frames are kept")
    CANCEL_CHECK = ("Cancel (Esc)", "Stop verifying; no result is kept")
    CANCEL_IMPORT = ("Cancel import (Esc)", "Stop the import; no labels will be imported")
    CANCEL_SEARCH = ("Cancel (Esc)", "Stop looking for possible divisions; nothing is changed")

    @property
    def is_enabled(self) -> bool:
        """Whether the button can be pressed."""
        return self is TrackButton.TRACK or self.cancels

    @property
    def cancels(self) -> bool:
        """Whether a press cancels a run."""
        return self.name.startswith("CANCEL")


@dataclass(frozen=True)
class NextStep:
    """The next step as the panel shows it.

    Attributes
    ----------
    tip : str
        Text of the most urgent step.
    action : Action or None
        Action of the button below the tip; None hides the button.
    track : TrackButton
        State of the track button.
    """

    tip: str
    action: Action | None
    track: TrackButton


def next_step(now: Situation) -> NextStep:
    """Decide the most urgent step of a situation."""
    track = _track(now)
    if track is TrackButton.CANCEL_IMPORT:
        return NextStep(
            "Importing labels. Esc cancels the import; no labels will be imported.", None, track
        )
    if track is TrackButton.CANCEL_SEARCH:
        return NextStep("Looking for possible divisions. Esc cancels.", None, track)
    if (obstacle := _obstacle(now)) is not None:
        return NextStep(obstacle, None, track)
    if now.is_finding:
        return NextStep("Looking for cells. Esc cancels; nothing is changed.", None, track)
    if (disorder := _disorder(now)) is not None:
        return NextStep(*disorder, track)
    if now.tool != "click":
        return NextStep(_tool_tip(now), Action.BACK_TO_CLICKING, track)
    if now.daughters is not None:
        return NextStep(_division_tip(now.daughters, now), None, track)
    if now.found is not None:
        return NextStep(_found_tip(now.found), None, track)
    if now.offered_mother is not None:
        return NextStep(_offer_tip(now), Action.MAKE_DAUGHTER, track)
    if now.proposed_mother is not None:
        tip = f"Does cell {now.proposed_mother} divide here? D: yes. Shift+D: no. ]: next one."
        return NextStep(tip, None, track)
    if now.wants_tracking and track is TrackButton.TRACK:
        return NextStep(
            "The taught model is in use. Your clicks, locked and reviewed frames are kept.",
            Action.TRACK_AGAIN,
            track,
        )
    if now.saved_when is not None:
        return NextStep(_saved_tip(now.saved_when, now), Action.OPEN_SAVED, track)
    if now.is_tiny and track is TrackButton.TRACK and not now.is_tracked:
        return NextStep(f"{TINY} {_step(now, track)}", Action.USE_WINDOWS, track)
    offer = " Shift+T: teach the model your cells." if now.can_teach else ""
    return NextStep(_step(now, track) + offer, None, track)


def _track(now: Situation) -> TrackButton:
    if now.is_importing:
        return TrackButton.CANCEL_IMPORT
    if now.is_proposing:
        return TrackButton.CANCEL_SEARCH
    if now.is_tracking:
        return TrackButton.CANCEL
    if now.is_checking:
        return TrackButton.CANCEL_CHECK
    if not now.is_stack:
        return TrackButton.SINGLE_IMAGE
    return TrackButton.TRACK if now.has_objects else TrackButton.NOTHING_TO_TRACK


def _obstacle(now: Situation) -> str | None:
    """Text of what prevents clicks altogether; None if nothing does."""
    if not now.has_images:
        return "Open a movie or an image to begin."
    if now.problem is not None:
        return now.problem
    if not now.has_image and now.is_warming:
        return "Getting ready."
    if not now.has_image:
        return "Choose an image above."
    if now.is_downloading:
        return "Downloading the model. Until it is here, the model before stays in use."
    if now.is_missing:
        return (
            "This model is not on your computer yet. Press Download, or choose another model above."
        )
    if not now.has_model and not now.is_loading:
        return "No model is loaded. Choose one above."
    return None


def _disorder(now: Situation) -> tuple[str, Action | None] | None:
    """Text of what makes clicks useless or misleading, and the action that repairs it."""
    if now.missing_layers:
        names = " and ".join(now.missing_layers)
        return f"The layer for {names} was deleted. Your work is kept.", Action.RESTORE_LAYERS
    if now.hidden_image is not None:
        return (
            f"“{now.hidden_image}” is hidden: a click would outline a cell that you cannot see.",
            Action.SHOW_IMAGE,
        )
    if now.is_other_plane:
        return OTHER_PLANE, None if now.has_objects else Action.TAKE_VIEW
    if now.outside is not None:
        return f"{now.outside} Clicks and keys have no effect here.", Action.BACK_TO_MOVIE
    if now.contrast_differs:
        return "You changed the contrast. The model still uses the old one.", Action.USE_CONTRAST
    return None


def _tool_tip(now: Situation) -> str:
    if now.tool == "paint":
        return f"Paint or erase to correct cell {now.object_id} on this frame; tracking keeps it."
    if now.tool == "draw" and now.is_sign_exclude:
        return (
            f"A line (path) excludes its places from cell {now.object_id}. Include: include again."
        )
    return _TOOL_TIPS[now.tool]


def _division_tip(daughters: int, now: Situation) -> str:
    mother = "the same cell" if now.mother is None else f"cell {now.mother}"
    if not daughters:
        return (
            "Division: click the first daughter on this frame, or drag from one to the other. "
            "Esc: no division."
        )
    if daughters == 1:
        return f"Click the other daughter of {mother}. Esc undoes the division."
    return (
        f"Division of {mother} done. More clicks change cell {now.object_id}. "
        "Esc undoes the division. K: track."
    )


def _found_tip(found: int) -> str:
    if not found:
        return "No cell has this score and size. Move the sliders, or press Esc to leave."
    return "Enter: take all. Click: take one. Right-click: drop one. Esc: leave."


def _saved_tip(when: str, now: Situation) -> str:
    image = "movie" if now.is_stack else "image"
    return f"You saved work on this {image} {when}. Open it, or click a cell to begin anew."


def _offer_tip(now: Situation) -> str:
    return (
        f"Daughter of cell {now.offered_mother}? D: yes. "
        f"Otherwise cell {now.object_id} is a cell without a mother."
    )


def _step(now: Situation, track: TrackButton) -> str:
    if track is TrackButton.CANCEL:
        return (
            "Tracking. Esc stops it and keeps the finished frames. You can click cells meanwhile."
        )
    if track is TrackButton.CANCEL_CHECK:
        return "Verifying: every cell is tracked back from its end. Esc stops it. No mask changes."
    if now.is_sign_exclude:
        return "Clicks now exclude an area. T: include again."
    if not now.is_open and not now.has_objects:
        return "The model is loading; you can already click a cell."
    if not now.has_objects:
        return "Click a cell, or press F to find all cells."
    if not now.has_object:
        return f"Click another cell: it becomes cell {now.object_id}."
    if now.is_tracked and now.doubt:
        return f"{now.doubt} Click to correct it. C: it is right. ]: the next doubtful frame."
    if now.is_tracked and now.unreviewed:
        return "]: go to the most doubtful frame. Click to correct it. C: mark it as reviewed."
    if now.is_tracked:
        return (
            "Check the frames. Right-click what is too much, Ctrl+click a mask to add to it. "
            "Then track again."
        )
    last = "K: track." if track is TrackButton.TRACK else "Export when done."
    return f"{_guess_tip(now.guess)}Right-click excludes an area. N: next cell. {last}"


def _guess_tip(guess: int | None) -> str:
    if guess is None:
        return ""
    if guess == 1:
        return "O: another guess. "
    return f"Guess {guess} of 3. O: next guess. "

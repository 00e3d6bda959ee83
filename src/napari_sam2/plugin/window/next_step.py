"""What can be done now: decided once, for the tip, the button below it and the track button."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam2.plugin.layers.image_layers import Tool

_TOOL_TIPS: dict[Tool, str] = {
    "select": "Clicks select and move points now; they outline no cell.",
    "draw": "Draw around a cell: a rectangle, or its outline with another shape.",
    "reshape": "Clicks change shapes that are drawn already; they outline no new cell.",
    "other": "Another layer or tool of napari is selected: clicks outline no cell now.",
}


@dataclass(frozen=True)
class Situation:
    """What the next step depends on.

    Parameters
    ----------
    has_images, has_image : bool
        Whether the viewer has any image layer, and whether one is chosen.
    problem : str, optional
        Why the chosen image cannot be used.
    is_warming : bool
        Whether layers cannot be made yet.
    has_model, is_loading, is_missing, is_downloading : bool
        Whether a model is there, on its way, has to be downloaded, or is being downloaded.
    is_open : bool
        Whether the document of the image is there.
    missing_layers : tuple of str
        Layers that were deleted.
    hidden_image : str, optional
        Name of the chosen image if the user does not see it.
    outside : str, optional
        Why the chosen image has no frame where the slider stands.
    is_stack : bool
        Whether there is more than one frame.
    tool : Tool
        What a press of the mouse on the canvas does.
    is_sign_exclude : bool
        Whether the next click excludes.
    object_id : int
        The current object.
    has_objects, has_object : bool
        Whether there are prompts at all, and for the current object.
    is_importing : bool
        Whether labels of another tool are being imported.
    is_tracking, is_tracked : bool
        Whether tracking is under way, or done since the last change.
    unreviewed : int
        Doubtful frames that nobody has accepted yet.
    contrast_differs : bool
        Whether the model sees another contrast than the user.
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
    is_stack: bool = True
    tool: Tool = "click"
    is_sign_exclude: bool = False
    object_id: int = 1
    has_objects: bool = False
    has_object: bool = False
    is_importing: bool = False
    is_tracking: bool = False
    is_tracked: bool = False
    unreviewed: int = 0
    contrast_differs: bool = False


class Action(Enum):
    """What one press of the button below the tip does; the value is its text."""

    RESTORE_LAYERS = "Restore layers"
    SHOW_IMAGE = "Show the image"
    BACK_TO_MOVIE = "Back to its nearest frame"
    USE_CONTRAST = "Use the new contrast"
    BACK_TO_CLICKING = "Back to clicking"


class TrackButton(Enum):
    """What one press of the track button does; the value is its text and its tool tip."""

    TRACK = ("Track (K)", "Carry the outlined cells to the other frames")
    NOTHING_TO_TRACK = ("Track (K)", "Click a cell first")
    SINGLE_IMAGE = ("Track (K)", "Only movies can be tracked: this is a single image")
    CANCEL = ("Cancel (Esc)", "Stop within a frame; what is done stays")
    CANCEL_IMPORT = ("Cancel import (Esc)", "Stop the import; no labels are imported then")

    @property
    def is_enabled(self) -> bool:
        """Whether there is anything to press it for."""
        return self is TrackButton.TRACK or self.cancels

    @property
    def cancels(self) -> bool:
        """Whether it stops what is being done."""
        return self in (TrackButton.CANCEL, TrackButton.CANCEL_IMPORT)


@dataclass(frozen=True)
class NextStep:
    """What can be done now.

    Attributes
    ----------
    tip : str
        The most urgent thing, in words.
    action : Action or None
        What the button below the tip does; None hides it.
    track : TrackButton
        What the track button does.
    """

    tip: str
    action: Action | None
    track: TrackButton


def next_step(now: Situation) -> NextStep:
    """What can be done in a situation, most urgent first."""
    track = _track(now)
    if track is TrackButton.CANCEL_IMPORT:
        return NextStep("Importing labels. Esc cancels; no labels are imported then.", None, track)
    if (obstacle := _obstacle(now)) is not None:
        return NextStep(obstacle, None, track)
    if (disorder := _disorder(now)) is not None:
        return NextStep(*disorder, track)
    if now.tool != "click":
        return NextStep(_tool_tip(now), Action.BACK_TO_CLICKING, track)
    return NextStep(_step(now, track), None, track)


def _track(now: Situation) -> TrackButton:
    if now.is_importing:
        return TrackButton.CANCEL_IMPORT
    if now.is_tracking:
        return TrackButton.CANCEL
    if not now.is_stack:
        return TrackButton.SINGLE_IMAGE
    return TrackButton.TRACK if now.has_objects else TrackButton.NOTHING_TO_TRACK


def _obstacle(now: Situation) -> str | None:
    """What has to be there before anything can be clicked."""
    if not now.has_images:
        return "Open a movie or an image to begin."
    if now.problem is not None:
        return now.problem
    if not now.has_image and now.is_warming:
        return "Getting ready."
    if not now.has_image:
        return "Choose an image above."
    if now.is_downloading:
        return "Downloading the model; the one before stays in use meanwhile."
    if now.is_missing:
        return (
            "This model is not on this computer yet. Download it, or go on with the built-in one."
        )
    if not now.has_model and not now.is_loading:
        return "No model is loaded. Choose one above."
    return None


def _disorder(now: Situation) -> tuple[str, Action] | None:
    """What keeps the user from seeing what is clicked, and what puts it right."""
    if now.missing_layers:
        names = " and ".join(now.missing_layers)
        return f"The layer for {names} was deleted. What it showed is kept.", Action.RESTORE_LAYERS
    if now.hidden_image is not None:
        return (
            f"“{now.hidden_image}” is hidden: a click would outline a cell that you cannot see.",
            Action.SHOW_IMAGE,
        )
    if now.outside is not None:
        return f"{now.outside} Clicks and keys change nothing here.", Action.BACK_TO_MOVIE
    if now.contrast_differs:
        return "The model still sees the contrast from before.", Action.USE_CONTRAST
    return None


def _tool_tip(now: Situation) -> str:
    if now.tool == "paint":
        return f"Paint or erase to correct object {now.object_id} on this frame; tracking keeps it."
    return _TOOL_TIPS[now.tool]


def _step(now: Situation, track: TrackButton) -> str:
    if track is TrackButton.CANCEL:
        return "Tracking. Esc stops and keeps what is done; clicks are answered meanwhile."
    if now.is_sign_exclude:
        return "Clicks now exclude. T includes again."
    if not now.is_open and not now.has_objects:
        return "The model is loading; you can already click a cell."
    if not now.has_objects:
        return "Click a cell."
    if not now.has_object:
        return f"Click the cell that becomes object {now.object_id}."
    if now.is_tracked and now.unreviewed:
        return "] goes to the most doubtful frame: click to correct it, or accept it (C)."
    if now.is_tracked:
        return "Check the frames. Ctrl+click a wrong mask, click to correct it, then track again."
    if track is TrackButton.TRACK:
        return "Right-click excludes an area. N: next cell. K: track."
    return "Right-click excludes an area. N: next cell. Export when done."

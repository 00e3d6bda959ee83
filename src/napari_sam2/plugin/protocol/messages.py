"""Messages between the window and the inference thread: commands and reports.

The window sends commands, and the inference thread returns reports. Both are frozen values. The
labels are the only mutable data that the threads share: the inference thread writes them and the
window displays them. Images are identified by numbers that the window assigns. Coordinates are
(y, x) in pixels of the image's data, with pixel centres at integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.annotation import AnnotatedObject
    from napari_sam2.annotation.journal_entries import Called
    from napari_sam2.annotation.label_linking import LabelLinks
    from napari_sam2.annotation.packed_labels import LabelArray
    from napari_sam2.model.config import WindowMode
    from napari_sam2.plugin.protocol.sources import ImageSource, LabelSource
    from napari_sam2.tracking import Prompt

Direction = Literal["forward", "backward", "both"]
Work = Literal["import", "divisions", "check"]  # on all frames, beside tracking
Position = tuple[float, float]
Place = tuple[int, int]  # (t, object_id) of a prompt
INCLUDE, EXCLUDE = 1, 0


@dataclass(frozen=True)
class Outline:
    """A drawn shape that defines a mask.

    Parameters
    ----------
    kind : str
        Shape type of napari: "polygon", "ellipse", "path" or "rectangle" (rotated).
    vertices : tuple of (float, float)
        (y, x); for an ellipse, the four corners of its bounding rectangle.
    """

    kind: str
    vertices: tuple[Position, ...]


@dataclass(frozen=True)
class ModelChoice:
    """One entry of the model menu.

    Parameters
    ----------
    name : str
        Name by which the engine loads the model.
    title : str
        Name that the menu displays.
    state : str
        "embedded", "cached", "missing", or "taught" for a model that the user has taught.
    size_bytes : int, optional
        Size of the download in bytes, if known.
    image_sizes : tuple of int
        Available input sizes in pixels; the first is the size that the model was trained for.
    """

    name: str
    title: str
    state: str
    size_bytes: int | None = None
    image_sizes: tuple[int, ...] = ()


# Commands


@dataclass(frozen=True, eq=False)
class Command:
    """A request from the window to the inference thread."""


@dataclass(frozen=True, eq=False)
class ListEngine(Command):
    """Request the available devices and models."""


@dataclass(frozen=True, eq=False)
class LoadModel(Command):
    """Load a model and move every open image to it.

    `image_size` is the side of the model's input in pixels; None selects the size that it was
    trained for. `windows` says what a model that was trained on whole frames sees of them, as in
    `Tracker`. With a `text`, undo goes back to the model before; the text names that step.
    """

    name: str
    device: str = "auto"
    image_size: int | None = None
    text: str = ""
    windows: WindowMode = "whole"


@dataclass(frozen=True, eq=False)
class SetMemoryReach(Command):
    """Search for small objects only near their last position, or in the whole image.

    The setting takes effect on the next frame.
    """

    is_local: bool


@dataclass(frozen=True, eq=False)
class ImageCommand(Command):
    """A command about one image."""

    image: int


@dataclass(frozen=True, eq=False)
class OpenImage(ImageCommand):
    """Create a document for an image, or move its document to another view of the image."""

    source: ImageSource


@dataclass(frozen=True, eq=False)
class CloseImage(ImageCommand):
    """Close the document of an image."""


@dataclass(frozen=True, eq=False)
class Edit(ImageCommand):
    """Calls of annotation methods, made in order and recorded in the journal.

    Parameters
    ----------
    calls : tuple of Called
        Names and arguments of annotation methods.
    text : str
        Name of the undo step that groups all calls; if empty, each call is an undo step.
    """

    calls: tuple[Called, ...]
    text: str = ""

    @property
    def place(self) -> Place:
        """Frame and object of the prompt that the first call changes."""
        arguments = self.calls[0].arguments
        return arguments["t"], arguments["object_id"]


@dataclass(frozen=True, eq=False)
class PromptEdit(ImageCommand):
    """A change of an object's prompt on one frame that takes more than one annotation call."""

    t: int
    object_id: int

    @property
    def place(self) -> Place:
        """Frame and object of the prompt."""
        return self.t, self.object_id


@dataclass(frozen=True, eq=False)
class AddPoint(PromptEdit):
    """Add a clicked point; `sign` is `INCLUDE` or `EXCLUDE`."""

    position: Position
    sign: int = INCLUDE

    @property
    def positions(self) -> tuple[Position, ...]:
        """The position, as a scribble has several."""
        return (self.position,)


@dataclass(frozen=True, eq=False)
class AddScribble(PromptEdit):
    """Add the points along a drawn line as one step; those outside the image are left out."""

    positions: tuple[Position, ...]
    sign: int = INCLUDE


@dataclass(frozen=True, eq=False)
class RemovePoints(PromptEdit):
    """Remove the points at some positions."""

    positions: tuple[Position, ...]


@dataclass(frozen=True, eq=False)
class MovePoints(PromptEdit):
    """Move points within their frame, given as pairs of old and new positions."""

    moves: tuple[tuple[Position, Position], ...]


@dataclass(frozen=True, eq=False)
class ChangePoints(ImageCommand):
    """Changes of several prompts that the user made in one gesture: one undo step."""

    edits: tuple[PromptEdit, ...]


@dataclass(frozen=True, eq=False)
class SetOutline(PromptEdit):
    """Set a mask by its outline, or remove the mask if `outline` is None."""

    outline: Outline | None


@dataclass(frozen=True, eq=False)
class Stroke:
    """Pixels that the brush painted on one frame.

    Parameters
    ----------
    t : int
        Frame.
    rows, columns : (N,) integers
        Pixel indices.
    values : (N,) integers
        Object ids; 0 erases.
    """

    t: int
    rows: NDArray[np.integer[Any]]
    columns: NDArray[np.integer[Any]]
    values: NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class PaintLabels(ImageCommand):
    """Turn brush strokes into prompted masks."""

    strokes: tuple[Stroke, ...]


@dataclass(frozen=True, eq=False)
class ImportLabels(ImageCommand):
    """Import existing labels as objects.

    Parameters
    ----------
    source : LabelSource
        The labels.
    t : int or None
        Frame to import; None imports all frames.
    label : int or None
        The only label to import; None imports all labels.
    links : LabelLinks or None
        The cells that the labels of all frames become; None keeps their numbers.
    may_ask : bool
        Whether labels that are numbered on each frame by itself are not imported at once: their
        links are proposed with `LinksProposed`.
    """

    source: LabelSource
    t: int | None
    label: int | None = None
    links: LabelLinks | None = None
    may_ask: bool = True


@dataclass(frozen=True, eq=False)
class Track(ImageCommand):
    """Track objects through the frames [start, stop).

    If `object_ids` is None, every object that needs tracking is tracked. With `until_locked`, each
    object stops before the first locked frame that it reaches. With `keep_reviewed`, reviewed
    frames are locked first.
    """

    direction: Direction = "both"
    start: int | None = None
    stop: int | None = None
    object_ids: tuple[int, ...] | None = None
    until_locked: bool = False
    keep_reviewed: bool = False


@dataclass(frozen=True, eq=False)
class Cancel(Command):
    """Stop tracking; frames that are already tracked keep their labels."""


@dataclass(frozen=True, eq=False)
class LookAt(ImageCommand):
    """Report the displayed frame, so that idle time is used to encode it for the next click."""

    t: int


# Reports


@dataclass(frozen=True, eq=False)
class Report:
    """A message from the inference thread to the window."""


@dataclass(frozen=True, eq=False)
class EngineListed(Report):
    """The available devices and models."""

    devices: tuple[str, ...]
    models: tuple[ModelChoice, ...]


@dataclass(frozen=True, eq=False)
class ModelLoaded(Report):
    """A model is loaded.

    `image_sizes` are the available input sizes; the first is the size that the model was trained
    for. `windows` has the values of `LoadModel`; it is None if the model has windows of its own.
    """

    name: str
    device: str
    image_size: int
    image_sizes: tuple[int, ...]
    windows: WindowMode | None = None


@dataclass(frozen=True, eq=False)
class ImageReport(Report):
    """A report about one image."""

    image: int


@dataclass(frozen=True, eq=False)
class ImageOpened(ImageReport):
    """A document was opened; its whole state follows and replaces all earlier reports."""


@dataclass(frozen=True, eq=False)
class LabelsReady(ImageReport):
    """The labels, (T, Y, X), sent when a document is opened or its labels are replaced."""

    labels: LabelArray


@dataclass(frozen=True, eq=False)
class FrameChanged(ImageReport):
    """The labels of a frame changed."""

    t: int


@dataclass(frozen=True, eq=False)
class PromptShown(ImageReport):
    """The prompt of an object on a frame; None if there is no prompt."""

    t: int
    object_id: int
    prompt: Prompt | None
    outline: Outline | None = None


@dataclass(frozen=True, eq=False)
class ObjectsChanged(ImageReport):
    """The objects of the document, and the id for the next new object."""

    objects: Mapping[int, AnnotatedObject]
    next_id: int


@dataclass(frozen=True, eq=False)
class HistoryChanged(ImageReport):
    """Names of the next undo and redo steps; None if there is no such step."""

    undo_text: str | None
    redo_text: str | None


@dataclass(frozen=True, eq=False)
class TrackStarted(ImageReport):
    """Tracking started and will take `total` steps."""

    total: int


@dataclass(frozen=True, eq=False)
class TrackAdvanced(ImageReport):
    """Tracking finished a step on frame `t`."""

    done: int
    t: int


@dataclass(frozen=True, eq=False)
class TrackEnded(ImageReport):
    """Tracking ended."""

    done: int
    total: int
    reason: Literal["finished", "cancelled", "failed", "paused"]


@dataclass(frozen=True, eq=False)
class WorkAdvanced(ImageReport):
    """Work on all frames progressed: `done` of `total` steps, from 0 in the first report."""

    done: int
    total: int
    work: Work


@dataclass(frozen=True, eq=False)
class WorkEnded(ImageReport):
    """Work on all frames finished, failed or was cancelled."""


@dataclass(frozen=True, eq=False)
class LinksProposed(ImageReport):
    """Labels that were to be imported are numbered on each frame by itself, and can be linked."""

    source: LabelSource
    links: LabelLinks


@dataclass(frozen=True, eq=False)
class Answered(Report):
    """A command was carried out or refused.

    Parameters
    ----------
    command : Command
        The object that was sent, compared by identity.
    changes : tuple of Report
        Changes that the command made, for display.
    error : str, optional
        Reason for the refusal, for display; the command then changed nothing.
    details : str, optional
        The traceback, for a bug report.
    notice : str, optional
        Information for the user about a command that did not fail.
    """

    command: Command
    changes: tuple[Report, ...] = ()
    error: str | None = None
    details: str | None = None
    notice: str | None = None


@dataclass(frozen=True, eq=False)
class Failed(Report):
    """An error outside the commands, for example during tracking."""

    error: str
    details: str | None = None


@dataclass(frozen=True, eq=False)
class DownloadAdvanced(Report):
    """A model download progressed: `done` of `total` bytes; `total` is 0 if unknown."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class DownloadEnded(Report):
    """A model download ended; `error` is the reason if it failed."""

    name: str
    error: str | None = None


@dataclass(frozen=True, eq=False)
class ExportEnded(Report):
    """An export ended; `error` is the reason if it failed.

    `left_out` is the number of rejected objects, which are not exported.
    """

    path: Path
    error: str | None = None
    left_out: int = 0

"""What the window and the inference thread say to each other.

Commands go down, reports come back. Both are frozen values: nothing that changes is shared but the
labels array, which only the inference thread writes and only the window shows. An image is named by
the number that the window gave it. Coordinates are pixels of the image's data, (y, x), pixel
centres at whole numbers.
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
    from napari_sam2.plugin.protocol.sources import ImageSource, LabelSource
    from napari_sam2.tracking import Prompt

Direction = Literal["forward", "backward", "both"]
Position = tuple[float, float]
Place = tuple[int, int]  # (t, object_id) of a prompt
INCLUDE, EXCLUDE = 1, 0


@dataclass(frozen=True)
class Outline:
    """A drawn shape that stands for a mask.

    Parameters
    ----------
    kind : str
        Shape type of napari: "polygon", "ellipse", "path" or "rectangle" (a turned one).
    vertices : tuple of (float, float)
        (y, x); the four corners of its frame for an ellipse.
    """

    kind: str
    vertices: tuple[Position, ...]


@dataclass(frozen=True)
class ModelChoice:
    """One entry of the model menu.

    Parameters
    ----------
    name : str
        What the engine loads.
    title : str
        What the user reads.
    state : str
        "embedded", "cached" or "missing".
    size_bytes : int, optional
        Size of the download, if known.
    image_sizes : tuple of int
        Input sizes to choose from, in pixels, the one it was made for first.
    """

    name: str
    title: str
    state: str
    size_bytes: int | None = None
    image_sizes: tuple[int, ...] = ()


# Commands


@dataclass(frozen=True, eq=False)
class Command:
    """Something that the inference thread should do."""


@dataclass(frozen=True, eq=False)
class ListEngine(Command):
    """Say which devices and models there are."""


@dataclass(frozen=True, eq=False)
class LoadModel(Command):
    """Load a model and hand every open image over to it.

    `image_size` is the side of its input in pixels; None is the one it was made for.
    """

    name: str
    device: str = "auto"
    image_size: int | None = None


@dataclass(frozen=True, eq=False)
class SetMemoryReach(Command):
    """Look for small objects near where they were, or everywhere, from the next frame on."""

    is_local: bool


@dataclass(frozen=True, eq=False)
class ImageCommand(Command):
    """A command about one image."""

    image: int


@dataclass(frozen=True, eq=False)
class OpenImage(ImageCommand):
    """Make a document for an image, or hand the one there is over to another view of the image."""

    source: ImageSource


@dataclass(frozen=True, eq=False)
class CloseImage(ImageCommand):
    """Forget the document of an image."""


@dataclass(frozen=True, eq=False)
class Edit(ImageCommand):
    """Call methods of the annotation, one after the other, as the journal keeps them.

    Parameters
    ----------
    calls : tuple of Called
        Methods that change the annotation, by name, and their arguments.
    text : str
        Name of the undo step that all of them are together; empty if each of them is one.
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
    """A change of the prompt of one object on one frame that no single call can express."""

    t: int
    object_id: int

    @property
    def place(self) -> Place:
        """Frame and object of the prompt."""
        return self.t, self.object_id


@dataclass(frozen=True, eq=False)
class AddPoint(PromptEdit):
    """A click; `sign` is `INCLUDE` or `EXCLUDE`."""

    position: Position
    sign: int = INCLUDE


@dataclass(frozen=True, eq=False)
class RemovePoints(PromptEdit):
    """Take points away, named by where they are."""

    positions: tuple[Position, ...]


@dataclass(frozen=True, eq=False)
class MovePoints(PromptEdit):
    """Put points elsewhere on their frame: pairs of old and new position."""

    moves: tuple[tuple[Position, Position], ...]


@dataclass(frozen=True, eq=False)
class SetOutline(PromptEdit):
    """Give a mask by its outline, or take it away with None."""

    outline: Outline | None


@dataclass(frozen=True, eq=False)
class Stroke:
    """Pixels of one frame that a brush has painted.

    Parameters
    ----------
    t : int
        Frame.
    rows, columns : (N,) integers
        Where.
    values : (N,) integers
        Object ids; 0 is erased.
    """

    t: int
    rows: NDArray[np.integer[Any]]
    columns: NDArray[np.integer[Any]]
    values: NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class PaintLabels(ImageCommand):
    """Take what was painted into the labels as masks that the user gives."""

    strokes: tuple[Stroke, ...]


@dataclass(frozen=True, eq=False)
class ImportLabels(ImageCommand):
    """Make objects of labels that are there already; all frames if `t` is None.

    Parameters
    ----------
    source : LabelSource
        Where they are found.
    t : int or None
        The frame.
    label : int or None
        Take only this one.
    """

    source: LabelSource
    t: int | None
    label: int | None = None


@dataclass(frozen=True, eq=False)
class Track(ImageCommand):
    """Carry objects to the other frames, in frames [start, stop); None is all that need it.

    Each object stops before the first locked frame that it meets, if asked for.
    """

    direction: Direction = "both"
    start: int | None = None
    stop: int | None = None
    object_ids: tuple[int, ...] | None = None
    until_locked: bool = False


@dataclass(frozen=True, eq=False)
class Cancel(Command):
    """Stop tracking; what is done stays."""


@dataclass(frozen=True, eq=False)
class LookAt(ImageCommand):
    """The user looks at a frame: get it ready for a click when there is nothing else to do."""

    t: int


# Reports


@dataclass(frozen=True, eq=False)
class Report:
    """Something that the inference thread has to tell."""


@dataclass(frozen=True, eq=False)
class EngineListed(Report):
    """Which devices and models there are."""

    devices: tuple[str, ...]
    models: tuple[ModelChoice, ...]


@dataclass(frozen=True, eq=False)
class ModelLoaded(Report):
    """A model is ready.

    `image_sizes` are those to choose from, the one it was made for first.
    """

    name: str
    device: str
    image_size: int
    image_sizes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ImageReport(Report):
    """A report about one image."""

    image: int


@dataclass(frozen=True, eq=False)
class ImageOpened(ImageReport):
    """The whole state of the document follows; what was known before is void."""


@dataclass(frozen=True, eq=False)
class LabelsReady(ImageReport):
    """The array to show as labels, (T, Y, X): at the opening, and when it had to be replaced."""

    labels: NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class FrameChanged(ImageReport):
    """Labels of a frame were written."""

    t: int


@dataclass(frozen=True, eq=False)
class PromptShown(ImageReport):
    """What the document holds as prompt of an object on a frame; None if nothing."""

    t: int
    object_id: int
    prompt: Prompt | None
    outline: Outline | None = None


@dataclass(frozen=True, eq=False)
class ObjectsChanged(ImageReport):
    """The objects of the document, and the id that the next new one gets."""

    objects: Mapping[int, AnnotatedObject]
    next_id: int


@dataclass(frozen=True, eq=False)
class HistoryChanged(ImageReport):
    """What undo and redo would take back or do again; None if there is nothing."""

    undo_text: str | None
    redo_text: str | None


@dataclass(frozen=True, eq=False)
class TrackStarted(ImageReport):
    """Tracking begins; `total` steps are ahead."""

    total: int


@dataclass(frozen=True, eq=False)
class TrackAdvanced(ImageReport):
    """One more step of tracking is done, on frame `t`."""

    done: int
    t: int


@dataclass(frozen=True, eq=False)
class TrackEnded(ImageReport):
    """Tracking is over."""

    done: int
    total: int
    reason: Literal["finished", "cancelled", "failed", "paused"]


@dataclass(frozen=True, eq=False)
class ImportAdvanced(ImageReport):
    """Labels of so many frames are imported, of so many in all; the first report has none."""

    done: int
    total: int


@dataclass(frozen=True, eq=False)
class ImportEnded(ImageReport):
    """An import of labels is over, for whatever reason."""


@dataclass(frozen=True, eq=False)
class Answered(Report):
    """A command was carried out or refused.

    Parameters
    ----------
    command : Command
        The very object that was sent.
    changes : tuple of Report
        What it changed, to be shown at once.
    error : str, optional
        Why it was refused, for the user; everything is then as before.
    details : str, optional
        The traceback, for who mends it.
    notice : str, optional
        What the user should know of it although nothing went wrong.
    """

    command: Command
    changes: tuple[Report, ...] = ()
    error: str | None = None
    details: str | None = None
    notice: str | None = None


@dataclass(frozen=True, eq=False)
class Failed(Report):
    """Something that nobody waits for went wrong."""

    error: str
    details: str | None = None


@dataclass(frozen=True, eq=False)
class DownloadAdvanced(Report):
    """So many bytes of a model have come, of so many in all (0 if unknown)."""

    name: str
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class DownloadEnded(Report):
    """A model has come, or why it has not."""

    name: str
    error: str | None = None


@dataclass(frozen=True, eq=False)
class ExportEnded(Report):
    """Labels were written to a file without rejected objects, or why they were not."""

    path: Path
    error: str | None = None
    left_out: int = 0

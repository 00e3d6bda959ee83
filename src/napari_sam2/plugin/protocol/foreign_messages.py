"""Messages about pixels that other code wrote into the arrays of the image or of the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import ImageCommand, ImageReport

if TYPE_CHECKING:
    from napari_sam2.annotation.packed_labels import LabelArray


@dataclass(frozen=True, eq=False)
class CheckLabels(ImageCommand):
    """Look for labels that other code has written.

    Parameters
    ----------
    t : int or None
        The frame to look at; None looks at all frames.
    has_others : bool
        Whether the other frames follow when there is nothing else to do.
    """

    t: int | None = None
    has_others: bool = False


@dataclass(frozen=True, eq=False)
class ImageWritten(ImageReport):
    """Other code wrote to the image after the model had seen it; the panel shows the text."""

    text: str


@dataclass(frozen=True, eq=False)
class LabelsWritten(ImageReport):
    """Other code wrote labels.

    Parameters
    ----------
    text : str
        What was done about it, for the user.
    labels : ndarray, PackedLabels or None
        All labels as the other code left them, where they were put back.
    """

    text: str
    labels: LabelArray | None = None

"""Labels that other code wrote into the shared array become painted masks, or are put back.

All of this code runs in the inference thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.annotation.undo_texts import counted
from napari_sam2.errors import ObjectError
from napari_sam2.plugin.inference.painting import paint
from napari_sam2.plugin.protocol.batch_messages import CopyProject
from napari_sam2.plugin.protocol.foreign_messages import CheckLabels, LabelsWritten
from napari_sam2.plugin.protocol.input_preview import ShowInput
from napari_sam2.plugin.protocol.messages import (
    ChangePoints,
    Edit,
    ImageCommand,
    PaintLabels,
    Stroke,
    Track,
)
from napari_sam2.plugin.protocol.review_messages import CheckBackward
from napari_sam2.plugin.protocol.saving_messages import SaveDocument

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation

MOST_MASKS = 50  # that become prompts: the network encodes each of them
OF_ALL_FRAMES = (Track, CheckBackward, SaveDocument, CopyProject)
WHO = "Another plugin or the console changed the labels"


class ForeignLabels:
    """Finds what other code wrote into the labels of a document, and settles it.

    Parameters
    ----------
    image : int
        Number of the image.
    annotation : Annotation
        The document.
    """

    def __init__(self, image: int, annotation: Annotation) -> None:
        self._image = image
        self._annotation = annotation
        self._later: deque[int] = deque()

    @property
    def has_work(self) -> bool:
        """Whether there are frames to look at when there is nothing else to do."""
        return bool(self._later)

    def look_later(self) -> None:
        """Look at all frames, one at a time with `settle_next`."""
        self._later = deque(range(self._annotation.shape[0]))

    def settle_next(self) -> Iterator[LabelsWritten]:
        """Look at the next frame, and settle all frames if other code wrote to it."""
        return self.settle((self._later.popleft(),))

    def settle(self, frames: Iterable[int]) -> Iterator[LabelsWritten]:
        """Take over what other code wrote as painted masks, or put the labels back.

        Where other code wrote to one of the frames, all frames are settled, in one undo step. Many
        masks, and masks of objects that are locked, are put back; the report says so.
        """
        if all(self._annotation.foreign_pixels(t) is None for t in frames):
            return
        self._later.clear()
        strokes = list(self._strokes(range(self._annotation.shape[0])))
        where = _frames_told([stroke.t for stroke in strokes])
        if sum(map(_masks_of, strokes)) > MOST_MASKS:
            kept = self._annotation.labels.copy()
            self._annotation.repair_labels(stroke.t for stroke in strokes)
            yield LabelsWritten(self._image, f"{WHO} {where}.", kept)
            return
        try:
            paint(self._annotation, strokes)
        except ValueError as error:
            why = error.worded("cell") if isinstance(error, ObjectError) else str(error)
            yield LabelsWritten(self._image, f"{WHO} {where}. They are as before: {why}.")
        else:
            text = f"{WHO} {where}. The change counts as painted; Undo takes it back."
            yield LabelsWritten(self._image, text)

    def _strokes(self, frames: Iterable[int]) -> Iterator[Stroke]:
        for t in frames:
            pixels = self._annotation.foreign_pixels(t)
            if pixels is not None:
                rows, columns = np.nonzero(pixels)
                yield Stroke(t, rows, columns, self._annotation.labels[t][rows, columns])


def _masks_of(stroke: Stroke) -> int:
    """Number of objects that gain pixels on a frame, about as many as change there."""
    return len(np.unique(stroke.values))


def frames_at_stake(command: ImageCommand, length: int) -> Iterable[int]:
    """Frames whose labels a command reads or writes, and that other code may have written."""
    if isinstance(command, PaintLabels | ShowInput):
        return ()  # napari's brush wrote these pixels, or may be about to
    is_check_of_all = isinstance(command, CheckLabels) and command.t is None
    if is_check_of_all or isinstance(command, OF_ALL_FRAMES):
        return range(length)
    if isinstance(command, Edit):
        named = [call.arguments.get("t") for call in command.calls]
    elif isinstance(command, ChangePoints):
        named = [edit.t for edit in command.edits]
    else:
        named = [getattr(command, "t", None)]
    return sorted({t for t in named if isinstance(t, int) and 0 <= t < length})


def written_image_text(frames: Sequence[int]) -> str:
    """The message about an image that other code changed on these frames."""
    return (
        f"Another plugin or the console changed the image {_frames_told(frames)} after the model "
        "had seen it. The model looks again; masks stay until you correct or track them again."
    )


def _frames_told(frames: Sequence[int]) -> str:
    return f"on frame {frames[0]}" if len(frames) == 1 else f"on {counted(len(frames), 'frame')}"

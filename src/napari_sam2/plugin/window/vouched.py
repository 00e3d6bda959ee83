"""Counts of the masks that a person vouches for, which a model may learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.annotation.undo_texts import counted
from napari_sam2.annotation.vouched import is_vouched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation import AnnotatedObject
    from napari_sam2.annotation.quality import Timeline


class VouchedMasks:
    """Numbers of vouched masks of one image, kept up to date one object at a time.

    Parameters
    ----------
    frames : int
        Number of frames of the image.
    """

    def __init__(self, frames: int) -> None:
        self._per_frame = np.zeros(frames, np.int64)
        self._per_object: dict[int, NDArray[np.bool_]] = {}

    @property
    def masks(self) -> int:
        """Number of masks."""
        return int(self._per_frame.sum())

    @property
    def cells(self) -> int:
        """Number of objects with a mask."""
        return len(self._per_object)

    @property
    def frames(self) -> int:
        """Number of frames with a mask."""
        return int(np.count_nonzero(self._per_frame))

    @property
    def most_on_a_frame(self) -> int:
        """Largest number of masks on one frame."""
        return int(self._per_frame.max(initial=0))

    def __str__(self) -> str:
        """Text for the panel: "31 masks of 6 cells on 9 frames"."""
        return (
            f"{counted(self.masks, 'mask')} of {counted(self.cells, 'cell')} on "
            f"{counted(self.frames, 'frame')}"
        )

    def put(self, known: AnnotatedObject, timeline: Timeline) -> None:
        """Count an object, in place of what was counted of it before."""
        self.remove(known.object_id)
        counts = is_vouched(known, timeline)
        if counts.any():
            self._per_object[known.object_id] = counts
            self._per_frame += counts

    def grow(self, frames: int) -> None:
        """Count on in a movie that has got more frames."""
        more = frames - len(self._per_frame)
        self._per_frame = np.pad(self._per_frame, (0, more))
        self._per_object = {k: np.pad(one, (0, more)) for k, one in self._per_object.items()}

    def remove(self, object_id: int) -> None:
        """Stop counting an object."""
        if (counted := self._per_object.pop(object_id, None)) is not None:
            self._per_frame -= counted

    def clear(self) -> None:
        """Stop counting all objects."""
        self._per_object.clear()
        self._per_frame[:] = 0

"""Marks by which a document knows its own labels again, frame by frame.

The array of the labels is shared with a window, where other code may write into it. A frame whose
mark does not fit any more was written by other code.
"""

from __future__ import annotations

import zlib

import numpy as np

from napari_sam2.annotation.packed_labels import LabelArray, PackedLabels


class LabelMarks:
    """A mark of each frame of the labels of a document; frames without one have no object."""

    def __init__(self) -> None:
        self._marks: dict[int, int | None] = {}  # None: other code wrote it before the document did

    def note(self, labels: LabelArray, t: int) -> None:
        """Mark a frame that is as the document wrote it."""
        self._marks[t] = _mark(labels, t)

    def doubt(self, t: int) -> None:
        """Note that a frame holds pixels of other code, whatever is written to it."""
        self._marks[t] = None

    def fits(self, labels: LabelArray, t: int) -> bool:
        """Whether a frame still has the mark of what the document wrote."""
        if t in self._marks:
            return self._marks[t] == _mark(labels, t)
        if isinstance(labels, PackedLabels):
            return labels.writes_of(t) == 0
        return not labels[t].any()

    def carry_over(self, before: LabelArray, after: LabelArray) -> None:
        """Mark the frames of other labels, which hold what `before` holds."""
        if type(before) is type(after) and before.dtype == after.dtype:
            return  # the marks are the same
        for t in list(self._marks):
            if self.fits(before, t):
                self.note(after, t)
            else:
                self.doubt(t)


def _mark(labels: LabelArray, t: int) -> int:
    """Number of writes to a packed frame, or else a checksum, at 3 GB/s."""
    if isinstance(labels, PackedLabels):
        return labels.writes_of(t)
    return zlib.adler32(np.ascontiguousarray(labels[t]).data)

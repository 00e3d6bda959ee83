"""Fill volumes from the masks of one plane, in the inference thread, a plane at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.plugin.protocol.sources import ImagePart
from napari_sam2.plugin.protocol.volume_messages import VolumesAdvanced, VolumesEnded

if TYPE_CHECKING:
    from napari_sam2.plugin.inference.open_document import OpenDocument
    from napari_sam2.plugin.protocol.messages import Report
    from napari_sam2.tracking.volumes import VolumeStep

NO_PLANE = (
    "volumes are filled from the masks of one plane: choose a plane in the row Z, and click cells"
)


@dataclass
class _Work:
    image: int
    steps: Iterator[VolumeStep]
    labels: Any
    unreadable: list[int] = field(default_factory=list)


class VolumeFilling:
    """Fills the volumes of one image at a time; the document is only read.

    Parameters
    ----------
    report : callable
        Called with every report, in the inference thread.
    """

    def __init__(self, report: Callable[[Report], None]) -> None:
        self._report = report
        self._work: _Work | None = None

    @property
    def is_on(self) -> bool:
        """Whether there is a plane to grow masks to."""
        return self._work is not None

    def start(self, model: Any, document: OpenDocument) -> None:
        """Begin to fill the volumes of an image from the present labels of its plane.

        Raises
        ------
        ValueError
            If the image has no volumes, or not one plane of them is tracked; or if there are no
            labels.
        """
        from napari_sam2.io.stack import ImageStack  # imports torch, which is loaded by now
        from napari_sam2.io.volumes import volumes_of
        from napari_sam2.tracking.volumes import VolumeTracker

        part, selection = document.source.data, document.source.selection
        if self._work is not None:
            raise ValueError("volumes are being filled already")
        if not isinstance(part, ImagePart) or selection is None or isinstance(selection.z, str):
            raise ValueError(NO_PLANE)
        if selection.z is None or not document.annotation.objects:
            raise ValueError(NO_PLANE)
        stack = ImageStack(part.whole, part.letters, name=part.name)
        movie = volumes_of(stack, replace(selection, axes=None, z=None))
        limits = document.tracker.frames.contrast_limits
        tracker = VolumeTracker(model, movie.data, contrast_limits=limits)
        plane = document.annotation.labels.copy()  # as they are now
        dtype = np.uint16 if plane.max() <= np.iinfo(np.uint16).max else np.uint32
        labels = np.zeros(movie.shape, dtype)
        steps = tracker.fill(plane, selection.z, labels)
        self._work = _Work(document.image, steps, labels)

    def advance(self) -> None:
        """Grow the masks to one more plane."""
        work = self._work
        if work is None:
            return
        step = next(work.steps, None)
        if step is None:
            self._work = None
            unreadable = tuple(work.unreadable)
            self._report(VolumesEnded(work.image, "done", work.labels, unreadable))
            return
        if step.problem is not None:
            work.unreadable.append(step.t)
        self._report(VolumesAdvanced(work.image, step.done, step.total))

    def cancel(self, image: int | None = None) -> None:
        """Stop filling the volumes of an image, by default of any."""
        self._end("cancelled", image)

    def fail(self) -> None:
        """Stop after an error."""
        self._end("failed", None)

    def _end(self, reason: Any, image: int | None) -> None:
        work = self._work
        if work is not None and image in (None, work.image):
            self._work = None
            self._report(VolumesEnded(work.image, reason))

"""A movie gets more frames while it is open: its document gets them, and tracking continues."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.growth_messages import GrowthOffered

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.plugin.protocol.sources import ImageSource

logger = logging.getLogger(__name__)


def growth_of(source: ImageSource, image: int) -> tuple[GrowthOffered, ...]:
    """Report that an image may get more frames, if it came from a folder or a zarr array."""
    from napari_sam2.io.growing import can_grow

    try:
        is_offered = source.path is not None and can_grow(Path(source.path))
    except OSError:  # the drive is away
        logger.info("it is unknown whether %s may grow", source.path, exc_info=True)
        return ()
    return (GrowthOffered(image),) if is_offered else ()


def tracked_to_the_end(annotation: Annotation) -> tuple[int, ...]:
    """The objects with prompts whose mask on the last frame is up to date."""
    last = annotation.shape[0] - 1
    prompted = sorted({prompt.object_id for prompt in annotation.prompts()})
    behind = annotation.objects_to_track(last, last + 1, "forward", prompted)
    return tuple(object_id for object_id in prompted if object_id not in behind)

"""Axes of an image that another reader opened, as the metadata of its file name them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.axes_messages import AxesFound

if TYPE_CHECKING:
    from napari_sam2.plugin.protocol.sources import ImageSource

logger = logging.getLogger(__name__)

NAMED = frozenset("TZCYX")


def axes_in_file(source: ImageSource, image: int) -> tuple[AxesFound, ...]:
    """Report the axes of an image if its file names them and has the same lengths.

    Axes of length 1 do not matter: readers leave them out. Nothing is reported of a plain image.
    """
    shape = tuple(source.layer_data.shape)
    shape = shape[:-1] if source.rgb and source.selection is None else shape
    if source.path is None or source.paths or len(shape) < 3:
        return ()
    from napari_sam2.io.movies import open_stack  # imports dask

    try:
        stack = open_stack(source.path)
    except (OSError, ValueError):  # several images in a file, or no file of ours
        logger.info("the axes of %s are not known from the file", source.path, exc_info=True)
        return ()
    sizes = dict(zip(stack.axes, stack.shape, strict=True))
    named = [axis for axis in stack.axes if axis in NAMED and sizes[axis] > 1]
    if [sizes[axis] for axis in named] != [length for length in shape if length > 1]:
        return ()
    left = iter(named)
    return (AxesFound(image, "".join(next(left) if length > 1 else "1" for length in shape)),)

"""The windows of a run: whole frames, or squares around small objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam2.model import Sam2, image_sizes
from napari_sam2.model.config import WindowMode
from napari_sam2.tracking import Prompt
from napari_sam2.tracking.windows import is_small


def windows_of_run(
    network: Sam2,
    shape: tuple[int, int, int],
    prompts: Sequence[Prompt] = (),
    cell_size: float | None = None,
) -> WindowMode:
    """The windows that suit the size of the objects, where the user has chosen none.

    An official network sees whole frames. It gets windows if its frames are larger than its input
    and the objects would be narrower than a token, 16 pixels of the input. Sizes are known from
    boxes, painted masks and `cell_size` only; objects of unknown size are seen in whole frames,
    which takes less time. Networks of our own keep their windows.

    Parameters
    ----------
    network : Sam2
        The network.
    shape : tuple of int
        (T, Y, X) of the movie.
    prompts : sequence of Prompt
        The prompts of the run.
    cell_size : float, optional
        Diameter of a typical object in pixels.
    """
    own = network.config.windows
    if len(image_sizes(network.config)) == 1:
        return own
    lengths = [length for prompt in prompts if (length := _length(prompt)) is not None]
    length = cell_size or (float(np.median(lengths)) if lengths else None)
    if length is not None and is_small(length, shape[1:], network.config.image_size):
        return "auto"
    return own


def _length(prompt: Prompt) -> float | None:
    """Longer side of the box or the painted mask of a prompt, in pixels."""
    extent = prompt.box if prompt.mask is None else prompt.mask.extent
    return None if extent is None else max(extent[2] - extent[0], extent[3] - extent[1])

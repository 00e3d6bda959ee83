"""A grey movie and the same one in colour look alike to the network."""

from __future__ import annotations

import numpy as np

from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Tracker
from tests.worlds import World

from .tiny import close, logits, run


def test_grey_is_three_equal_channels(tiny_model: Sam2, world: World) -> None:
    colour = np.repeat(world.images[..., None], 3, axis=-1)
    grey = Tracker(tiny_model, Frames(world.images, contrast_limits=(0, 255)), clean=False)
    coloured = Tracker(tiny_model, Frames(colour, contrast_limits=(0, 255)), clean=False)
    for tracker in (grey, coloured):
        tracker.add_points(0, 1, [world.centre(0, 1)], [1])
        run(tracker)
    assert close(logits(grey), logits(coloured))

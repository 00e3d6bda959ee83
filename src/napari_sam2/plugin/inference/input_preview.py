"""Preview of the network's input for the current frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.plugin.protocol.input_preview import SIDE, InputShown, ShowInput
from napari_sam2.plugin.protocol.sources import ImageSource

if TYPE_CHECKING:
    from napari_sam2.tracking.protocol import EncodingTracker


def look(command: ShowInput, tracker: EncodingTracker, source: ImageSource) -> InputShown:
    """Create the thumbnail; `source` is the source with which the document was opened."""
    from PIL import Image  # takes 7 ms, in which the widget would not open yet

    from napari_sam2.tracking import Frames  # imports torch, so the window must not import it

    frames = tracker.frames
    if command.source.contrast_limits != source.contrast_limits:
        limits, rgb = command.source.model_limits, command.source.rgb
        frames = Frames(command.source.data, contrast_limits=limits, rgb=rgb)
        if tracker.frames.channels == 1:
            frames = frames.without_colour()
    seen = tracker.input_of(command.t, command.object_id, frames)
    picture = Image.fromarray((seen * 255).round().astype(np.uint8))
    small = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX))
    window = tracker.window_of(command.t, command.object_id)
    return InputShown(
        command.image,
        command.t,
        small,
        *frames.clipped(command.t),
        height=window.height,
        width=window.width,
        side=len(seen),
        is_whole=(window.height, window.width) == tuple(tracker.shape[1:]),
        gain=window.gain,
    )

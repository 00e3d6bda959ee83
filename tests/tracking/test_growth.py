"""A stack gets more frames while objects are tracked through it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Tracker
from tests.worlds import World

from .tiny import equal, logits, run

SHORT = 6  # frames at first; the network looks back less far


def clicked(model: Sam2, images: np.ndarray, world: World) -> Tracker:
    tracker = Tracker(model, Frames(images, contrast_limits=(0, 255)))
    tracker.add_points(0, 1, [world.centre(0, 1)], [1])
    return tracker


def test_new_frames_get_the_masks_of_a_stack_that_was_whole(tiny_model: Sam2, world: World) -> None:
    tracker = clicked(tiny_model, world.images[:SHORT], world)
    run(tracker, direction="forward")
    tracker.grow(world.images)
    assert run(tracker, SHORT, None, "forward") == list(range(SHORT, len(world.images)))
    whole = clicked(tiny_model, world.images, world)
    run(whole, direction="forward")
    assert equal(logits(tracker), logits(whole))


def test_contrast_stays_that_of_the_first_frames(world: World) -> None:
    frames = Frames(world.images[:SHORT])
    longer = np.concatenate([world.images[:SHORT], world.images[:1] * 0 + 255])
    frames.grow(longer)
    assert frames.shape[0] == SHORT + 1
    assert frames.contrast_limits == Frames(world.images[:SHORT]).contrast_limits


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: images[:3], "6 frames cannot become one of 3"),
        (lambda images: images[:, :-1], "the frames so far are"),
        (lambda images: images.astype(np.float32), "float32; the frames so far"),
    ],
)
def test_stack_that_is_not_a_longer_one_is_refused(world: World, change, message) -> None:
    frames = Frames(world.images[:SHORT])
    with pytest.raises(ValueError, match=message):
        frames.grow(change(world.images))
    assert len(frames) == SHORT

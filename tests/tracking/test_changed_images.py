"""What was computed of a frame is not used once its pixels were changed in place."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Tracker
from tests.worlds import discs_that_cross

from .tiny import build_tiny_model, equal, logits

WORLD = discs_that_cross()


@pytest.fixture
def model() -> Sam2:
    return build_tiny_model()


def track_with_first_frame(
    model: Sam2, before: np.ndarray, after: np.ndarray, **settings: int
) -> Tracker:
    """Click and track, with other pixels written into frame 1 before the tracking."""
    data = WORLD.images.copy()
    data[1] = before
    tracker = Tracker(model, Frames(data, contrast_limits=(0, 255)), **settings)
    for t in range(3):
        tracker.encode(t)
    data[1] = after
    tracker.add_points(0, 1, [WORLD.centre(0, 1)], [1])
    list(tracker.propagate(stop=3))
    return tracker


def test_a_changed_frame_is_tracked_as_it_is_now(model: Sam2) -> None:
    other = WORLD.images[1, ::-1]
    changed = track_with_first_frame(model, WORLD.images[1], other)
    assert changed.frames.changed == {1}
    as_new = track_with_first_frame(model, other, other)
    assert not as_new.frames.changed
    assert equal(logits(changed), logits(as_new))
    unchanged = track_with_first_frame(model, WORLD.images[1], WORLD.images[1])
    assert not equal(logits(changed), logits(unchanged)), "else the test could not fail"


def test_features_on_the_disk_are_forgotten_too(model: Sam2, tmp_path) -> None:
    other = WORLD.images[1, ::-1]
    few = {"cache_bytes": 0}
    changed = track_with_first_frame(model, WORLD.images[1], other, **few)
    as_new = track_with_first_frame(model, other, other, **few)
    assert equal(logits(changed), logits(as_new))


def test_a_click_looks_again_at_a_changed_frame(model: Sam2) -> None:
    masks = []
    for was_changed in (True, False):
        data = WORLD.images.copy()
        tracker = Tracker(model, Frames(data, contrast_limits=(0, 255)))
        if was_changed:
            tracker.encode(0)
        data[0] = data[0, ::-1]
        masks.append(tracker.add_points(0, 1, [(20, 20)], [1]).masks)
    np.testing.assert_array_equal(*masks)


def test_memories_of_a_changed_frame_are_made_again(model: Sam2) -> None:
    tracked = []
    for was_changed in (True, False):
        data = WORLD.images.copy()
        tracker = Tracker(model, Frames(data, contrast_limits=(0, 255)))
        tracker.add_mask(0, 1, WORLD.labels[0] == 1)
        if was_changed:
            list(tracker.propagate(stop=2))
        data[0] = data[0, ::-1]
        list(tracker.propagate(stop=2))
        tracked.append(tracker.low_res_logits(1, 1))
    np.testing.assert_allclose(*tracked, atol=2e-3)


def test_pixels_in_files_are_not_read_for_it() -> None:
    class Lazy:
        shape, dtype, ndim = (2, 8, 8), np.dtype(np.uint8), 3

        def __getitem__(self, t: int) -> np.ndarray:
            raise AssertionError("a frame was read")

    assert Frames(Lazy()).mark(0) is None
    fixed = np.zeros((2, 8, 8), np.uint8)
    fixed.flags.writeable = False
    assert Frames(fixed).mark(0) is None

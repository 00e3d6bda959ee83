"""Masks from elsewhere are taken over without the network, which sees them when it has to."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.worlds import World

from .tiny import mask, run

NETWORK_PARTS = ("encode_frame", "attend", "decode", "memorize", "import_mask")


def adopted(model: Sam2, world: World, frames: range) -> Tracker:
    tracker = Tracker(model, world.images, area_guard=False)
    for t in frames:
        tracker.import_masks(t, {k: world.mask(t, k) for k in (1, 2)})
    return tracker


def test_imported_masks_are_painted_prompts(any_model: Sam2, world: World) -> None:
    tracker = adopted(any_model, world, range(3))
    for t in range(3):
        for object_id in (1, 2):
            expected = world.mask(t, object_id)
            np.testing.assert_array_equal(mask(tracker, t, object_id), expected)
            np.testing.assert_array_equal(tracker.prompt(t, object_id).mask, expected)


def test_network_is_not_asked(
    any_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in NETWORK_PARTS:
        monkeypatch.setattr(any_model, part, None)
    adopted(any_model, world, range(8))


def test_imported_masks_are_tracked_on(any_model: Sam2, world: World) -> None:
    tracker = adopted(any_model, world, range(3))
    assert run(tracker) == list(range(8))
    painted = Tracker(any_model, world.images, area_guard=False)
    for t in range(3):
        for object_id in (1, 2):
            painted.add_mask(t, object_id, world.mask(t, object_id))
    run(painted)
    for object_id in (1, 2):
        one, other = (t.low_res_logits(5, object_id) for t in (tracker, painted))
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9


def test_network_sees_an_imported_mask_once(
    any_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = adopted(any_model, world, range(1))
    calls = []
    adopt = any_model.import_mask
    monkeypatch.setattr(any_model, "import_mask", lambda *args: calls.append(1) or adopt(*args))
    run(tracker)
    run(tracker)
    assert len(calls) == 2


def test_imported_object_can_be_clicked(any_model: Sam2, world: World) -> None:
    tracker = adopted(any_model, world, range(1))
    tracker.add_points(0, 1, [world.centre(0, 2)], [1])
    assert tracker.result(0, 1).masks.any()
    tracker.clear_prompts(0, 1)
    assert tracker.result(0, 1) is None


def test_speck_is_visible_to_the_network(any_model: Sam2, world: World) -> None:
    speck = np.zeros(world.images.shape[1:], bool)
    speck[20, 30] = True
    tracker = Tracker(any_model, world.images)
    tracker.import_masks(0, {1: speck})
    assert (tracker.low_res_logits(0, 1) > 0).sum() == 1
    np.testing.assert_array_equal(mask(tracker, 0, 1), speck)


def test_bad_masks_are_refused(any_model: Sam2, world: World) -> None:
    tracker = Tracker(any_model, world.images)
    good = world.mask(0, 1)
    for t, wrong in ((0, good[1:]), (0, np.zeros_like(good)), (99, good)):
        with pytest.raises(ValueError):
            tracker.import_masks(t, {1: good, 2: wrong})
    assert tracker.object_ids == ()


def test_mask_with_its_click_stays_as_it_is_and_further_clicks_correct_it(
    any_model: Sam2, world: World
) -> None:
    tracker = Tracker(any_model, world.images, area_guard=False)
    given = world.mask(0, 1)
    place = tuple(np.argwhere(given).mean(0).tolist())
    tracker.import_masks(0, {1: given}, {1: place})
    np.testing.assert_array_equal(mask(tracker, 0, 1), given)
    prompt = tracker.prompt(0, 1)
    assert prompt is not None
    assert prompt.mask is not None
    np.testing.assert_allclose(prompt.points, [place])
    run(tracker)
    np.testing.assert_array_equal(mask(tracker, 0, 1), given)
    tracker.add_points(0, 1, [place], [0])
    assert not np.array_equal(mask(tracker, 0, 1), given)


def test_mask_with_its_click_outside_of_the_image_is_refused(any_model: Sam2, world: World) -> None:
    tracker = Tracker(any_model, world.images, area_guard=False)
    with pytest.raises(ValueError, match="outside the image"):
        tracker.import_masks(0, {1: world.mask(0, 1)}, {1: (-9.0, 3.0)})
    assert not tracker.object_ids

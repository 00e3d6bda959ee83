"""Labels of a frame: masks of several objects that never overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_sam2.model import Sam2
from napari_sam2.tracking import ObjectState, Tracker
from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.windows import Window
from tests import worlds
from tests.worlds import World

from .tiny import clicked, mask, run


def test_labels_are_the_masks_of_objects_that_do_not_overlap(
    tiny_model: Sam2, world: World
) -> None:
    tracker = Tracker(tiny_model, world.images)
    for object_id in (1, 2):
        tracker.add_mask(0, object_id, world.mask(0, object_id))
    np.testing.assert_array_equal(tracker.labels(0), world.labels[0])


def test_every_labelled_pixel_is_of_its_object_and_every_mask_is_shown(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1, 2, clean=True)
    run(tracker)
    for t in range(len(world)):
        labels = tracker.labels(t)
        one, two = mask(tracker, t, 1), mask(tracker, t, 2)
        assert (one & two).any(), "the network should make masks that overlap"
        np.testing.assert_array_equal(labels > 0, one | two)
        assert one[labels == 1].all()
        assert two[labels == 2].all()


def test_highest_logit_wins_among_tracked_masks(tiny_model: Sam2) -> None:
    world = worlds.discs_that_touch()
    tracker = clicked(tiny_model, world, 1, 2)
    run(tracker)
    labels = tracker.labels(5)
    ours, theirs = (tracker.low_res_logits(5, object_id) for object_id in (1, 2))
    both = mask(tracker, 5, 1) & mask(tracker, 5, 2)
    lead = (_upsampled(ours, both.shape) - _upsampled(theirs, both.shape))[both]
    is_clear = np.abs(lead) > 1e-4
    assert {True, False} == set((lead[is_clear] > 0).tolist())
    np.testing.assert_array_equal((labels[both] == 1)[is_clear], (lead > 0)[is_clear])


def _upsampled(logits: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    small = torch.from_numpy(logits)[None, None]
    return np.asarray(functional.interpolate(small, shape, mode="bilinear")[0, 0])


WHOLE = np.ones((40, 56), bool)


def planted(tracker: Tracker, object_id: int, logit: float, **changes: Any) -> None:
    """Give an object a mask of the whole frame 0, as if the network had made it."""
    record = MaskRecord(
        corner=(0, 0),
        crop=np.full((16, 16), logit, np.float32),
        floor=0.0,
        size=16,
        predicted_iou=0.9,
        occlusion_score=3.0,
        pointer=np.zeros(32, np.float32),
        window=Window(0, 0, 40, 56),
        **{"direction": None, **changes},
    )
    tracker.restore(object_id, ObjectState(None, {0: record}))


@pytest.mark.parametrize(
    ("kind", "place"), [("tracked", [3]), ("clicked", [3, 1]), ("painted", [3, 1, 2])]
)
def test_painted_masks_win_over_clicked_and_those_over_tracked_ones(
    tiny_model: Sam2, world: World, kind: str, place: list[int]
) -> None:
    tracker = Tracker(tiny_model, world.images)
    planted(tracker, 3, 50.0, direction="backward")
    if kind != "tracked":
        planted(tracker, 1, 20.0)
    if kind == "painted":
        planted(tracker, 2, 1.0, painted=PixelMask.of(WHOLE))
    assert (tracker.labels(0) == place[-1]).all()
    assert (tracker.labels(0, winners=[3]) == 3).all()


def test_clicked_mask_keeps_all_its_pixels_among_tracked_ones(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1, 2)
    run(tracker)
    for object_id in (1, 2):
        tracker.add_points(3, object_id, [world.centre(3, object_id)], [1])
        assert (tracker.labels(3)[mask(tracker, 3, object_id)] == object_id).all()
        tracker.clear_prompts(3, object_id)


@pytest.mark.parametrize("winner", [1, 2, 3])
def test_winner_gets_all_its_pixels(any_model: Sam2, world: World, winner: int) -> None:
    tracker = clicked(any_model, world, 1, 2)
    run(tracker, stop=2)
    tracker.add_mask(1, 3, world.mask(1, 1))
    labels = tracker.labels(1, winners=[winner])
    np.testing.assert_array_equal(labels == winner, mask(tracker, 1, winner))


def test_among_painted_masks_the_lower_id_wins(tiny_model: Sam2, world: World) -> None:
    tracker = Tracker(tiny_model, world.images)
    for object_id in (2, 1):
        tracker.add_mask(0, object_id, world.mask(0, 1))
    np.testing.assert_array_equal(tracker.labels(0) == 1, world.mask(0, 1))


def test_order_of_adding_changes_no_label(any_model: Sam2, world: World) -> None:
    one, other = clicked(any_model, world, 1, 2), clicked(any_model, world, 2, 1)
    np.testing.assert_array_equal(one.labels(0), other.labels(0))


def test_frame_without_masks_is_background(tiny_model: Sam2, world: World) -> None:
    tracker = clicked(tiny_model, world, 1)
    assert tracker.labels(1).shape == (40, 56)
    assert not tracker.labels(1).any()


def test_removed_object_is_gone_from_the_labels(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, 2)
    tracker.remove_object(1)
    np.testing.assert_array_equal(tracker.labels(0) == 2, mask(tracker, 0, 2))
    assert set(np.unique(tracker.labels(0))) == {0, 2}


def test_labels_can_be_written_without_changing_the_tracker(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    expected = tracker.labels(0).copy()
    tracker.labels(0)[:] = 7
    result = tracker.result(0, 1)
    assert result is not None
    result.masks[:] = False
    np.testing.assert_array_equal(tracker.labels(0), expected)


def test_drawn_masks_are_not_kept_without_bounds(
    any_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam2.tracking.mask_store.DRAWN_BYTES", 20_000)
    tracker = clicked(any_model, world, 1, 2)
    run(tracker)
    for t in range(len(world)):
        tracker.labels(t)
    drawn = tracker._store._drawn.values()
    assert len(drawn) >= 1
    assert sum(region.logits.nbytes + region.mask.nbytes for region in drawn) <= 20_000


def test_masks_of_an_object_are_short_in_words(tiny_model: Sam2, world: World) -> None:
    tracker = clicked(tiny_model, world, 1)
    tracker.add_mask(1, 1, world.mask(1, 1))
    state = tracker.snapshot(1)
    assert repr(state) == "ObjectState(2 masks, 2 prompted frames, 0 locked frames)"
    assert all(len(repr(record)) < 150 for record in state.records.values())
    assert len(repr(state.records[1].painted)) < 80


def test_an_object_takes_no_pixels_of_others_before_its_first_prompt(tiny_model: Sam2) -> None:
    """A daughter that is clicked on a later frame does not eat her mother."""
    world = worlds.disc_that_divides()
    tracker = clicked(tiny_model, world, 1)
    run(tracker)
    mother = [tracker.labels(t) == 1 for t in range(5)]
    tracker.add_points(5, 2, [world.centre(5, 2)], [1])
    run(tracker, direction="both", object_ids=[2])
    contested = [(mother[t] & mask(tracker, t, 2)).any() for t in range(5)]
    assert any(contested), "the network should make masks that overlap"
    for t in range(5):
        assert (tracker.labels(t)[mother[t]] == 1).all()


def test_full_masks_are_made_when_they_are_read(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, 2)
    for result in tracker.propagate():
        tracker.labels(result.t)
        assert "masks" not in vars(result)
    assert result.masks.shape == (2, *world.images.shape[1:])
    assert result.masks is result.masks
    for object_id, found in zip(result.object_ids, result.masks, strict=True):
        np.testing.assert_array_equal(found, mask(tracker, result.t, object_id))

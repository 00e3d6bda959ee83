"""Prompts of any kind, on any frame, for any object."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_sam2.model import Sam2
from napari_sam2.model.prompt_encoder import BOX_END, BOX_START
from napari_sam2.tracking import Prompt, Tracker
from napari_sam2.tracking.masks import MaskRecord, pack_logits
from napari_sam2.tracking.seen_cells import SeenCells
from tests.worlds import World

from .tiny import clicked, equal, hidden_objects, logits, mask, run


@pytest.fixture
def decoder_calls(tiny_model: Sam2, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Arguments of each run of the decoder."""
    calls: list[tuple[Any, ...]] = []
    decode = type(tiny_model).decode

    def recording(image: Any, features: Any, prompts: Any, **kwargs: Any) -> Any:
        calls.append((prompts, kwargs))
        return decode(tiny_model, image, features, prompts, **kwargs)

    monkeypatch.setattr(tiny_model, "decode", recording)
    return calls


@pytest.mark.parametrize("t", [0, 3, 7])
def test_click_gives_the_mask_of_that_frame_at_once(any_model: Sam2, world: World, t: int) -> None:
    tracker = Tracker(any_model, world.images)
    result = tracker.add_points(t, 7, [world.centre(t, 1)], [1])
    assert (result.t, result.object_ids) == (t, (7,))
    assert result.masks.shape == (1, *world.images.shape[1:])
    assert result.masks.any()
    assert not result.masks.all()
    np.testing.assert_array_equal(result.masks[0], mask(tracker, t, 7))


def test_box_gives_another_mask_than_its_centre(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    result = tracker.add_box(0, 2, world.box(0, 1))
    assert result.masks.any()
    assert (result.masks[0] != mask(tracker, 0, 1)).any()


def test_painted_mask_is_the_result(any_model: Sam2, world: World) -> None:
    painted = world.mask(2, 1)
    result = Tracker(any_model, world.images).add_mask(2, 1, painted)
    np.testing.assert_array_equal(result.masks[0], painted)
    assert result.occlusion_score[0] > 0


def test_scores_are_probabilities_and_logits(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    result = tracker.result(0, 1)
    assert result is not None
    assert result.predicted_iou.dtype == result.occlusion_score.dtype == np.float32
    assert 0 < result.predicted_iou[0] < 1
    assert result.occlusion_score[0] > 1  # the head of this network says about 3


def test_clicks_on_other_places_give_other_masks(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1, 2)
    assert (mask(tracker, 0, 1) != mask(tracker, 0, 2)).any()


def test_excluding_click_gives_another_mask_than_including_one(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1, 2)
    tracker.add_points(0, 1, [(30, 30)], [1])
    tracker.add_points(0, 2, [(30, 30)], [0])
    assert (mask(tracker, 0, 1) != mask(tracker, 0, 2)).any()


def test_second_click_starts_from_the_logits_of_the_first(
    tiny_model: Sam2, world: World, decoder_calls: list[tuple[Any, ...]]
) -> None:
    tracker = clicked(tiny_model, world, 1)
    first = tracker.low_res_logits(0, 1)
    tracker.add_points(0, 1, [(30, 30)], [0])
    assert decoder_calls[0][0].mask_logits is None
    np.testing.assert_array_equal(decoder_calls[1][0].mask_logits[0, 0], first)


def test_every_click_on_the_frame_is_shown_to_the_decoder(
    tiny_model: Sam2, world: World, decoder_calls: list[tuple[Any, ...]]
) -> None:
    tracker = clicked(tiny_model, world, 1)
    tracker.add_points(0, 1, [(30, 30)], [0])
    assert [len(prompts.labels[0]) for prompts, _ in decoder_calls] == [1, 2]
    assert decoder_calls[1][0].labels.tolist() == [[1, 0]]


def test_correction_starts_from_the_tracked_logits(
    tiny_model: Sam2, world: World, decoder_calls: list[tuple[Any, ...]]
) -> None:
    tracker = clicked(tiny_model, world, 1)
    run(tracker, stop=4)
    tracked = tracker.low_res_logits(3, 1)
    tracker.add_points(3, 1, [(30, 30)], [0])
    np.testing.assert_array_equal(decoder_calls[-1][0].mask_logits[0, 0], tracked)


def test_pixel_centres_land_on_the_centres_of_their_area_in_the_input(
    tiny_model: Sam2, decoder_calls: list[tuple[Any, ...]]
) -> None:
    tracker = Tracker(tiny_model, np.eye(16, 32)[None])  # a pixel is 4 high, 2 wide in the input
    tracker.add_points(0, 1, [(0, 0), (15, 3)], [1, 1])
    centres = torch.tensor([[[0.5, 1.5], [6.5, 61.5]]])  # (x, y)
    torch.testing.assert_close(decoder_calls[0][0].points, centres)


def test_box_round_pixels_covers_just_their_area_of_the_input(
    tiny_model: Sam2, decoder_calls: list[tuple[Any, ...]]
) -> None:
    tracker = Tracker(tiny_model, np.eye(16, 32)[None])
    tracker.add_box(0, 1, (-0.5, 3.5, 7.5, 31.5))
    prompts = decoder_calls[0][0]
    corners = torch.tensor([[[7.5, -0.5], [63.5, 31.5]]])
    torch.testing.assert_close(prompts.points, corners)
    assert prompts.labels.tolist() == [[BOX_START, BOX_END]]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_removing_a_point_equals_never_having_given_it(
    any_model: Sam2, world: World, index: int
) -> None:
    clicks = [((11, 12), 1), ((30, 30), 0), ((13, 14), 1)]
    one, other = (Tracker(any_model, world.images) for _ in range(2))
    for point, label in clicks:
        one.add_points(0, 1, [point], [label])
    one.set_prompt(one.prompt(0, 1).without_point(index))
    prompt = Prompt(0, 1)
    for point, label in clicks[:index] + clicks[index + 1 :]:
        prompt = prompt.with_points([point], [label])
    other.set_prompt(prompt)
    assert equal(logits(one), logits(other))


def test_removing_a_point_of_a_correction_equals_never_having_given_it(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker, stop=5)
    tracker.add_points(3, 1, [(30, 30)], [1])
    once = tracker.low_res_logits(3, 1)
    tracker.add_points(3, 1, [(5, 5)], [0])
    assert not np.array_equal(tracker.low_res_logits(3, 1), once)
    tracker.set_prompt(tracker.prompt(3, 1).without_point(1))
    np.testing.assert_array_equal(tracker.low_res_logits(3, 1), once)


def test_prompt_given_whole_equals_the_same_clicks_one_by_one(
    any_model: Sam2, world: World
) -> None:
    one = clicked(any_model, world, 1)
    one.add_points(0, 1, [(30, 30), (31, 31)], [0, 0])
    other = Tracker(any_model, world.images)
    other.set_prompt(one.prompt(0, 1))
    assert equal(logits(one), logits(other))


def test_excluding_click_before_an_including_one_is_judged_by_itself(
    any_model: Sam2, world: World
) -> None:
    """A click that includes before both, and is taken back afterwards, leaves no trace."""
    one, other = (Tracker(any_model, world.images) for _ in range(2))
    with hidden_objects(any_model):  # only what was pointed at is surely there
        for point, label in (((13, 14), 1), ((30, 30), 0), ((11, 12), 1)):
            one.add_points(0, 1, [point], [label])
        one.set_prompt(one.prompt(0, 1).without_point(0))
        other.set_prompt(Prompt(0, 1).with_points([(30, 30)], [0]).with_points([(11, 12)], [1]))
    assert equal(logits(one), logits(other))


@pytest.mark.parametrize("t", [0, 3])
def test_click_that_excludes_makes_no_object(any_model: Sam2, world: World, t: int) -> None:
    tracker = clicked(any_model, world, 1)
    with pytest.raises(ValueError, match="no mask to exclude an area from"):
        tracker.add_points(t, 2, [(30, 30)], [0])
    assert tracker.object_ids == (1,)


def test_prompt_that_only_excludes_makes_no_object(any_model: Sam2, world: World) -> None:
    tracker = Tracker(any_model, world.images)
    with pytest.raises(ValueError, match="no mask to exclude an area from"):
        tracker.set_prompt(Prompt(0, 1).with_points([(30, 30)], [0]))
    assert tracker.object_ids == ()


def test_object_shown_elsewhere_takes_a_click_that_excludes(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    assert tracker.add_points(5, 1, [(30, 30)], [0]).object_ids == (1,)


def test_click_that_includes_may_be_taken_back_before_one_that_excludes(
    any_model: Sam2, world: World
) -> None:
    tracker = clicked(any_model, world, 1)
    tracker.add_points(0, 1, [(30, 30)], [0])
    tracker.set_prompt(tracker.prompt(0, 1).without_point(0))
    assert tracker.prompt(0, 1).labels.tolist() == [0]


def test_box_then_click_equals_the_prompt_given_whole(any_model: Sam2, world: World) -> None:
    one = Tracker(any_model, world.images)
    one.add_box(0, 1, world.box(0, 1))
    boxed = one.low_res_logits(0, 1)
    one.add_points(0, 1, [(30, 30)], [0])
    other = Tracker(any_model, world.images)
    other.set_prompt(one.prompt(0, 1))
    assert not np.array_equal(one.low_res_logits(0, 1), boxed)
    assert equal(logits(one), logits(other))


def test_another_box_takes_the_place_of_the_first(any_model: Sam2, world: World) -> None:
    one, other = (Tracker(any_model, world.images) for _ in range(2))
    one.add_box(0, 1, (2, 2, 30, 50))
    one.add_box(0, 1, world.box(0, 1))
    other.add_box(0, 1, world.box(0, 1))
    assert equal(logits(one), logits(other))


def test_clicks_refine_a_painted_mask(
    tiny_model: Sam2, world: World, decoder_calls: list[tuple[Any, ...]]
) -> None:
    tracker = Tracker(tiny_model, world.images)
    tracker.add_mask(0, 1, world.mask(0, 1))
    painted = tracker.low_res_logits(0, 1)
    tracker.add_points(0, 1, [(30, 30)], [1])
    np.testing.assert_array_equal(decoder_calls[-1][0].mask_logits[0, 0], painted)
    assert (mask(tracker, 0, 1) != world.mask(0, 1)).any()


def test_painted_mask_refined_by_an_excluding_click_stays_visible(
    any_model: Sam2, world: World
) -> None:
    tracker = Tracker(any_model, world.images)
    tracker.add_mask(0, 1, world.mask(0, 1))
    with hidden_objects(any_model):
        result = tracker.add_points(0, 1, [(30, 30)], [0])
    assert result.occlusion_score[0] > 0
    assert result.masks.any()


def test_painted_mask_takes_the_place_of_clicks(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    tracker.add_mask(0, 1, world.mask(0, 1))
    prompt = tracker.prompt(0, 1)
    assert prompt is not None
    assert not len(prompt.points)
    np.testing.assert_array_equal(mask(tracker, 0, 1), world.mask(0, 1))


def test_painted_object_smaller_than_a_pixel_of_the_input_is_there(tiny_model: Sam2) -> None:
    painted = np.zeros((640, 640), bool)
    painted[300:303, 200:203] = True
    result = Tracker(tiny_model, np.eye(640)[None]).add_mask(0, 1, painted)
    assert result.occlusion_score[0] > 0
    np.testing.assert_array_equal(result.masks[0], painted)


def test_clicked_object_is_visible_whatever_the_network_says(any_model: Sam2, world: World) -> None:
    with hidden_objects(any_model):
        tracker = clicked(any_model, world, 1)
    result = tracker.result(0, 1)
    assert result is not None
    assert result.occlusion_score[0] > 0
    assert result.masks.any()


def test_cleared_frame_goes_back_to_the_tracked_mask(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker)
    tracked = logits(tracker)
    tracker.add_points(4, 1, [(30, 30)], [1])
    result = tracker.clear_prompts(4, 1)
    assert result is not None
    assert tracker.prompt(4, 1) is None
    assert equal(logits(tracker), tracked)


def test_cleared_frame_without_a_tracked_mask_has_none(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    assert tracker.clear_prompts(0, 1) is None
    assert tracker.result(0, 1) is None
    assert tracker.object_ids == (1,)


def test_empty_prompt_clears_the_frame(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    assert tracker.set_prompt(Prompt(0, 1)) is None
    assert tracker.prompts() == ()


def test_prompts_are_handed_out_by_object_and_frame(tiny_model: Sam2, world: World) -> None:
    tracker = clicked(tiny_model, world, 2, t=5)
    tracker.add_points(1, 2, [world.centre(1, 2)], [1])
    tracker.add_points(3, 1, [world.centre(3, 1)], [1])
    assert [(p.object_id, p.t) for p in tracker.prompts()] == [(2, 1), (2, 5), (1, 3)]
    assert tracker.prompt(3, 2) is None


def test_single_image_can_be_prompted_and_propagated(any_model: Sam2, world: World) -> None:
    tracker = Tracker(any_model, world.images[0])
    assert tracker.shape == (1, 40, 56)
    clicked_mask = tracker.add_points(0, 1, [world.centre(0, 1)], [1]).masks
    tracker.add_points(0, 1, [(30, 30)], [0])
    tracker.set_prompt(tracker.prompt(0, 1).without_point(1))
    (result,) = tracker.propagate(direction="both")
    np.testing.assert_array_equal(result.masks, clicked_mask)


def test_colours_are_tracked(any_model: Sam2, world: World) -> None:
    colours = np.stack([world.images, world.images // 2, 255 - world.images], axis=-1)
    tracker = Tracker(any_model, colours)
    tracker.add_points(0, 1, [world.centre(0, 1)], [1])
    assert run(tracker, stop=3) == [0, 1, 2]
    grey = clicked(any_model, world, 1, clean=True)
    assert not np.array_equal(tracker.low_res_logits(0, 1), grey.low_res_logits(0, 1))


@pytest.mark.parametrize("shape", [(1, 5, 9), (1, 9, 300), (2, 8, 8), (1, 1, 1)])
def test_images_of_any_size_can_be_clicked(any_model: Sam2, shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    tracker = Tracker(any_model, images)
    result = tracker.add_points(0, 1, [(0, 0)], [1])
    assert result.masks.shape == (1, *shape[1:])
    assert tracker.labels(0).shape == shape[1:]


def test_prompted_logits_are_kept_exactly() -> None:
    found = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    _, crop, _ = pack_logits(found, exact=True)
    np.testing.assert_array_equal(crop, found)


def test_only_the_mask_of_a_single_click_is_drawn_to_its_cell(
    tiny_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later clicks, boxes, painted masks and corrections of tracked masks say more than that."""
    drawn: list[tuple[float, float]] = []

    def recording(self: SeenCells, t: int, record: MaskRecord, place: Any) -> MaskRecord:
        drawn.append(place)
        return record.with_logits(np.full_like(record.logits(), 5.0), exact=True)

    monkeypatch.setattr(SeenCells, "draw_click", recording)
    tracker, place = Tracker(tiny_model, world.images), world.centre(0, 1)
    assert tracker.add_points(0, 1, [place], [1]).masks.all()
    tracker.add_points(0, 1, [place], [1])
    tracker.add_box(0, 2, (2, 2, 20, 20))
    tracker.add_mask(0, 3, np.eye(*world.images.shape[1:], dtype=bool))
    for _ in tracker.propagate(0, 2, object_ids=[1]):
        pass
    tracker.add_points(1, 1, [world.centre(1, 1)], [1])
    assert drawn == [place]

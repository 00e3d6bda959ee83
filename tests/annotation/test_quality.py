"""Errors planted in the life of a disc are doubted, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_sam2.annotation.measures import Measures, Trace
from napari_sam2.annotation.quality import Doubt, find_doubts, grade

LENGTH, SIDE, RADIUS = 12, 64, 6.0
WRONG = 6

ROWS, COLUMNS = np.ogrid[:SIDE, :SIDE]


def disc(y: float, x: float, radius: float = RADIUS) -> np.ndarray:
    return (ROWS - y) ** 2 + (COLUMNS - x) ** 2 < radius**2


def moving_disc() -> np.ndarray:
    """(T, Y, X) labels of one disc that moves two pixels a frame."""
    return np.stack([disc(30, 15 + 2 * t) for t in range(LENGTH)]).astype(np.uint16)


def trace_of(labels: np.ndarray, object_id: int = 1) -> Trace:
    measures = Measures(len(labels))
    measures.mark(range(len(labels)))
    measures.update(labels)
    return measures.trace(object_id)


def doubts_of(labels: np.ndarray, **given: np.ndarray) -> dict[int, Doubt]:
    """Doubts about object 1 by frame, in a world in which the model is sure."""
    usual = {
        "predicted_iou": np.full(LENGTH, 0.9, np.float32),
        "occlusion_score": np.full(LENGTH, 5.0, np.float32),
        "is_fixed": np.zeros(LENGTH, bool),
        "is_lost": np.zeros(LENGTH, bool),
    }
    doubts = find_doubts(trace_of(labels), **(usual | given))
    return {t: Doubt(int(flags)) for t, flags in enumerate(doubts) if flags}


def at(frames: int | list[int], value: float, usual: float) -> np.ndarray:
    numbers = np.full(LENGTH, usual, np.float32)
    numbers[frames] = value
    return numbers


def test_nothing_is_doubted_of_a_disc_that_moves() -> None:
    assert doubts_of(moving_disc()) == {}


@pytest.mark.parametrize("side", [1, 2, 5])
def test_nothing_is_doubted_of_short_movies(side: int) -> None:
    trace = trace_of(moving_disc()[:side])
    nothing = np.zeros(side, bool)
    sure = np.ones(side, np.float32)
    assert not find_doubts(trace, sure, 5 * sure, nothing, nothing).any()


def test_noise_of_the_outline_is_not_doubted() -> None:
    rng = np.random.default_rng(0)
    labels = np.stack(
        [disc(30, 15 + 2 * t, RADIUS + rng.uniform(-0.7, 0.7)) for t in range(LENGTH)]
    )
    assert doubts_of(labels.astype(np.uint16)) == {}


def swallows_its_neighbour(labels: np.ndarray) -> None:
    labels[WRONG] = disc(30, 15 + 2 * WRONG, 1.6 * RADIUS)


def loses_a_half(labels: np.ndarray) -> None:
    labels[WRONG, :, : 15 + 2 * WRONG + 2] = 0


def hops_aside(labels: np.ndarray) -> None:
    labels[WRONG] = disc(50, 15 + 2 * WRONG)


def stays_with_another(labels: np.ndarray) -> None:
    for t in range(WRONG, LENGTH):
        labels[t] = disc(50, 15 + 2 * t)


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (swallows_its_neighbour, Doubt.JUMP_AREA),
        (loses_a_half, Doubt.JUMP_AREA),
        (hops_aside, Doubt.JUMP_PLACE | Doubt.LOW_OVERLAP),
        (stays_with_another, Doubt.JUMP_PLACE | Doubt.LOW_OVERLAP),
    ],
)
def test_planted_error_is_doubted_on_its_frame_alone(
    plant: Callable[[np.ndarray], None], expected: Doubt
) -> None:
    labels = moving_disc()
    plant(labels)
    found = doubts_of(labels)
    assert found.keys() == {WRONG}
    assert found[WRONG] & expected == expected


def test_unsure_model_is_doubted() -> None:
    found = doubts_of(moving_disc(), predicted_iou=at(3, 0.3, 0.9), occlusion_score=at(5, 0.2, 5.0))
    assert found == {3: Doubt.LOW_IOU, 5: Doubt.OCCLUDED}


def test_model_that_is_less_sure_than_usual_is_doubted() -> None:
    assert doubts_of(moving_disc(), predicted_iou=at(3, 0.6, 0.9)) == {3: Doubt.LOW_IOU}
    assert doubts_of(moving_disc(), predicted_iou=at(3, 0.6, 0.7)) == {}


def test_scores_say_nothing_of_what_a_person_fixed() -> None:
    unsure = np.full(LENGTH, 0.1, np.float32)
    fixed = np.ones(LENGTH, bool)
    assert doubts_of(moving_disc(), predicted_iou=unsure, is_fixed=fixed) == {}


def test_object_that_vanishes_is_doubted_once() -> None:
    labels = moving_disc()
    labels[WRONG:] = 0
    is_lost = np.arange(LENGTH) >= WRONG
    assert doubts_of(labels, is_lost=is_lost) == {WRONG: Doubt.IS_GONE}


def test_frames_not_tracked_yet_are_not_doubted() -> None:
    labels = moving_disc()
    labels[WRONG:] = 0
    assert doubts_of(labels) == {}


def test_object_that_leaves_the_image_is_only_doubted_at_the_border() -> None:
    labels = np.stack([disc(30, 40 + 3 * t) for t in range(LENGTH)]).astype(np.uint16)
    visible = labels.any(axis=(1, 2))
    found = doubts_of(labels, is_lost=~visible)
    assert Doubt.TOUCHES_BORDER in found[int(np.flatnonzero(labels[:, :, -1].any(axis=1))[0])]
    assert not any(flags & Doubt.IS_GONE for flags in found.values())


def test_small_masks_may_flicker() -> None:
    labels = np.zeros((LENGTH, SIDE, SIDE), np.uint16)
    for t in range(LENGTH):
        labels[t, 20:23, 20 : 23 + t % 3] = 1
    assert doubts_of(labels) == {}


def test_quality_falls_with_every_doubt() -> None:
    labels = moving_disc()
    labels[9] = 0
    trace, iou = trace_of(labels), np.full(LENGTH, 0.8, np.float32)
    fixed = np.arange(LENGTH) == 0
    doubts = np.zeros(LENGTH, np.uint8)
    doubts[2:4] = Doubt.JUMP_AREA
    doubts[3] |= np.uint8(Doubt.LOW_OVERLAP)
    quality = grade(trace, iou, fixed, doubts)
    assert quality[0] == 1
    assert quality[1] == pytest.approx(0.8)
    assert quality[1] > quality[2] > quality[3] > 0
    assert np.isnan(quality[9])
    assert quality.dtype == np.float32


@pytest.mark.parametrize("scale", [1, 2**21])
def test_traces_are_areas_places_and_shared_pixels(scale: int) -> None:
    labels = np.zeros((3, 10, 12), np.uint32)
    labels[0, 2:6, 3:5] = labels[1, 3:7, 3:5] = 5 * scale
    labels[2, 4:8, 3:5] = 5 * scale
    labels[1, 0, 0] = 9 * scale
    trace = trace_of(labels, 5 * scale)
    assert trace.area.tolist() == [8, 8, 8]
    assert trace.y.tolist() == [3.5, 4.5, 5.5]
    assert trace.x.tolist() == [3.5, 3.5, 3.5]
    assert trace.shared_1.tolist() == [0, 6, 6]
    assert trace.shared_2.tolist() == [0, 0, 4]
    assert trace_of(labels, 9 * scale).on_border.tolist() == [False, True, False]


def test_change_of_a_frame_is_measured_with_its_neighbours() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (8, 9, 9)).astype(np.uint16)
    measures = Measures(8)
    measures.mark(range(8))
    measures.update(labels)
    for t in rng.integers(0, 8, 20).tolist():
        labels[t] = rng.integers(0, 4, (9, 9)) * rng.integers(0, 2)
        measures.mark((t,))
        measures.update(labels)
        for object_id in (1, 2, 3):
            one, other = measures.trace(object_id), trace_of(labels, object_id)
            for name in ("area", "y", "x", "on_border", "shared_1", "shared_2"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_mask_over_both_daughters_is_doubted_on_every_frame() -> None:
    labels = moving_disc()
    for t in range(WRONG, LENGTH):
        labels[t] = disc(22, 15 + 2 * t, 4) | disc(38, 15 + 2 * t, 4)
    found = doubts_of(labels)
    assert all(Doubt.TWO_PIECES in found[t] for t in range(WRONG, LENGTH))
    quality = grade(
        trace_of(labels),
        np.full(LENGTH, 0.9, np.float32),
        np.zeros(LENGTH, bool),
        np.array([found.get(t, 0) for t in range(LENGTH)], np.uint8),
    )
    assert (quality[WRONG:] < 0.5).all()


def test_small_speck_beside_a_mask_is_no_second_piece() -> None:
    labels = moving_disc()
    labels[WRONG, 50:53, 5:8] = 1
    assert Doubt.TWO_PIECES not in doubts_of(labels).get(WRONG, Doubt(0))


def test_pieces_are_measured_for_each_object() -> None:
    labels = moving_disc()
    labels[WRONG, 2:6, 2:6] = labels[WRONG, 50:58, 50:54] = 7
    assert trace_of(labels, 7).second_piece[WRONG] == 16
    assert trace_of(labels, 1).second_piece[WRONG] == 0


def test_hull_area_is_that_of_the_convex_hull() -> None:
    """The corners of the pixels of a disc lie outside of the disc."""
    labels = np.zeros((2, 64, 64), np.uint16)
    labels[0][disc(20, 20, 9)] = 3
    labels[0, 40:50, 10:50] = 5
    labels[0, 44:50, 14:46] = 0  # a comb has the hull of the rectangle
    labels[0, 0:2, 60:64] = 9
    for object_id, area, tolerance in ((3, disc(20, 20, 9).sum(), 0.12), (5, 400, 0), (9, 8, 0)):
        hull = trace_of(labels, object_id).hull_area
        assert hull[0] == pytest.approx(area, rel=tolerance + 1e-5)
        assert hull[0] >= area * (1 - 1e-5)
        assert hull[1] == 0


def test_hull_area_does_not_depend_on_the_place_nor_on_other_objects() -> None:
    labels = np.zeros((2, 64, 64), np.uint16)
    labels[0][disc(20, 20, 9)] = 3
    labels[1][disc(40, 44, 9)] = 3
    labels[1][disc(15, 15, 9)] = 1
    hull = trace_of(labels, 3).hull_area
    assert hull[0] == pytest.approx(hull[1], rel=1e-4)

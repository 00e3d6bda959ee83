from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.morphology import dilation, disk

from napari_sam2.evaluation.vos import (
    boundary,
    boundary_similarity,
    boundary_tolerance,
    decay,
    j_and_f,
    mean_of_defined,
    recall,
    region_similarity,
)


def square(y: int, x: int, side: int = 10, shape: tuple[int, int] = (40, 60)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[y : y + side, x : x + side] = True
    return mask


def test_equal_masks_score_one() -> None:
    assert region_similarity(square(5, 5), square(5, 5)) == 1.0
    assert boundary_similarity(square(5, 5), square(5, 5)) == 1.0


@pytest.mark.parametrize(("shift", "expected"), [(1, 90 / 110), (5, 50 / 150), (10, 0.0)])
def test_region_of_a_shifted_square(shift: int, expected: float) -> None:
    assert region_similarity(square(5, 5), square(5, 5 + shift)) == pytest.approx(expected)


def test_boundary_of_a_square_lies_above_and_to_the_left_too() -> None:
    expected = np.zeros((6, 6), bool)
    expected[1:4, 1:4] = True  # of the square 2..3: its upper left neighbours and its own rim
    expected[2, 2] = False
    assert np.array_equal(boundary(square(2, 2, 2, (6, 6))), expected)


def test_border_of_the_image_is_no_boundary() -> None:
    assert not boundary(np.ones((5, 7), bool)).any()


def test_boundary_within_tolerance_is_right() -> None:
    assert boundary_similarity(square(5, 5), square(5, 6), tolerance=1) == 1.0


def test_boundary_beyond_tolerance_is_wrong() -> None:
    """The boundary of a square of side 3 is a ring of 12 pixels, 4 by 4 without the middle.

    Of two such rings that are 2 columns apart, each long row shares two pixels.
    """
    one, other = square(5, 5, 3), square(5, 7, 3)
    shared = np.count_nonzero(boundary(one) & boundary(other))
    assert shared == 4
    assert boundary_similarity(one, other, tolerance=0) == pytest.approx(4 / 12)


def test_missing_mask_scores_zero() -> None:
    nothing = np.zeros((40, 60), bool)
    assert region_similarity(square(5, 5), nothing) == 0.0
    assert boundary_similarity(square(5, 5), nothing) == 0.0
    assert boundary_similarity(nothing, square(5, 5)) == 0.0


def test_two_empty_masks_are_undefined() -> None:
    nothing = np.zeros((4, 4), bool)
    assert np.isnan(region_similarity(nothing, nothing))
    assert np.isnan(boundary_similarity(nothing, nothing))
    assert np.isnan(j_and_f(1.0, float("nan")))


def test_tolerance_is_that_of_davis() -> None:
    assert boundary_tolerance((480, 854)) == 8  # 0.008 * 979.6, rounded up


def test_mean_passes_over_undefined_values() -> None:
    assert mean_of_defined([1.0, float("nan"), 0.5]) == 0.75
    assert np.isnan(mean_of_defined([float("nan")]))


def test_masks_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="of one shape"):
        region_similarity(np.ones((3, 3), bool), np.ones((3, 4), bool))


def by_dilation(truth: np.ndarray, mask: np.ndarray, reach: int) -> float:
    """F with discs drawn round every boundary pixel, on the whole image."""
    ours, theirs = boundary(mask), boundary(truth)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    precision = (ours & dilation(theirs, disk(reach))).sum() / ours.sum()
    recall = (theirs & dilation(ours, disk(reach))).sum() / theirs.sum()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4))
def test_boundary_similarity_agrees_with_drawn_discs(seed: int, reach: int) -> None:
    rng = np.random.default_rng(seed)
    truth, mask = rng.random((2, 24, 17)) > rng.uniform(0.3, 0.995)
    if truth.any() or mask.any():
        expected = by_dilation(truth, mask, reach)
        assert boundary_similarity(truth, mask, reach) == pytest.approx(expected)


def test_recall_is_the_share_of_defined_frames_above_a_half() -> None:
    assert recall([0.5, 0.51, 1.0, 0.0, float("nan")]) == 0.5
    assert np.isnan(recall([float("nan")]))


def test_decay_is_the_first_quarter_minus_the_last() -> None:
    """Of 9 frames, quarters are frames 0 to 2 and 6 to 8."""
    values = [1.0, 0.9, 0.8, 9.0, 9.0, 9.0, 0.3, 0.2, 0.1]
    assert decay(values) == pytest.approx(0.9 - 0.2)


def test_decay_of_a_long_movie_has_its_own_quarters() -> None:
    """Indices of frames above 255 do not wrap round."""
    assert decay([1.0] * 300 + [0.0] * 300) == 1.0


def test_decay_of_one_frame_is_none() -> None:
    assert decay([0.4]) == 0.0
    assert np.isnan(decay([]))

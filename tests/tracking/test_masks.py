"""Masks as they are kept and drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional

from napari_sam2.tracking.masks import (
    Direction,
    MaskRecord,
    Renderer,
    pack_logits,
)
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.windows import Window

SIZE = 16
seeds = st.integers(0, 2**32 - 1)


def record(
    logits: NDArray[np.float32],
    *,
    direction: Direction | None = "forward",
    shape: tuple[int, int] = (SIZE, SIZE),
    painted: NDArray[np.bool_] | None = None,
) -> MaskRecord:
    """A mask as the tracker keeps it."""
    corner, crop, floor = pack_logits(logits, exact=direction is None)
    pointer = np.zeros(4, np.float32)
    return MaskRecord(
        corner,
        crop,
        floor,
        len(logits),
        0.9,
        3.0,
        pointer,
        direction,
        Window(0, 0, *shape),
        None if painted is None else PixelMask.of(painted),
    )


def blobs(seed: int, size: int = SIZE) -> NDArray[np.float32]:
    """Logits as networks give them: a steep slope round one to three discs, and some noise."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    distance = np.full((size, size), np.inf)
    for _ in range(generator.integers(1, 4)):
        centre, radius = generator.uniform(0, size, 2), generator.uniform(1, size / 3)
        distance = np.minimum(distance, np.hypot(y - centre[0], x - centre[1]) - radius)
    slope, height = generator.uniform(1, 6), generator.uniform(3, 20)
    noise = generator.normal(0, 0.3, (size, size))
    return (height * np.tanh(-slope * distance / height) + noise).astype(np.float32)


def upsampled(logits: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Bilinear interpolation as torch does it."""
    small = torch.from_numpy(logits)[None, None]
    found = functional.interpolate(small, shape, mode="bilinear", align_corners=False)
    return np.asarray(found[0, 0])


shapes = st.tuples(st.integers(1, 70), st.integers(1, 70))


@given(seed=seeds, shape=shapes)
def test_drawn_mask_is_the_bilinear_one_of_the_whole_map(seed: int, shape: tuple[int, int]) -> None:
    logits = blobs(seed)
    drawn = Renderer(SIZE, shape, clean=False).mask(record(logits, direction=None, shape=shape))
    whole = upsampled(logits, shape)
    is_clear = np.abs(whole) > 1e-4
    np.testing.assert_array_equal(drawn[is_clear], (whole > 0)[is_clear])


@given(seed=seeds, shape=shapes)
def test_packed_logits_draw_the_same_mask(seed: int, shape: tuple[int, int]) -> None:
    logits = blobs(seed)
    drawn = Renderer(SIZE, shape, clean=False).mask(record(logits, shape=shape))
    whole = upsampled(logits, shape)
    is_clear = np.abs(whole) > 0.02  # float16 of logits up to 20
    np.testing.assert_array_equal(drawn[is_clear], (whole > 0)[is_clear])


@given(seed=seeds)
def test_packed_logits_are_those_of_the_network_where_they_matter(seed: int) -> None:
    logits = blobs(seed)
    kept = record(logits)
    if kept.is_visible:
        matters = logits > -6
        np.testing.assert_allclose(kept.logits()[matters], logits[matters], rtol=1e-3, atol=1e-3)
        assert (kept.logits()[~matters] < -5.9).all()
    assert kept.is_visible == bool((logits > 0).any())


def test_small_mask_in_a_large_map_takes_little_room() -> None:
    logits = np.full((256, 256), -20, np.float32)
    logits[100:110, 200:212] = 5
    kept = record(logits)
    assert kept.crop.shape == (14, 16)
    assert kept.crop.nbytes < 500
    np.testing.assert_array_equal(kept.logits(), logits)


def test_map_without_a_positive_logit_is_not_visible() -> None:
    kept = record(np.full((SIZE, SIZE), -1024, np.float32))
    assert not kept.is_visible
    assert (kept.logits() == -1024).all()
    assert not Renderer(SIZE, (40, 56), clean=True).mask(kept).any()


def test_mask_at_the_corner_of_the_map_is_drawn() -> None:
    logits = np.full((SIZE, SIZE), -20, np.float32)
    logits[:2, -2:] = 20
    drawn = Renderer(SIZE, (32, 32), clean=False).mask(record(logits, shape=(32, 32)))
    assert drawn.sum() == 16
    assert drawn[:4, -4:].all()


@pytest.mark.parametrize("shape", [(3, 3), (1, 1), (5, 40)])
def test_mask_between_the_pixels_of_a_small_image_is_drawn_empty(
    shape: tuple[int, int],
) -> None:
    logits = np.full((64, 64), -20, np.float32)
    logits[15:17, 15:17] = 20  # no pixel of the image looks there
    assert not Renderer(64, shape, clean=True).mask(record(logits, shape=shape)).any()


def test_painted_mask_is_drawn_as_it_was_painted() -> None:
    painted = np.random.default_rng(0).random((40, 56)) > 0.7
    logits = np.full((SIZE, SIZE), -10, np.float32)
    kept = record(logits, direction=None, painted=painted)
    np.testing.assert_array_equal(Renderer(SIZE, (40, 56), clean=True).mask(kept), painted)


def square(side: int = 60, edge: int = 10) -> NDArray[np.float32]:
    """Logits of a square with this edge, drawn at their own size."""
    logits = np.full((side + 2 * edge, side + 2 * edge), -10, np.float32)
    logits[edge : edge + side, edge : edge + side] = 10
    return logits


def cleaned(logits: NDArray[np.float32], *, clean: bool = True) -> NDArray[np.bool_]:
    kept = record(logits, direction=None, shape=logits.shape)
    return Renderer(len(logits), logits.shape, clean=clean).mask(kept)


def test_small_hole_is_filled_and_speck_removed() -> None:
    logits = square()
    whole = logits > 0
    logits[30:35, 30:35] = -10
    logits[2:5, 2:5] = 10
    np.testing.assert_array_equal(cleaned(logits), whole)


def test_nothing_is_cleaned_when_told_not_to() -> None:
    logits = square()
    logits[30:35, 30:35] = -10
    logits[2:5, 2:5] = 10
    np.testing.assert_array_equal(cleaned(logits, clean=False), logits > 0)


def test_large_hole_and_second_part_stay() -> None:
    logits = square()
    logits[30:45, 30:45] = -10  # 225 pixels
    logits[:9, :30] = 10  # 270 pixels
    np.testing.assert_array_equal(cleaned(logits), logits > 0)


def test_limits_scale_with_a_small_object() -> None:
    logits = square(side=10)  # 5 % of it are some five pixels
    logits[14:17, 14:17] = -10
    logits[2:5, 2:5] = 10
    np.testing.assert_array_equal(cleaned(logits), logits > 0)
    logits[14:17, 14:17] = 10
    logits[15, 15] = -10
    assert cleaned(logits)[15, 15]


def test_notch_at_the_edge_of_the_image_is_no_hole() -> None:
    logits = np.full((60, 60), 10, np.float32)
    logits[0:3, 20:23] = -10
    np.testing.assert_array_equal(cleaned(logits), logits > 0)


def test_mask_of_many_equal_specks_does_not_vanish() -> None:
    logits = np.full((60, 60), -10, np.float32)
    logits[::10, ::10] = 10  # 36 single pixels, each below 5 % of all
    assert cleaned(logits).any()


@settings(deadline=None)
@given(seed=seeds, density=st.floats(0.05, 0.95))
def test_cleaning_never_takes_all(seed: int, density: float) -> None:
    logits = np.where(np.random.default_rng(seed).random((12, 12)) < density, 5, -5)
    found = logits.astype(np.float32)
    assert cleaned(found).any() == (found > 0).any()

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_sam2.tracking.pixels import PixelMask, masks_of
from napari_sam2.tracking.windows import Window

masks = npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12))


@given(mask=masks)
def test_all_of_a_mask_comes_back(mask: np.ndarray) -> None:
    kept = PixelMask.of(mask)
    np.testing.assert_array_equal(kept.full(), mask)
    np.testing.assert_array_equal(np.asarray(kept), mask)
    assert kept.any() == mask.any()
    assert kept.is_same(PixelMask.of(mask.copy()))
    assert PixelMask.of(kept) is kept


@given(
    mask=masks,
    y0=st.integers(-15, 15),
    x0=st.integers(-15, 15),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
)
def test_a_window_cuts_out_what_lies_in_it(
    mask: np.ndarray, y0: int, x0: int, height: int, width: int
) -> None:
    padded = np.pad(mask, 40)
    expected = padded[40 + y0 :, 40 + x0 :][:height, :width]
    cut = PixelMask.of(mask).cut(Window(y0, x0, height, width))
    np.testing.assert_array_equal(cut, expected.astype(np.float32))


def test_a_small_cell_takes_little_room() -> None:
    mask = np.zeros((2000, 2000), bool)
    mask[500:520, 700:730] = True
    assert PixelMask.of(mask).crop.nbytes == 600


@pytest.mark.parametrize("corner", [(-1, 0), (3, 0), (0, 4)])
def test_a_box_that_is_not_in_its_frame_is_refused(corner: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not lie in a frame"):
        PixelMask((4, 5), corner, np.ones((2, 2), bool))


@given(
    labels=npst.arrays(
        st.sampled_from([np.uint8, np.int32, np.uint64]),
        npst.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=8),
        elements=st.sampled_from([0, 0, 1, 2, 200]),
    ),
    large=st.booleans(),
)
def test_each_label_has_its_mask(labels: np.ndarray, large: bool) -> None:
    if large:
        labels = labels.astype(np.int64) * 10_000_000
    masks = masks_of(labels)
    assert list(masks) == [label for label in np.unique(labels).tolist() if label]
    for label, mask in masks.items():
        np.testing.assert_array_equal(mask.full(), labels == label)

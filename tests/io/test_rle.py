from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_sam2.io.rle import decode_rle, encode_rle


@given(arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_masks_come_back(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_rle(encode_rle(mask)), mask)


def test_runs_go_down_the_columns_and_begin_with_background() -> None:
    mask = np.array([[1, 0, 0], [1, 1, 0]], bool)
    assert encode_rle(mask) == {"size": [2, 3], "counts": [0, 2, 1, 1, 2]}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@given(
    arrays.arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.booleans())
)
def test_compressed_runs_are_those_of_coco(mask: np.ndarray) -> None:
    pycocotools = pytest.importorskip("pycocotools.mask")
    theirs = pycocotools.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    ours = encode_rle(mask, compressed=True)
    assert ours["counts"] == theirs.decode()
    np.testing.assert_array_equal(decode_rle(ours), mask)


def test_known_text_of_coco_is_read() -> None:
    # a 2 x 2 square at (1, 1) of a 4 x 4 image: 5 off, 2 on, 2 off, 2 on, 5 off
    decoded = decode_rle({"size": [4, 4], "counts": "52203"})
    assert np.argwhere(decoded).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        ({}, "a mask of run lengths is"),
        ({"size": [2, 2]}, "a mask of run lengths is"),
        ({"size": [2, 2], "counts": [1, "x"]}, "a mask of run lengths is"),
        ({"size": [2, 2], "counts": [1, 2]}, r"runs add up to 3 pixels; expected 2 \* 2"),
        ({"size": [2, 2], "counts": [-1, 5]}, "runs add up"),
        ({"size": [2, 2], "counts": "Q"}, "a mask of run lengths is"),
    ],
)
def test_wrong_runs_are_refused(rle: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_rle(rle)

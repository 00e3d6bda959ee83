from __future__ import annotations

import pytest

from napari_sam2.io.axes import resolve_axes


@pytest.mark.parametrize(
    ("axes", "shape", "expected"),
    [
        ("YX", (8, 9), (1, 8, 9)),
        ("TYX", (5, 8, 9), (5, 8, 9)),
        ("ZYX", (5, 8, 9), (5, 8, 9)),
        ("IYX", (5, 8, 9), (5, 8, 9)),
        ("QYX", (5, 8, 9), (5, 8, 9)),
        ("TCYX", (5, 1, 8, 9), (5, 8, 9)),
        ("TZCYXS", (5, 1, 1, 8, 9, 1), (5, 8, 9)),
        ("TYXS", (5, 8, 9, 3), (5, 8, 9, 3)),
        ("SYX", (4, 8, 9), (1, 8, 9, 4)),
        ("TYX", (5, 1, 1), (5, 1, 1)),
    ],
)
def test_axes_become_those_of_a_movie(
    axes: str, shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert resolve_axes(axes, shape, "a.tif").shape == expected


@pytest.mark.parametrize(
    ("axes", "shape", "message"),
    [
        ("TCYX", (5, 2, 8, 9), "a.tif has 2 channels; save the one to track"),
        ("TZYX", (5, 4, 8, 9), "expected one axis of frames"),
        ("TYXS", (5, 8, 9, 2), "2 samples per pixel"),
        ("TX", (5, 8), "expected a movie of 2D images"),
        ("TYX", (0, 8, 9), "is empty"),
        ("RYX", (5, 8, 9), "neither time nor depth"),
        ("TYX", (8, 9), "names axes 'TYX' for the shape"),
    ],
)
def test_other_axes_are_refused_with_what_was_found(
    axes: str, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_axes(axes, shape, "a.tif")

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
        ("TYXS", (5, 8, 9, 2), (5, 8, 9)),
        ("??YX", (5, 1, 8, 9), (5, 8, 9)),
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
        (
            "TCYX",
            (5, 2, 8, 9),
            r"a.tif has 2 channels \(T 5, C 2, Y 8, X 9\): choose one with --channel",
        ),
        (
            "TZYX",
            (5, 4, 8, 9),
            "has 4 planes on each frame .*: choose one with --z 0 to 3, or --z max",
        ),
        ("TYXS", (5, 8, 9, 5), "5 samples per pixel"),
        ("TX", (5, 8), "expected a movie of 2D images"),
        ("TYX", (0, 8, 9), "is empty"),
        ("RYX", (5, 8, 9), "neither time nor depth"),
        ("QQYX", (5, 2, 8, 9), r"unknown \(unnamed 5, unnamed 2, Y 8, X 9\).*--axes TCYX"),
        ("TYX", (8, 9), "names axes 'TYX' for the shape"),
    ],
)
def test_other_axes_are_refused_with_what_was_found(
    axes: str, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_axes(axes, shape, "a.tif")

from __future__ import annotations

import pytest

from napari_sam2.io.scale import ImageScale


@pytest.mark.parametrize("unit", ["um", "µm", "μm", "micron", "Micrometer", " microns "])
def test_spellings_of_micrometre_are_one(unit: str) -> None:
    assert ImageScale((1, 1), unit) == ImageScale((1.0, 1.0), "um")


@pytest.mark.parametrize("size", [(0, 1), (1, -1), (float("nan"), 1), (1, float("inf"))])
def test_pixel_size_must_be_positive(size: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="pixel_size must be two positive numbers"):
        ImageScale(size)


def test_interval_must_be_positive() -> None:
    with pytest.raises(ValueError, match="interval_s must be a positive number"):
        ImageScale(interval_s=0)


def test_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unit must be one of um, .*; got 'parsec'"):
        ImageScale((1, 1), "parsec")

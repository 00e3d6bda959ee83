"""A dim cell is one only if it is in focus."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.finding.dim_cells import in_focus
from napari_sam2.tracking.pixels import PixelMask

SHAPE, MIDDLE, RADIUS = (96, 96), (48, 48), 10


def disc(radius: float = RADIUS) -> NDArray[np.bool_]:
    y, x = np.indices(SHAPE)
    inside: NDArray[np.bool_] = np.hypot(y - MIDDLE[0], x - MIDDLE[1]) <= radius
    return inside


def image(blur: float, light: float = 0.02) -> NDArray[np.float32]:
    """A dim disc on noise, with the blur of a camera or more."""
    noise = np.random.default_rng(0).normal(0, 0.002, SHAPE)
    seen = ndimage.gaussian_filter(light * disc(), blur) + noise + 0.05
    return seen.astype(np.float32)[..., None]


@pytest.mark.parametrize(("blur", "expected"), [(1.0, True), (6.0, False)])
def test_a_dim_cell_has_a_sharp_outline(blur: float, expected: bool) -> None:
    assert in_focus(image(blur), PixelMask.of(disc()), None) == expected


@pytest.mark.parametrize(("usual", "expected"), [(300, True), (200, False), (3000, False)])
def test_a_dim_cell_is_about_as_large_as_others(usual: float, expected: bool) -> None:
    assert in_focus(image(1.0), PixelMask.of(disc()), usual) == expected


def test_a_dim_cell_has_no_dents() -> None:
    bent = disc()
    bent[MIDDLE[0] :, MIDDLE[1] :] = False
    assert not in_focus(image(1.0), PixelMask.of(bent), None)


def test_a_dim_cell_may_touch_the_border() -> None:
    seen = image(1.0)[MIDDLE[0] :]
    assert in_focus(seen, PixelMask.of(disc()[MIDDLE[0] :]), None)

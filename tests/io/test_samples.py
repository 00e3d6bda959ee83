from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_sam2.io.samples import c2c12_movie, synthetic_movie


@pytest.mark.parametrize("kind", ["phase", "fluorescence"])
def test_same_seed_draws_the_same_movie(kind: Any) -> None:
    one, other = (synthetic_movie(kind, (96, 96), frames=3, cells=3, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.labels, other.labels)


def test_other_seed_draws_another_movie() -> None:
    one, other = (synthetic_movie("phase", (96, 96), 2, 3, seed=seed) for seed in (1, 2))
    assert (one.labels != other.labels).any()


def test_every_cell_is_there_on_every_frame_in_one_piece() -> None:
    labels = synthetic_movie().labels
    for frame in labels:
        for cell in range(1, 8):
            mask = frame == cell
            assert mask.sum() > 300
            assert ndimage.label(mask)[1] == 1


def test_cells_touch_in_the_middle_of_the_movie() -> None:
    labels = synthetic_movie().labels
    touching = [ndimage.binary_dilation(frame == 1) & (frame == 2) for frame in labels]
    assert not touching[0].any()
    assert max(pixels.sum() for pixels in touching) > 5


def test_cells_move_and_change_shape() -> None:
    labels = synthetic_movie().labels
    for cell in range(1, 8):
        first, last = labels[0] == cell, labels[-1] == cell
        assert (first & last).sum() / (first | last).sum() < 0.8


def test_phase_cells_are_dark_with_bright_halos() -> None:
    sample = synthetic_movie("phase", frames=1)
    inside = sample.labels > 0
    halo = ndimage.binary_dilation(inside, iterations=3) & ~inside
    far = ~ndimage.binary_dilation(inside, iterations=12)
    means = [sample.images[0][part[0]].mean() for part in (inside, far, halo)]
    assert means == sorted(means)


def test_too_many_cells_are_refused() -> None:
    with pytest.raises(ValueError, match=r"50 cells do not fit into \(64, 64\) pixels"):
        synthetic_movie("phase", (64, 64), 1, 50)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"kind": "electron"}, "kind must be"), ({"frames": 0}, "must be positive")],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        synthetic_movie(**options)


def test_c2c12_movie_comes_with_labels_and_attribution() -> None:
    sample = c2c12_movie()
    assert sample.images.shape == sample.labels.shape == (10, 234, 234)
    assert all(8 <= len(np.unique(frame)) - 1 <= 13 for frame in sample.labels)
    assert "10.1038/sdata.2018.237" in sample.attribution
    assert "Creative Commons Attribution 4.0" in sample.attribution

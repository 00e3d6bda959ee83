import numpy as np
import pytest

from napari_sam2.training.appearance import draw_appearance
from napari_sam2.training.batches import make_harder
from napari_sam2.training.config import Stage


def moving_square(frames: int = 3, step: int = 8) -> np.ndarray:
    labels = np.zeros((frames, 64, 64), np.uint16)
    for t in range(frames):
        labels[t, 20:36, 8 + t * step : 24 + t * step] = 7
    return labels


def draw(seed: int, labels: np.ndarray) -> np.ndarray:
    return draw_appearance(labels, np.random.default_rng(seed))


def test_same_seed_draws_the_same_clip() -> None:
    labels = moving_square()
    assert np.array_equal(draw(3, labels), draw(3, labels))


def test_another_seed_draws_another_clip() -> None:
    labels = moving_square()
    assert not np.array_equal(draw(3, labels), draw(4, labels))


def test_clip_has_the_shape_of_the_labels_in_bytes() -> None:
    images = draw(0, moving_square())
    assert images.shape == (3, 64, 64)
    assert images.dtype == np.uint8


def test_most_clips_show_the_object() -> None:
    labels = moving_square(frames=1)
    inside = labels[0] > 0

    def contrast(seed: int) -> float:
        image = draw(seed, labels)[0].astype(float)
        return abs(image[inside].mean() - image[~inside].mean())

    assert np.median([contrast(seed) for seed in range(20)]) > 20


def test_texture_moves_with_the_object() -> None:
    labels = moving_square()

    def correlation(seed: int) -> float:
        images = draw(seed, labels).astype(float)
        first, last = images[0, 22:34, 10:22], images[2, 22:34, 26:38]
        return float(np.corrcoef(first.ravel(), last.ravel())[0, 1])

    assert np.median([correlation(seed) for seed in range(20)]) > 0.6


@pytest.mark.parametrize("value", [0, 5])
def test_frames_of_background_or_of_one_object_alone_are_drawn(value: int) -> None:
    images = draw(1, np.full((2, 32, 32), value, np.uint16))
    assert images.std() >= 0  # nothing is divided by a distance or a size of zero
    assert images.shape == (2, 32, 32)


def test_a_field_larger_than_a_tile_of_texture_is_drawn() -> None:
    labels = np.zeros((1, 600, 40), np.uint16)
    labels[0, 100:130, 5:30] = 1
    assert draw(2, labels).shape == (1, 600, 40)


def test_a_stage_can_draw_all_its_clips_in_a_random_appearance() -> None:
    labels, images = moving_square(), np.zeros((3, 64, 64), np.uint8)
    stage = Stage(steps=1, redrawn=1.0)
    drawn, truth = make_harder(images, labels, [7], stage, np.random.default_rng(0))
    assert drawn.any()
    assert np.array_equal(truth, labels)

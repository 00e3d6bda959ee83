"""Synthetic clips: exact truth, sensible pictures, the same for the same seed."""

import time
from functools import cache

import numpy as np
import pytest

from napari_sam2.training.synthetic import KINDS, Clip, generate_clip
from napari_sam2.training.synthetic.cell_kinds import CELL_KINDS
from napari_sam2.training.synthetic.shapes import draw_shape, outline, radius_profile

SMALL = (96, 96)


@cache
def small_clip(kind: str, seed: int) -> Clip:
    """Four frames that several tests look at."""
    return generate_clip(kind, SMALL, 4, seed)


@cache
def family_clip(seed: int) -> Clip:
    """Eight frames of nuclei, long enough for divisions."""
    return generate_clip("nuclei", (128, 128), 8, seed)


def frames_of(clip: Clip, object_id: int) -> np.ndarray:
    return np.flatnonzero((clip.labels == object_id).any(axis=(1, 2)))


def polygon_area(points: np.ndarray) -> float:
    y, x = points.T
    return 0.5 * abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))))


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_gives_the_same_clip(kind):
    first, second = (generate_clip(kind, SMALL, 3, seed=5) for _ in range(2))
    assert np.array_equal(first.images, second.images)
    assert np.array_equal(first.labels, second.labels)
    assert first.parents == second.parents


def test_seed_and_kind_change_the_clip():
    clip = generate_clip("dic", SMALL, 1, seed=1)
    assert not np.array_equal(clip.images, generate_clip("dic", SMALL, 1, seed=2).images)
    assert not np.array_equal(clip.labels, generate_clip("brightfield", SMALL, 1, seed=1).labels)


@pytest.mark.parametrize("kind", KINDS)
def test_clip_has_shape_and_dtype_asked_for(kind):
    clip = generate_clip(kind, (64, 90), 4, seed=0)
    assert clip.images.shape == clip.labels.shape == (4, 64, 90)
    assert (clip.images.dtype, clip.labels.dtype) == (np.uint8, np.uint16)


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_counted_from_one_without_gaps(kind):
    for seed in range(4):
        ids = np.unique(small_clip(kind, seed).labels)
        assert np.array_equal(ids[ids > 0], np.arange(1, ids.max() + 1))


@pytest.mark.parametrize("kind", KINDS)
def test_no_clip_starts_empty(kind):
    for seed in range(6):
        assert (small_clip(kind, seed).labels[0] > 0).sum() > 30


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_use_the_range_of_the_camera(kind):
    for seed in range(4):
        images = small_clip(kind, seed).images[:2]
        low, high = np.percentile(images, (1, 99))
        assert high - low > 30
        assert np.mean(images == 255) < 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_cells_differ_from_what_is_between_them(kind):
    differences = []
    for seed in range(6):
        clip = small_clip(kind, seed)
        picture, cells = clip.images[0].astype(float), clip.labels[0] > 0
        if not 100 < cells.sum() < cells.size - 100:
            continue
        shift = abs(picture[cells].mean() - picture[~cells].mean())
        spread = abs(picture[cells].std() - picture[~cells].std())
        differences.append((shift + spread) / picture.std())
    assert np.median(differences) > 0.25


def test_mothers_end_where_their_daughters_start():
    families = 0
    for seed in range(5):
        clip = family_clip(seed)
        for daughter, mother in clip.parents.items():
            assert frames_of(clip, mother).max() < frames_of(clip, daughter).min()
            families += 1
    assert families > 4


def test_daughters_start_beside_their_mother():
    for seed in range(5):
        clip = family_clip(seed)
        for daughter, mother in clip.parents.items():
            born, last = frames_of(clip, daughter).min(), frames_of(clip, mother).max()
            if born != last + 1:
                continue
            before = np.argwhere(clip.labels[last] == mother)
            after = np.argwhere(clip.labels[born] == daughter)
            width = 2 * np.sqrt(len(before))
            assert np.linalg.norm(before.mean(0) - after.mean(0)) < width + 12


def test_budding_mother_goes_on():
    for seed in range(6):
        assert generate_clip("yeast", SMALL, 8, seed).parents == {}


def test_cells_leave_and_enter():
    left = entered = 0
    for seed in range(6):
        clip = generate_clip("phase_round", SMALL, 10, seed)
        daughters, mothers = set(clip.parents), set(clip.parents.values())
        for object_id in range(1, int(clip.labels.max()) + 1):
            seen = frames_of(clip, object_id)
            left += seen.max() < 9 and object_id not in mothers
            entered += seen.min() > 0 and object_id not in daughters
    assert left > 2
    assert entered > 2


def test_sizes_are_drawn_broadly():
    widths = []
    for seed in range(12):
        areas = np.bincount(generate_clip("phase_spread", (256, 256), 1, seed).labels.ravel())[1:]
        widths.append(np.sqrt(areas.max() * 4 / np.pi))
    assert min(widths) < 45
    assert max(widths) > 80


@pytest.mark.parametrize("kind", KINDS)
def test_outline_encloses_the_area_of_the_unit_disc(kind):
    rng = np.random.default_rng(3)
    shape = draw_shape(CELL_KINDS[kind], 0.05, rng)
    area = polygon_area(outline(shape, radius_profile(shape)))
    assert area == pytest.approx(np.pi, rel=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_takes_a_few_seconds_at_most(kind):
    start = time.process_time()
    generate_clip(kind, (256, 256), 8, seed=1)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "frogs"}, "kind must be one of phase_spread"),
        ({"kind": "dic", "shape": (16, 64)}, "at least 32 pixels"),
        ({"kind": "dic", "frames": 0}, "frames must be at least 1"),
        ({"kind": "dic", "seed": -1}, "seed must not be negative"),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        generate_clip(**arguments)

"""Frames are read one at a time and normalised alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from zarr.storage import MemoryStore

from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Tracker
from napari_sam2.tracking.windows import Window
from tests.worlds import World

from .tiny import clicked, equal, logits, run


class OneFrameAtATime:
    """An array that hands out single frames and writes down which ones."""

    def __init__(self, data: NDArray[Any]) -> None:
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim
        self.asked: list[int] = []
        self._data = data

    def __getitem__(self, key: Any) -> NDArray[Any]:
        first = key[0] if isinstance(key, tuple) else key
        frames = np.atleast_1d(np.arange(len(self._data))[first])
        assert len(frames) <= 1, f"{len(frames)} frames were read at once"
        self.asked += frames.tolist()
        return self._data[key]

    def __array__(self, *args: Any, **kwargs: Any) -> NDArray[Any]:
        raise AssertionError("the whole stack was read")


def test_click_reads_only_its_frame(tiny_model: Sam2, world: World) -> None:
    data = OneFrameAtATime(world.images)
    tracker = Tracker(tiny_model, Frames(data, contrast_limits=(0, 255)))
    tracker.add_points(5, 1, [world.centre(5, 1)], [1])
    assert data.asked == [5]


def test_propagation_reads_each_frame_once(tiny_model: Sam2, world: World) -> None:
    data = OneFrameAtATime(world.images)
    tracker = Tracker(tiny_model, Frames(data, contrast_limits=(0, 255)))
    tracker.add_points(0, 1, [world.centre(0, 1)], [1])
    run(tracker)
    assert data.asked == list(range(8))


def test_long_stack_is_measured_on_some_frames_only() -> None:
    data = OneFrameAtATime(np.random.default_rng(0).integers(0, 99, (100, 4, 5), np.uint8))
    frames = Frames(data)
    assert data.asked == []  # not before it is used
    assert len(frames.contrast_limits) == 2
    assert len(data.asked) <= 16
    assert {0, 99} <= set(data.asked)


def test_dask_is_read_one_frame_at_a_time(tiny_model: Sam2, world: World) -> None:
    data = OneFrameAtATime(world.images)
    lazy = dask.array.from_array(data, chunks=(1, 40, 56), asarray=False)
    data.asked.clear()
    tracker = Tracker(tiny_model, Frames(lazy, contrast_limits=(0, 255)))
    tracker.add_points(3, 1, [world.centre(3, 1)], [1])
    run(tracker, stop=6, direction="forward")
    assert data.asked == [3, 4, 5]


def test_zarr_is_read_one_frame_at_a_time(
    tiny_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    get = MemoryStore.get

    async def counting(store: MemoryStore, key: str, *args: Any, **kwargs: Any) -> Any:
        asked.append(key)
        return await get(store, key, *args, **kwargs)

    array = zarr.create_array(MemoryStore(), data=world.images, chunks=(1, 40, 56))
    tracker = Tracker(tiny_model, Frames(array, contrast_limits=(0, 255)))
    monkeypatch.setattr(MemoryStore, "get", counting)
    tracker.add_points(3, 1, [world.centre(3, 1)], [1])
    run(tracker, stop=6, direction="forward")
    assert asked == ["c/3/0/0", "c/4/0/0", "c/5/0/0"]


@pytest.mark.parametrize("kind", ["dask", "zarr", "memmap"])
def test_lazy_arrays_give_the_masks_of_plain_ones(
    tiny_model: Sam2, world: World, kind: str, tmp_path: Any
) -> None:
    np.save(tmp_path / "movie.npy", world.images)
    make = {
        "dask": lambda: dask.array.from_array(world.images, chunks=(2, 40, 56)),
        "zarr": lambda: zarr.array(world.images, chunks=(3, 40, 56)),
        "memmap": lambda: np.load(tmp_path / "movie.npy", mmap_mode="r"),
    }
    lazy = Tracker(tiny_model, make[kind](), clean=False)
    lazy.add_points(0, 1, [world.centre(0, 1)], [1])
    plain = clicked(tiny_model, world, 1)
    for tracker in (lazy, plain):
        run(tracker, stop=3)
    assert equal(logits(lazy), logits(plain))


@pytest.mark.parametrize(
    ("shape", "rgb", "expected"),
    [
        ((5, 4, 6), None, (5, 4, 6)),
        ((4, 6), None, (1, 4, 6)),
        ((5, 4, 6, 3), None, (5, 4, 6)),
        ((5, 4, 6, 4), None, (5, 4, 6)),
        ((4, 6, 3), True, (1, 4, 6)),
        ((4, 6, 4), True, (1, 4, 6)),
        ((5, 4, 3), None, (5, 4, 3)),  # three columns are no colours
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, bool])
def test_frames_of_any_shape_and_type(
    shape: tuple[int, ...], rgb: bool | None, expected: tuple[int, int, int], dtype: type
) -> None:
    data = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    frames = Frames(data, rgb=rgb)
    image = frames.read(len(frames) - 1)
    assert frames.shape == expected
    assert image.shape == (*expected[1:], 3)
    assert image.dtype == np.float32
    assert 0 <= image.min() <= image.max() <= 1


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("dtype", [np.uint16, np.float64])
def test_parts_of_a_view_are_those_of_the_frame(colour: bool, dtype: type) -> None:
    pixels = np.random.default_rng(0).normal(500, 100, (2, 30, 40, 4)).astype(dtype)
    frames = Frames(pixels if colour else pixels[..., 0], contrast_limits=(400, 600))
    whole, view = frames.read(1), frames.view(1)
    assert view.shape == (30, 40, 3 if colour else 1)
    for window in (Window(3, 5, 20, 30), Window(-4, -2, 50, 60)):
        np.testing.assert_array_equal(
            window.crop(view), window.crop(whole)[..., : view.shape[-1]], strict=True
        )


def test_view_of_a_memory_map_copies_nothing(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "frame.dat", np.uint16, "w+", shape=(64, 64))
    view = Frames(mapped, contrast_limits=(0, 10)).view(0)
    mapped[20, 30] = 5
    assert view[20:21, 30:31].item() == 0.5


def test_one_channel_becomes_three_equal_ones(world: World) -> None:
    image = Frames(world.images).read(0)
    np.testing.assert_array_equal(image[..., 0], image[..., 1])
    np.testing.assert_array_equal(image[..., 0], image[..., 2])


def test_colours_keep_their_order_and_lose_alpha() -> None:
    data = np.zeros((1, 2, 2, 4), np.uint8)
    data[...] = (0, 51, 255, 7)
    np.testing.assert_allclose(Frames(data).read(0)[0, 0], (0, 0.2, 1), rtol=1e-6)


def test_grey_frames_are_the_mean_of_the_colours_with_its_contrast() -> None:
    rng = np.random.default_rng(4)
    data = rng.integers(60, 90, (3, 12, 10, 4)).astype(np.uint8)
    grey = Frames(data).without_colour()
    plain = Frames(data[..., :3].astype(np.float32).mean(axis=-1))
    assert grey.is_rgb
    assert grey.channels == 1
    assert grey.contrast_limits == pytest.approx(plain.contrast_limits)
    assert grey.background == pytest.approx(plain.background)
    np.testing.assert_allclose(grey.read(2), plain.read(2), atol=1e-6)
    np.testing.assert_allclose(grey.view(2)[3:7, 2:], plain.view(2)[3:7, 2:], atol=1e-6)
    assert grey.clipped(1) == pytest.approx(plain.clipped(1))


def test_given_limits_hold_for_grey_frames() -> None:
    frames = Frames(np.full((1, 8, 8, 3), (30, 60, 90), np.uint8), contrast_limits=(0, 120))
    np.testing.assert_allclose(frames.without_colour().read(0), 0.5)


def test_grey_frames_have_no_colour_to_lose() -> None:
    frames = Frames(np.zeros((2, 8, 8), np.uint8))
    assert frames.without_colour() is frames


@pytest.mark.parametrize("sees_colour", [True, False])
def test_network_sees_colour_if_its_configuration_says_so(
    tiny_model: Sam2, world: World, sees_colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(tiny_model.config, sees_colour=sees_colour)
    monkeypatch.setattr(tiny_model, "config", config)
    coloured = np.stack([world.images, world.images // 2, world.images // 5], axis=-1)
    grey = coloured.astype(np.float32).mean(axis=-1)
    clicked_masks = [
        logits(clicked(tiny_model, replace(world, images=images), 1)) for images in (coloured, grey)
    ]
    assert equal(*clicked_masks) != sees_colour


def test_the_same_on_all_frames() -> None:
    data = np.zeros((3, 4, 4))
    data[0, :, :2], data[1, :, :2], data[2, :, :2] = 10, 20, 40  # a movie that gets brighter
    frames = Frames(data)
    levels = [frames.read(t)[0, 0, 0] for t in range(3)]
    np.testing.assert_allclose(levels, (0.25, 0.5, 1), rtol=1e-3)


def test_order_of_reading_changes_nothing(world: World) -> None:
    one, other = Frames(world.images), Frames(world.images)
    last = one.read(7)
    for t in range(7):
        other.read(t)
    np.testing.assert_array_equal(other.read(7), last)


def test_contrast_limits_are_what_the_network_sees() -> None:
    frames = Frames(np.array([[[0, 100, 150, 200, 999]]], np.uint16), contrast_limits=(100, 200))
    np.testing.assert_allclose(frames.read(0)[0, :, 0], (0, 0, 0.5, 1, 1))
    assert frames.contrast_limits == (100, 200)


def test_outliers_do_not_set_the_limits() -> None:
    data = np.random.default_rng(0).integers(100, 200, (4, 60, 60)).astype(np.uint16)
    data[0, 0, 0], data[1, 0, 0] = 65535, 0
    low, high = Frames(data).contrast_limits
    assert 100 <= low < 105
    assert 195 < high < 200


def test_twelve_bits_use_the_whole_range() -> None:
    data = np.linspace(200, 900, 8 * 40 * 50).reshape(8, 40, 50).astype(np.uint16)
    frames = Frames(data)
    assert frames.read(0).min() < 0.01
    assert frames.read(7).max() > 0.99


@given(
    offset=st.floats(-1e7, 1e7),
    span=st.floats(1e-3, 1e7),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_floats_of_any_range_use_the_whole_range(offset: float, span: float, dtype: type) -> None:
    data = (offset + span * np.linspace(0, 1, 400).reshape(4, 10, 10)).astype(dtype)
    if len(np.unique(data)) < 200:
        return  # this range is too narrow for the type
    frames = Frames(data)
    assert frames.read(0).min() < 0.01
    assert frames.read(3).max() > 0.99
    middle = np.concatenate([frames.read(t).ravel() for t in range(4)])
    assert 0.45 < middle.mean() < 0.55


def test_tiny_floats_use_the_whole_range() -> None:
    data = 1e-15 * np.linspace(0, 1, 400).reshape(4, 10, 10)
    frames = Frames(data)
    assert frames.read(0).min() < 0.01
    assert frames.read(3).max() > 0.99


def test_few_bright_pixels_on_black_keep_their_grey_levels() -> None:
    data = np.zeros((1, 200, 200), np.uint8)
    data[0, 50, 50:54] = (50, 100, 150, 200)  # fewer than one in a thousand
    np.testing.assert_allclose(Frames(data).read(0)[50, 50:54, 0], (0.25, 0.5, 0.75, 1))


@pytest.mark.parametrize("value", [0, 1, 255])
def test_constant_image_is_one_level(tiny_model: Sam2, value: int) -> None:
    data = np.full((2, 40, 56), value, np.uint8)
    image = Frames(data).read(0)
    assert (image == image[0, 0, 0]).all()
    assert Tracker(tiny_model, data).add_points(0, 1, [(5, 5)], [1]).masks.shape == (1, 40, 56)


def test_nan_and_infinity_are_black_and_the_ends_of_the_range() -> None:
    data = np.tile(np.linspace(0, 1, 50), (2, 50, 1))
    data[0, 0, :3] = (np.nan, np.inf, -np.inf)
    frames = Frames(data)
    np.testing.assert_array_equal(frames.read(0)[0, :3, 0], (0, 1, 0))
    np.testing.assert_allclose(frames.contrast_limits, (0, 1), atol=0.01)


def test_stack_without_finite_values_is_refused() -> None:
    with pytest.raises(ValueError, match="no finite values"):
        Frames(np.full((2, 4, 4), np.nan)).read(0)


def test_bool_is_black_and_white() -> None:
    data = np.zeros((2, 10, 10), bool)
    data[0, :5] = True
    image = Frames(data).read(0)
    assert set(np.unique(image)) == {0.0, 1.0}
    np.testing.assert_array_equal(image[..., 0] == 1, data[0])


def test_data_are_left_as_they_were(world: World) -> None:
    data = world.images.astype(np.float32)
    copy = data.copy()
    frames = Frames(data)
    assert not frames.read(0).flags.writeable
    np.testing.assert_array_equal(data, copy)


@pytest.mark.parametrize("value", [0, -3, 1e9, 1e300])
def test_the_limits_of_one_level_are_limits(value: float) -> None:
    frames = Frames(np.full((2, 8, 8), value))
    low, high = frames.contrast_limits
    assert low == value < high
    assert not Frames(np.full((2, 8, 8), value), contrast_limits=(low, high)).read(0).any()

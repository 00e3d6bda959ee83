"""The square of the image that the network sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Tracker
from napari_sam2.tracking.masks import MaskRecord, Renderer
from napari_sam2.tracking.multi_scale_click import Look, most_convincing, overlap_with_cell
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.windows import (
    BORDER,
    Extent,
    Window,
    WindowGrid,
    is_small,
    join_extents,
    move_logits,
)

from .tiny import build_tiny_model

SHAPE = (600, 900)
extents = st.builds(
    lambda y, x, h, w: (float(y), float(x), float(min(y + h, 600)), float(min(x + w, 900))),
    st.integers(0, 599),
    st.integers(0, 899),
    st.integers(1, 600),
    st.integers(1, 900),
)


def grid(mode: str = "auto", shape: tuple[int, int] = SHAPE) -> WindowGrid:
    return WindowGrid(shape, 64, mode)


@given(extent=extents)
def test_window_holds_its_object_and_is_kept_for_it(extent: Extent) -> None:
    windows = grid()
    window = windows.choose(extent)
    assert window.contains(extent)
    assert windows.choose(extent, window) == window or window.contains(extent)


@given(extent=extents)
def test_whole_mode_knows_one_window(extent: Extent) -> None:
    assert grid("whole").choose(extent) == Window(0, 0, *SHAPE)


def test_small_object_is_enlarged_but_not_more_than_twice() -> None:
    window = grid().choose((300, 400, 306, 405))
    assert (window.height, window.width) == (32, 32)


def fine_grid() -> WindowGrid:
    """Windows from 16 pixels on, for an input of 64: objects up to 6 pixels are tiny."""
    return WindowGrid(SHAPE, 64, "auto", lambda: True)


def test_tiny_object_is_enlarged_four_times_where_that_is_wanted() -> None:
    window = fine_grid().choose((300, 400, 305, 404), is_click=True)
    assert (window.height, window.width) == (16, 16)
    assert window.contains((300, 400, 305, 404))
    assert fine_grid().choose((300, 400, 307, 404), is_click=True).width == 32
    assert grid().choose((300, 400, 305, 404), is_click=True).width == 32


@given(extent=extents)
def test_fine_window_holds_its_object_and_is_kept_for_it(extent: Extent) -> None:
    windows = fine_grid()
    window = windows.choose(extent, is_click=True)
    assert window.contains(extent)
    assert windows.choose(extent, window, is_click=True).contains(extent)


def test_tiny_object_is_tracked_in_a_usual_window() -> None:
    windows, tiny = fine_grid(), (300.0, 400.0, 304.0, 404.0)
    near, usual = windows.choose(tiny, is_click=True), windows.choose(tiny)
    assert (near.width, usual.width) == (16, 32)
    assert windows.choose(tiny, near) == usual
    assert windows.choose(tiny, usual, is_click=True) == near


def test_first_click_looks_from_nearer_where_objects_may_be_tiny() -> None:
    click = (300.0, 400.0, 300.0, 400.0)
    fine, usual = fine_grid().looks(click), grid().looks(click)
    assert [look.width for look in fine] == [16, *(look.width for look in usual)]
    assert fine_grid().looks(None) == grid().looks(None)


@pytest.mark.parametrize("mode", ["whole", "small"])
def test_fine_windows_are_for_the_mode_auto(mode: str) -> None:
    windows = WindowGrid(SHAPE, 64, mode, lambda: True)  # type: ignore[arg-type]
    assert windows.choose((300, 400, 303, 403), is_click=True).width > 16
    small = WindowGrid((20, 20), 64, "auto", lambda: True)
    assert small.choose((4, 4, 7, 7), is_click=True).width == 20


def test_large_object_is_seen_in_a_window_of_twice_its_size() -> None:
    window = grid().choose((200, 200, 300, 280))
    assert 160 <= window.height == window.width <= 260


def test_object_as_large_as_the_image_is_seen_in_the_whole_image() -> None:
    assert grid().choose((0, 0, 590, 890)) == Window(0, 0, *SHAPE)


def test_tiny_image_has_no_smaller_windows() -> None:
    assert grid(shape=(36, 36)).choose((10, 10, 14, 14)) == Window(0, 0, 36, 36)


def test_neighbours_share_a_window() -> None:
    windows = grid()
    assert windows.choose((300, 400, 305, 405)) == windows.choose((303, 402, 308, 407))


def test_object_keeps_its_window_until_it_nears_the_border() -> None:
    windows = grid()
    window = windows.choose((300, 400, 324, 424))
    seen = [windows.choose((300, x, 324, x + 24), window) for x in range(400, 500)]
    left = [x for x, other in zip(range(400, 500), seen, strict=True) if other != window]
    assert window.width == 64
    assert window.x0 + 64 - (left[0] + 24) < BORDER * 64 <= window.x0 + 64 - (left[0] + 23)


def test_object_that_is_not_seen_keeps_its_window() -> None:
    window = Window(64, 64, 64, 64)
    assert grid().choose(None, window) == window


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="auto, small or whole"):
        grid("best")


def test_crop_goes_on_past_the_border_with_its_last_pixels() -> None:
    image = np.arange(12).reshape(3, 4)
    crop = Window(-1, 2, 5, 4).crop(image)
    np.testing.assert_array_equal(crop[0], [2, 3, 3, 3])
    np.testing.assert_array_equal(crop[:, 0], [2, 2, 6, 10, 10])


def test_part_of_a_window_within_the_image() -> None:
    assert Window(-8, 4, 20, 20).within((40, 16)) == Window(0, 4, 12, 12)
    assert Window(3, 4, 5, 6, gain=2).within((40, 40)) == Window(3, 4, 5, 6, gain=2)


def test_crop_inside_is_no_copy() -> None:
    image = np.zeros((30, 40))
    assert np.shares_memory(Window(2, 3, 8, 8).crop(image), image)


@given(dy=st.integers(-3, 3), dx=st.integers(-3, 3))
def test_logits_move_by_whole_cells(dy: int, dx: int) -> None:
    logits = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    moved = move_logits(logits, Window(0, 0, 64, 64), Window(4 * dy, 4 * dx, 64, 64))
    expected = np.roll(logits, (-dy, -dx), (0, 1))
    kept = (slice(3, -3),) * 2
    np.testing.assert_allclose(moved[kept], expected[kept], atol=1e-6)


def test_logits_of_another_scale_are_at_the_same_place_in_the_image() -> None:
    shape, size = (128, 128), 32
    rows, columns = np.mgrid[:size, :size]
    logits = (6 - np.hypot(rows - 12, columns - 18)).astype(np.float32)
    source, target = Window(0, 0, 128, 128), Window(10, 30, 96, 96)
    masks = [
        Renderer(size, shape, clean=False).mask(
            MaskRecord((0, 0), crop, 0.0, size, 1.0, 3.0, np.zeros(4, np.float32), None, window)
        )
        for crop, window in ((logits, source), (move_logits(logits, source, target), target))
    ]
    union, overlap = (masks[0] | masks[1]).sum(), (masks[0] & masks[1]).sum()
    assert overlap / union > 0.97


def test_extents_of_masks() -> None:
    mask = np.zeros((20, 30), bool)
    assert PixelMask.of(mask).extent is None
    mask[3:7, 10:12] = True
    assert PixelMask.of(mask).extent == (3, 10, 7, 12)
    assert join_extents(None, (1, 2, 3, 4)) == (1, 2, 3, 4)
    assert join_extents((0, 5, 2, 9), (1, 2, 3, 4)) == (0, 2, 3, 9)


# the whole way, with a network that has windows


@pytest.fixture
def seeing() -> Sam2:
    model = build_tiny_model(draws=True)
    model.config = replace(model.config, windows="auto")
    return model


def movie() -> np.ndarray:
    """A bright square that walks across a field of three inputs a side."""
    frames = np.random.default_rng(0).integers(0, 40, (8, 192, 192)).astype(np.uint8)
    for t, frame in enumerate(frames):
        frame[90:102, 40 + 12 * t : 52 + 12 * t] = 220
    return frames


def painted(t: int) -> np.ndarray:
    return movie()[t] > 100


def test_object_that_walks_is_followed_by_its_window(seeing: Sam2) -> None:
    tracker = Tracker(seeing, Frames(movie()))
    for t in range(8):
        tracker.add_mask(t, 1, painted(t))
        np.testing.assert_array_equal(tracker.result(t, 1).masks[0], painted(t))
    windows = [tracker.snapshot(1).records[t].window for t in range(8)]
    assert len(set(windows)) > 1
    assert all(w.contains(PixelMask.of(painted(t)).extent) for t, w in enumerate(windows))


def test_memories_are_seen_through_the_window_of_now(seeing: Sam2) -> None:
    """A pass that starts on the far side must not depend on what the caches hold."""
    masks = []
    for memory_bytes in (2**24, 0):
        tracker = Tracker(seeing, Frames(movie()), memory_bytes=memory_bytes, cache_bytes=2**24)
        tracker.add_mask(0, 1, painted(0))
        tracker.add_mask(7, 1, painted(7))
        masks.append([result.masks for result in tracker.propagate()])
    np.testing.assert_array_equal(masks[0], masks[1])


def test_objects_far_apart_are_tracked_as_if_alone(seeing: Sam2) -> None:
    together = Tracker(seeing, Frames(movie()))
    far = np.zeros((192, 192), bool)
    far[8:20, 150:162] = True
    together.add_mask(0, 1, painted(0))
    together.add_mask(0, 2, far)
    alone = Tracker(seeing, Frames(movie()))
    alone.add_mask(0, 2, far)
    both = list(together.propagate(stop=4))
    one = list(alone.propagate(stop=4))
    for result, expected in zip(both, one, strict=True):
        np.testing.assert_array_equal(result.masks[1], expected.masks[0])


def test_click_on_a_small_thing_is_answered_through_a_small_window(seeing: Sam2) -> None:
    tracker = Tracker(seeing, Frames(movie()))
    tracker.add_box(0, 1, (88, 38, 104, 54))
    record = tracker.snapshot(1).records[0]
    assert record.window.height < 192
    assert record.window.contains((88, 38, 104, 54))


def test_looks_go_from_near_to_far() -> None:
    windows = grid().looks((300, 400, 300, 400))
    assert [w.width for w in windows] == [32, 64, 128, 256, 512, 900]
    assert all(w.contains((300, 400, 300, 400)) for w in windows)
    assert grid("whole").looks((300, 400, 300, 400)) == [Window(0, 0, *SHAPE)]


def look(side: int, disc: float, predicted_iou: float) -> MaskRecord:
    """A disc of that radius in the middle of a window of that side, in an image of 512."""
    rows, columns = np.mgrid[:32, :32]
    logits = disc * 32 / side - np.hypot(rows - 15.5, columns - 15.5)
    corner = 256 - side // 2
    window = Window(corner, corner, side, side)
    pointer = np.zeros(4, np.float32)
    crop = logits.astype(np.float32)
    return MaskRecord((0, 0), crop, 0.0, 32, predicted_iou, 3.0, pointer, None, window)


@pytest.mark.parametrize(
    ("discs", "ious", "best"),
    [
        ((20, 20, 60), (0.5, 0.5, 0.5), 0),  # found again from farther away
        ((8, 40, 41), (0.5, 0.5, 0.5), 2),  # a part of it from near, all of it from farther
        ((20, 40, 80), (0.1, 0.1, 0.9), 2),  # none agrees with another: the network's own opinion
    ],
)
def test_most_convincing_mask(discs: tuple[float, ...], ious: tuple[float, ...], best: int) -> None:
    looks = [
        look(128 << i, disc, iou) for i, (disc, iou) in enumerate(zip(discs, ious, strict=True))
    ]
    renderer = Renderer(32, (512, 512), clean=False)
    regions = [renderer.region(each) for each in looks]
    assert most_convincing([Look(each) for each in looks], regions) is looks[best]


def test_the_cell_under_the_click_weighs_as_much_as_the_predicted_iou() -> None:
    masks = [look(128, 20, 0.9), look(256, 40, 0.6), look(512, 80, 0.5)]
    regions = [Renderer(32, (512, 512), clean=False).region(each) for each in masks]
    looks = [Look(mask, overlap) for mask, overlap in zip(masks, (0.1, 0.7, 0.7), strict=True)]
    assert most_convincing(looks, regions) is masks[1]


def test_overlap_with_the_cell_under_the_click() -> None:
    mask = look(32, 8, 0.9)
    cell = torch.from_numpy(mask.logits() > 0)[None, None]
    assert overlap_with_cell(mask, cell) == 1.0
    assert overlap_with_cell(mask, ~cell) == 0.0
    assert overlap_with_cell(mask, None) == 0.0


def test_windows_of_an_official_network_in_a_field_of_2048_pixels() -> None:
    """By hand: sides 512, 1024 and 1536, since 0.7 of 2048 squared is 1713 squared."""
    windows = WindowGrid((2048, 2048), 1024, "auto")
    cell = (1000.0, 1000.0, 1018.0, 1018.0)  # 18 pixels: half a token of the whole field
    window = windows.choose(cell)
    assert (window.height, window.width) == (512, 512)
    assert (window.y0, window.x0) == (768, 768)  # steps of 256; the middle is at 1009
    assert [look.width for look in windows.looks(cell)] == [512, 1024, 2048]


@pytest.mark.parametrize(
    ("length", "side", "is_tiny"),
    [(18, 2048, True), (31, 2048, True), (33, 2048, False), (15, 1024, False)],
)
def test_object_narrower_than_a_token_is_small(length: float, side: int, is_tiny: bool) -> None:
    assert is_small(length, (side, side // 2), 1024) == is_tiny


@pytest.mark.parametrize(("mode", "first", "others"), [("whole", 1, 0), ("auto", 3, 1)])
def test_encoded_windows_of_clicks_by_hand(
    tiny_model: Sam2, monkeypatch: pytest.MonkeyPatch, mode: str, first: int, others: int
) -> None:
    """A frame of 128 pixels and an input of 64: windows of 32 and 64 pixels, and the frame.

    The mask of the second click is painted: it needs the window around it alone.
    """
    seen: list[int] = []
    encode = type(tiny_model).encode_frame

    def counting(self: Sam2, pixels: torch.Tensor) -> object:
        seen.append(len(pixels))
        return encode(self, pixels)

    monkeypatch.setattr(type(tiny_model), "encode_frame", counting)
    tracker = Tracker(tiny_model, np.random.default_rng(0).random((1, 128, 128)), windows=mode)
    tracker.add_points(0, 1, [(20, 20)], [1])
    looked = sum(seen)
    assert looked in (first, first + others)  # the mask may need a fourth window
    painted = np.zeros((128, 128), bool)
    painted[110:118, 110:118] = True
    tracker.add_mask(0, 2, painted)
    assert sum(seen) - looked == others


def test_only_tiny_objects_get_windows_where_the_user_wants_that() -> None:
    """A token of an input of 1024 pixels is 32 pixels of a field of 2048."""
    windows = WindowGrid((2048, 2048), 1024, "small")
    tiny, usual = (1000.0, 1000.0, 1018.0, 1018.0), (1000.0, 1000.0, 1040.0, 1040.0)
    window = windows.choose(tiny)
    assert (window.height, window.width) == (512, 512)
    assert windows.choose(usual) == windows.whole
    assert windows.choose(tiny, windows.whole) == window
    assert windows.choose((1000.0, 1000.0, 1036.0, 1036.0), window) == window, "it stays"
    assert windows.choose((1000.0, 1000.0, 1041.0, 1041.0), window) == windows.whole


def test_a_frame_that_is_not_shrunk_is_seen_whole() -> None:
    windows = WindowGrid((1000, 1000), 1024, "small")
    assert windows.choose((500, 500, 510, 510)) == windows.whole
    assert windows.finer_looks((500, 500, 500, 500), None) == []


@pytest.mark.parametrize(
    ("seen", "sides"),
    [
        (None, [512, 1024]),
        ((1000.0, 1000.0, 1018.0, 1018.0), [512, 1024]),
        ((1000.0, 1000.0, 1040.0, 1040.0), []),
    ],
)
def test_a_first_click_looks_closer_at_what_is_tiny_or_not_seen(
    seen: Extent | None, sides: list[int]
) -> None:
    windows = WindowGrid((2048, 2048), 1024, "small")
    click = (1009.0, 1009.0, 1009.0, 1009.0)
    assert windows.looks(click) == [windows.whole]
    assert [window.width for window in windows.finer_looks(click, seen)] == sides


def test_a_click_on_something_large_encodes_the_frame_alone(
    tiny_model: Sam2, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = Tracker(tiny_model, np.random.default_rng(0).random((1, 128, 128)), windows="small")
    tracker.add_points(0, 1, [(20, 20)], [1])
    record = tracker.snapshot(1).records[0]
    assert record.extent is not None
    assert record.extent[2] - record.extent[0] >= 32, "else random weights draw something tiny"
    assert record.window == Window(0, 0, 128, 128)
    as_whole = Tracker(tiny_model, tracker.frames, windows="whole")
    as_whole.add_points(0, 1, [(20, 20)], [1])
    np.testing.assert_array_equal(record.logits(), as_whole.snapshot(1).records[0].logits())


def test_a_tiny_object_is_followed_by_its_window_as_by_all_windows(tiny_model: Sam2) -> None:
    tracked = []
    for mode in ("small", "auto"):
        tracker = Tracker(tiny_model, movie(), windows=mode, area_guard=False)
        tracker.add_mask(0, 1, painted(0))
        list(tracker.propagate(stop=2))
        tracked.append(tracker.snapshot(1).records)
    assert tracked[0][1].window == tracked[1][1].window != Window(0, 0, 192, 192)
    np.testing.assert_array_equal(tracked[0][1].logits(), tracked[1][1].logits())

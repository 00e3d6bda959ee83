"""Whatever is put in: a clear error and everything as it was, or a result that makes sense."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Prompt, Tracker
from tests.worlds import HEIGHT, LENGTH, WIDTH, World, two_discs

from .tiny import build_tiny_model, clicked, logits, run

IMAGE = (HEIGHT, WIDTH)

frames_outside = st.integers(-(2**40), -1) | st.integers(LENGTH, 2**40)
numbers = st.floats(allow_nan=False, allow_infinity=False)
inside = st.tuples(st.floats(-0.5, HEIGHT - 0.5), st.floats(-0.5, WIDTH - 0.5))
beyond_y = st.floats(max_value=-0.51) | st.floats(min_value=HEIGHT - 0.49)
beyond_x = st.floats(max_value=-0.51) | st.floats(min_value=WIDTH - 0.49)
not_inside = st.tuples(beyond_y | st.just(np.nan), st.floats(0, WIDTH - 1)) | st.tuples(
    st.floats(0, HEIGHT - 1), beyond_x | st.just(np.nan)
)


class Bench:
    """A tracker that has tracked two discs, and how it looked before bad input came."""

    def __init__(self) -> None:
        self.tracker = clicked(build_tiny_model(), two_discs(), 1, 2)
        run(self.tracker, stop=4)
        self.states = {key: self.tracker.snapshot(key) for key in self.tracker.object_ids}
        self.before = self.look()

    def look(self) -> Any:
        """The very records and prompts, of which all else is a function."""
        states = {key: self.tracker.snapshot(key) for key in self.tracker.object_ids}
        return {key: (state.records, state.prompted) for key, state in states.items()}

    def refuses(self, call: Callable[[Tracker], Any], match: str) -> None:
        """The call raises a ValueError or TypeError that says why, and leaves all as it was."""
        try:
            with pytest.raises((ValueError, TypeError), match=match):
                call(self.tracker)
            assert self.is_as_before(), "the tracker is not as it was"
        finally:
            self.restore()

    def is_as_before(self) -> bool:
        return bool(self.look() == self.before)

    def restore(self) -> None:
        for object_id in self.tracker.object_ids:
            self.tracker.restore(object_id, self.states.get(object_id))


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


# Prompts


@given(t=frames_outside)
def test_frame_outside_the_stack_is_refused(bench: Bench, t: int) -> None:
    for call in (
        lambda tracker: tracker.add_points(t, 1, [(5, 5)], [1]),
        lambda tracker: tracker.add_points(t, 3, [(5, 5)], [1]),
        lambda tracker: tracker.add_box(t, 1, (2, 2, 9, 9)),
        lambda tracker: tracker.add_mask(t, 1, np.ones(IMAGE, bool)),
        lambda tracker: tracker.set_prompt(Prompt(t, 1, box=(2, 2, 9, 9))),
        lambda tracker: tracker.clear_prompts(t, 1),
        lambda tracker: tracker.labels(t),
        lambda tracker: tracker.encode(t),
    ):
        bench.refuses(call, f"frame {t} is outside the stack of {LENGTH} frames")


@pytest.mark.parametrize("t", [1.5, "1", None])
def test_frame_that_is_no_integer_is_refused(bench: Bench, t: Any) -> None:
    for call in (
        lambda tracker: tracker.add_points(t, 1, [(5, 5)], [1]),
        lambda tracker: tracker.clear_prompts(t, 1),
        lambda tracker: tracker.labels(t),
    ):
        bench.refuses(call, "integer")


@given(points=st.lists(inside, max_size=3), wrong=not_inside, sign=st.integers(0, 1))
def test_point_outside_the_image_is_refused(
    bench: Bench, points: list[Any], wrong: Any, sign: int
) -> None:
    points = [*points, wrong]
    bench.refuses(
        lambda tracker: tracker.add_points(0, 1, points, [sign] * len(points)),
        "outside the image|finite",
    )


@given(shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
def test_points_of_another_shape_are_refused(bench: Bench, shape: tuple[int, ...]) -> None:
    if len(shape) == 2 and shape[0] and shape[1] == 2:
        return
    points = np.ones(shape)
    labels = np.ones(shape[:1])
    bench.refuses(lambda tracker: tracker.add_points(0, 1, points, labels), r"points must be")


@given(labels=hnp.arrays(st.sampled_from([int, float]), hnp.array_shapes(max_dims=2, max_side=4)))
def test_labels_that_do_not_fit_the_points_are_refused(bench: Bench, labels: Any) -> None:
    if labels.shape == (2,) and np.isin(labels, (0, 1)).all():
        return
    bench.refuses(lambda tracker: tracker.add_points(0, 1, [(5, 5), (6, 6)], labels), "label")


@given(box=st.tuples(numbers, numbers, numbers, numbers))
def test_box_without_area_is_refused(bench: Bench, box: tuple[float, ...]) -> None:
    y0, x0, y1, x1 = box
    if y0 < y1 and x0 < x1:
        y0, y1 = y1, y0
    bench.refuses(lambda tracker: tracker.add_box(0, 1, (y0, x0, y1, x1)), "box must be")


@given(box=st.permutations([np.nan, 2.0, 7.0, 9.0]) | st.permutations([np.inf, 2.0, 7.0, -np.inf]))
def test_box_that_is_not_finite_is_refused(bench: Bench, box: list[float]) -> None:
    bench.refuses(lambda tracker: tracker.add_box(0, 1, box), "box must be")


@given(far=st.floats(1, 1e300), axis=st.integers(0, 1), is_before=st.booleans())
def test_box_beside_the_image_is_refused(
    bench: Bench, far: float, axis: int, is_before: bool
) -> None:
    low, high = np.array([2.0, 2.0]), np.array([9.0, 9.0])
    low[axis], high[axis] = (-far - 9, -far) if is_before else (60 + far, 69 + 2 * far)
    bench.refuses(lambda tracker: tracker.add_box(0, 1, (*low, *high)), "outside the image|must be")


@pytest.mark.parametrize("box", [(1, 2, 3), (1, 2, 3, 4, 5), [[1, 2], [3, 4]], "abcd", None, 7])
def test_what_is_no_box_is_refused(bench: Bench, box: Any) -> None:
    bench.refuses(lambda tracker: tracker.add_box(0, 1, box), "box must be")


def test_huge_box_is_one_round_the_image(tiny_model: Sam2, world: World) -> None:
    tracker = Tracker(tiny_model, world.images)
    result = tracker.add_box(0, 1, (-1e300, -1e300, 1e300, 1e300))
    assert np.isfinite(tracker.low_res_logits(0, 1)).all()
    assert result.masks.any()


@given(shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=50))
def test_mask_of_another_shape_is_refused(bench: Bench, shape: tuple[int, ...]) -> None:
    if shape == IMAGE:
        return
    bench.refuses(lambda tracker: tracker.add_mask(0, 1, np.ones(shape, bool)), "mask must")


@pytest.mark.parametrize("value", [np.nan, np.inf, "a", None, 1j])
def test_mask_of_what_is_no_number_is_refused(bench: Bench, value: Any) -> None:
    bench.refuses(lambda tracker: tracker.add_mask(0, 1, np.full(IMAGE, value)), "mask must")


def test_empty_mask_of_a_new_object_is_refused(bench: Bench) -> None:
    bench.refuses(
        lambda tracker: tracker.add_mask(0, 3, np.zeros(IMAGE)),
        "first add a prompt on another frame",
    )


@pytest.mark.parametrize("object_id", [0, -4, 2**31, 1.5, "2", None])
def test_object_id_that_is_no_label_is_refused(bench: Bench, object_id: Any) -> None:
    bench.refuses(lambda tracker: tracker.add_points(0, object_id, [(5, 5)], [1]), "object id")


def points_of(**changes: Any) -> Prompt:
    """A prompt with two points, put together by hand, of which something is wrong."""
    parts = {
        "points": np.full((2, 2), 5.0),
        "labels": np.ones(2, np.int8),
        "rounds": np.zeros(2, np.int32),
    }
    return Prompt(0, 1, **(parts | changes))


@pytest.mark.parametrize(
    "prompt",
    [
        points_of(points=np.full((3, 2), 5.0)),
        points_of(points=np.full((2, 3), 5.0)),
        points_of(points=np.full((2, 2), np.nan)),
        points_of(labels=np.ones(1, np.int8)),
        points_of(labels=np.full(2, 5, np.int8)),
        points_of(rounds=np.zeros(3, np.int32)),
        points_of(rounds=np.array([1, 0], np.int32)),
        points_of(rounds=np.array([-1, 0], np.int32)),
        points_of(box=(5, 5, 5, 9)),
        points_of(box=(5, np.nan, 7, 9)),
        points_of(mask=np.ones((3, 3), bool)),
        points_of(mask=np.full(IMAGE, np.nan)),
    ],
    ids=lambda prompt: "",
)
def test_prompt_whose_parts_do_not_fit_is_refused(bench: Bench, prompt: Prompt) -> None:
    bench.refuses(lambda tracker: tracker.set_prompt(prompt), r"must|one label|finite")


# Objects and ranges


@given(object_id=st.integers(3))
def test_unknown_object_is_refused(bench: Bench, object_id: int) -> None:
    for call in (
        lambda tracker: tracker.remove_object(object_id),
        lambda tracker: tracker.clear_prompts(0, object_id),
        lambda tracker: tracker.set_prompt(Prompt(0, object_id)),
        lambda tracker: tracker.result(0, object_id),
        lambda tracker: tracker.snapshot(object_id),
        lambda tracker: tracker.propagate(object_ids=[1, object_id]),
        lambda tracker: tracker.total_steps(object_ids=[object_id]),
    ):
        bench.refuses(call, f"unknown object {object_id}: the objects are 1, 2")


@given(start=st.integers(-20, 20), stop=st.integers(-20, 20))
def test_range_that_is_not_in_the_stack_is_refused(bench: Bench, start: int, stop: int) -> None:
    if 0 <= start < stop <= LENGTH:
        return
    bench.refuses(lambda tracker: tracker.propagate(start, stop), "not a range within the stack")


@pytest.mark.parametrize("direction", ["", "Forward", "sideways", None, 1])
def test_unknown_direction_is_refused(bench: Bench, direction: Any) -> None:
    bench.refuses(lambda tracker: tracker.propagate(direction=direction), "direction must be")


@pytest.mark.parametrize("setting", ["max_prompted_frames", "object_batch"])
def test_settings_below_one_are_refused(tiny_model: Sam2, world: World, setting: str) -> None:
    with pytest.raises(ValueError, match=setting):
        Tracker(tiny_model, world.images, **{setting: 0})


# Images


@given(shape=hnp.array_shapes(min_dims=0, max_dims=6, min_side=0, max_side=5), rgb=st.booleans())
def test_stack_of_another_shape_is_refused(shape: tuple[int, ...], rgb: bool) -> None:
    axes = shape[:-1] if rgb else shape
    if len(axes) in (2, 3) and 0 not in axes and (not rgb or shape[-1] in (3, 4)):
        assert len(Frames(np.zeros(shape), rgb=rgb)) == (axes[0] if len(axes) == 3 else 1)
        return
    with pytest.raises(ValueError, match=r"shape|must be"):
        Frames(np.zeros(shape), rgb=rgb)


@pytest.mark.parametrize(
    "data", [None, 7, [[1, 2], [3, 4]], "movie.tif", np.array([["a"]]), np.array([[None]]), 1j]
)
def test_what_is_no_array_of_numbers_is_refused(data: Any) -> None:
    with pytest.raises(TypeError, match=r"expected an array|pixels must be"):
        Frames(data)


def test_complex_pixels_are_refused() -> None:
    with pytest.raises(TypeError, match="pixels must be"):
        Frames(np.zeros((2, 3, 3), complex))


@pytest.mark.parametrize("limits", [(5, 5), (9, 2), (np.nan, 1), (0, np.inf), (1,), (1, 2, 3)])
def test_contrast_limits_that_are_no_range_are_refused(limits: Any) -> None:
    with pytest.raises(ValueError, match="contrast limits"):
        Frames(np.zeros((2, 3, 3)), contrast_limits=limits)


@pytest.mark.parametrize("t", [-1, 2, 2**40])
def test_frame_that_is_not_there_cannot_be_read(t: int) -> None:
    with pytest.raises(ValueError, match="outside the stack of 2 frames"):
        Frames(np.zeros((2, 3, 3))).read(t)


@given(
    data=hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.uint64, np.int8, bool]),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=4),
    )
)
@example(np.array([[[-1.7e308, 0, 1.7e308, np.nan, np.inf]]]))
@example(np.array([[[-(2**63), 0, 2**63 - 1]]]))
def test_any_pixels_are_read_as_numbers_from_0_to_1(data: np.ndarray) -> None:
    frames = Frames(data)
    if data.dtype.kind == "f" and not np.isfinite(data).any():
        with pytest.raises(ValueError, match="no finite values"):
            frames.read(0)
        return
    for t in range(len(frames)):
        image = frames.read(t)
        assert image.dtype == np.float32
        assert ((image >= 0) & (image <= 1)).all()


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 1e30])
def test_constant_movie_is_tracked(tiny_model: Sam2, value: float) -> None:
    tracker = Tracker(tiny_model, np.full((3, *IMAGE), value))
    tracker.add_points(0, 1, [(5, 5)], [1])
    assert scores_are_finite(list(tracker.propagate()))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_frame_without_numbers_is_tracked_through(
    tiny_model: Sam2, world: World, value: float
) -> None:
    images = world.images.astype(np.float32)
    images[2] = value
    tracker = clicked(tiny_model, world, 1)
    broken = Tracker(tiny_model, images, clean=False)
    broken.add_points(0, 1, [world.centre(0, 1)], [1])
    results = list(broken.propagate())
    assert [result.t for result in results] == list(range(LENGTH))
    assert scores_are_finite(results)
    run(tracker, stop=2)
    assert np.allclose(broken.low_res_logits(1, 1), tracker.low_res_logits(1, 1), atol=0.05)


def scores_are_finite(results: list[Any]) -> bool:
    values = [(result.predicted_iou, result.occlusion_score) for result in results]
    return bool(np.isfinite(values).all())


# Frames that cannot be read


class BrokenMovie:
    """A movie of which a frame cannot be read while it is broken."""

    def __init__(self, images: np.ndarray, broken: int) -> None:
        self.shape, self.dtype = images.shape, images.dtype
        self.broken: int | None = broken
        self._images = images

    def __getitem__(self, key: Any) -> np.ndarray:
        if key == self.broken:
            raise OSError("the drive is gone")
        return self._images[key]


@pytest.fixture
def movie(world: World) -> BrokenMovie:
    return BrokenMovie(world.images, broken=3)


def track_broken(model: Sam2, world: World, movie: BrokenMovie) -> Tracker:
    tracker = Tracker(model, Frames(movie, contrast_limits=(0, 255)), clean=False)
    tracker.add_points(0, 1, [world.centre(0, 1)], [1])
    return tracker


def test_click_on_a_frame_that_cannot_be_read_changes_nothing(
    any_model: Sam2, world: World, movie: BrokenMovie
) -> None:
    tracker = track_broken(any_model, world, movie)
    for object_id in (1, 2):
        with pytest.raises(OSError, match="the drive is gone"):
            tracker.add_points(3, object_id, [(5, 5)], [1])
    assert tracker.object_ids == (1,)
    assert tracker.prompt(3, 1) is None
    assert tracker.result(3, 1) is None


def test_frame_that_cannot_be_read_ends_a_propagation_that_can_be_taken_up_again(
    any_model: Sam2, world: World, movie: BrokenMovie
) -> None:
    tracker = track_broken(any_model, world, movie)
    results = tracker.propagate()
    assert [result.t for result in islice(results, 3)] == [0, 1, 2]
    with pytest.raises(OSError, match="the drive is gone"):
        next(results)
    assert {t for t, _ in logits(tracker)} == {0, 1, 2}
    movie.broken = None
    assert run(tracker, start=3) == [3, 4, 5, 6, 7]
    whole = track_broken(any_model, world, movie)
    run(whole)
    for key, found in logits(whole).items():
        np.testing.assert_array_equal(logits(tracker)[key], found)

"""What a person gives for one object on one frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.tracking import Prompt


def test_new_prompt_is_empty() -> None:
    prompt = Prompt(3, 7)
    assert prompt.is_empty
    assert prompt.round_numbers() == []
    assert (prompt.points.shape, prompt.labels.shape) == ((0, 2), (0,))


def test_points_of_one_call_are_one_round() -> None:
    prompt = Prompt(0, 1).with_points([(1, 2), (3, 4)], [1, 0]).with_points([(5, 6)], [1])
    assert prompt.rounds.tolist() == [0, 0, 1]
    assert prompt.points.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert prompt.labels.tolist() == [1, 0, 1]
    assert (prompt.points.dtype, prompt.labels.dtype, prompt.rounds.dtype) == (
        np.float64,
        np.int8,
        np.int32,
    )


def test_prompt_is_never_changed_in_place() -> None:
    first = Prompt(0, 1).with_points([(1, 2)], [1])
    first.with_points([(3, 4)], [0])
    first.with_box((0, 0, 5, 5))
    first.without_point(0)
    assert first.points.tolist() == [[1, 2]]
    assert first.box is None


def test_box_is_a_round_of_its_own_before_later_clicks() -> None:
    prompt = Prompt(0, 1).with_box((0, 1, 5, 6)).with_points([(1, 2)], [0])
    assert prompt.box == (0.0, 1.0, 5.0, 6.0)
    assert prompt.round_numbers() == [0, 1]


def test_box_after_clicks_joins_the_first_round() -> None:
    prompt = Prompt(0, 1).with_points([(1, 2)], [1]).with_box((0, 1, 5, 6))
    assert prompt.round_numbers() == [0]


def test_painted_mask_takes_the_place_of_everything_else() -> None:
    painted = np.eye(4, dtype=bool)
    prompt = Prompt(2, 5).with_points([(1, 2)], [1]).with_box((0, 0, 2, 2)).with_mask(painted)
    assert (prompt.t, prompt.object_id, prompt.box) == (2, 5, None)
    assert not len(prompt.points)
    np.testing.assert_array_equal(prompt.mask, painted)


def test_painted_mask_is_kept_as_it_was_given() -> None:
    painted = np.eye(4, dtype=bool)
    prompt = Prompt(0, 1).with_mask(painted)
    painted[:] = False
    assert prompt.mask.full().sum() == 4


def test_numbers_become_a_mask() -> None:
    prompt = Prompt(0, 1).with_mask([[0, 3], [0.0, 1.0]])
    assert prompt.mask.full().tolist() == [[False, True], [False, True]]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_without_point_leaves_out_just_that_one(index: int) -> None:
    prompt = Prompt(0, 1).with_points([(0, 0), (1, 1), (2, 2)], [1, 0, 1]).without_point(index)
    rest = [k for k in range(3) if k != index]
    assert prompt.points[:, 0].tolist() == rest
    assert prompt.labels.tolist() == [(1, 0, 1)[k] for k in rest]


def test_prompt_without_its_last_point_is_empty() -> None:
    assert Prompt(0, 1).with_points([(0, 0)], [1]).without_point(0).is_empty


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (Prompt(0, 1).with_points([(0, 0)], [1]), True),
        (Prompt(0, 1).with_points([(0, 0)], [0]), False),
        (Prompt(0, 1).with_points([(0, 0), (1, 1)], [0, 1]), True),
        (Prompt(0, 1).with_points([(0, 0)], [0]).with_points([(1, 1)], [1]), False),
        (Prompt(0, 1).with_box((0, 0, 2, 2)), True),
        (Prompt(0, 1).with_mask(np.eye(3)).with_points([(0, 0)], [0]), True),
        (Prompt(0, 1).with_mask(np.zeros((3, 3))).with_points([(0, 0)], [0]), False),
        (Prompt(0, 1), False),
    ],
)
def test_shows_object_where_it_was_pointed_at_by_the_first_round(
    prompt: Prompt, expected: bool
) -> None:
    assert prompt.shows_object(0) is expected


GIVEN = Prompt(3, 1).with_points([[2, 3]], [1])


@pytest.mark.parametrize(
    "other",
    [
        Prompt(4, 1).with_points([[2, 3]], [1]),
        Prompt(3, 1).with_points([[2, 4]], [1]),
        Prompt(3, 1).with_points([[2, 3]], [0]),
        GIVEN.with_points([[2, 3]], [1]),
        GIVEN.with_box((0, 0, 5, 5)),
        Prompt(3, 1).with_mask(np.eye(8, dtype=bool)),
    ],
)
def test_digest_differs_where_something_else_was_given(other: Prompt) -> None:
    assert other.digest != GIVEN.digest


@pytest.mark.parametrize(
    ("prompt", "number", "place"),
    [
        (Prompt(0, 1).with_points([(1, 2)], [1]), 0, (1, 2)),
        (Prompt(0, 1).with_points([(1, 2)], [1]).with_points([(3, 4)], [1]), 0, (1, 2)),
        (Prompt(0, 1).with_points([(1, 2)], [1]).with_points([(3, 4)], [1]), 1, None),
        (Prompt(0, 1).with_points([(1, 2), (3, 4)], [1, 1]), 0, None),
        (Prompt(0, 1).with_points([(1, 2)], [0]), 0, None),
        (Prompt(0, 1).with_points([(1, 2)], [1]).with_box((0, 1, 5, 6)), 0, None),
        (Prompt(0, 1).with_mask(np.eye(4, dtype=bool)).with_points([(1, 2)], [1]), 0, None),
        (Prompt(0, 1).with_box((0, 1, 5, 6)), 0, None),
    ],
    ids=["alone", "first", "second", "two at once", "excludes", "box", "mask", "no click"],
)
def test_a_single_click_has_nothing_before_it(
    prompt: Prompt, number: int, place: tuple[float, float] | None
) -> None:
    assert prompt.single_click(number) == place


def test_digest_is_the_same_for_another_object() -> None:
    assert replace(GIVEN, object_id=9).digest == GIVEN.digest

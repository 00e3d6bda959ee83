import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from napari_sam2.annotation import AnnotatedObject, Annotation
from napari_sam2.annotation.actions import SetObject, Touched, describe_prompt, run_lengths
from napari_sam2.io.rle import encode_rle
from napari_sam2.tracking import Prompt

from .helpers import click
from .stand_in import StandInTracker


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)))
def test_run_lengths_rebuild_the_mask(mask: np.ndarray) -> None:
    counts = run_lengths(mask)
    values = np.arange(len(counts)) % 2 == 1
    assert np.array_equal(np.repeat(values, counts).reshape(mask.shape, order="F"), mask)


def test_run_lengths_begin_with_background() -> None:
    assert run_lengths(np.array([[True, True, False]])) == [0, 2, 1]


def test_painted_mask_is_described_as_in_a_prompt_file() -> None:
    mask = np.array([[False, True], [True, True]])
    assert describe_prompt(Prompt(0, 1, mask=mask))["mask"] == encode_rle(mask)


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        (None, AnnotatedObject(3), "add object"),
        (AnnotatedObject(3), None, "remove object"),
        (AnnotatedObject(3), AnnotatedObject(3, "a"), "change object"),
    ],
)
def test_object_action_describes_what_it_does(before, after, name) -> None:
    assert SetObject(3, before, after).describe()["action"] == name


def test_inverse_of_adding_an_object_is_removing_it() -> None:
    added = SetObject(3, None, AnnotatedObject(3, "mother"))
    assert added.inverse() == SetObject(3, AnnotatedObject(3, "mother"), None)


def test_union_of_touched_has_all_parts() -> None:
    parts = [
        Touched(frozenset({1})),
        Touched(frozenset({2}), frozenset({(2, 5)})),
        Touched(objects=True),
    ]
    assert Touched.union(parts) == Touched(frozenset({1, 2}), frozenset({(2, 5)}), True)


def test_history_is_plain_data(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    annotation.add_box(1, 1, (2, 2, 9, 9.5))
    annotation.add_mask(2, 2, np.eye(*annotation.shape[1:], dtype=bool))
    list(annotation.propagate(0, 3, "both", [1]))
    annotation.clear_prompts(1, 1)
    annotation.remove_object(2)
    data = [group.describe() for group in annotation.history]
    assert json.loads(json.dumps(data)) == data


def test_prompt_describes_all_that_was_given(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    annotation.add_box(2, 4, (1, 2, 9, 12))
    annotation.add_points(2, 4, [[3, 4], [5, 6]], [1, 0])
    (action,) = annotation.history[-1].actions
    assert action.describe() == {
        "action": "prompt",
        "frame": 2,
        "object": 4,
        "points": [[3, 4], [5, 6]],
        "labels": [1, 0],
        "rounds": action.after.rounds.tolist(),
        "box": [1, 2, 9, 12],
    }


def test_propagation_describes_the_frames_it_wrote(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    results = annotation.propagate(0, 4, "forward")
    next(results)
    next(results)
    results.close()
    assert annotation.history[-1].describe() == {
        "action": "propagate",
        "start": 0,
        "stop": 4,
        "direction": "forward",
        "objects": [1],
        "frames": [0, 1],
    }


def test_inverse_of_the_inverse_is_the_action(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    list(annotation.propagate(0, 3))
    annotation.remove_object(1)
    for group in annotation.history:
        twice = group.inverse().inverse()
        assert twice.describe() == group.describe()
        assert [vars(action) for action in twice.actions] == [
            vars(action) for action in group.actions
        ]


def test_inverse_of_a_propagation_says_so(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    list(annotation.propagate())
    inverse = annotation.history[-1].inverse().describe()
    assert inverse["action"] == "take back propagation"
    assert inverse["frames"] == [0, 1, 2, 3, 4]

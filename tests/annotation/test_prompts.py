import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.tracking import Prompt

from .helpers import click, mask, seen
from .stand_in import StandInTracker


def test_click_writes_the_mask_of_its_result(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    result = annotation.add_points(1, 3, [tracker.centres[1, 0]], [1])
    assert result.masks.any()
    assert np.array_equal(mask(annotation, 1, 3), result.masks[0])


def test_click_changes_its_frame_only(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    list(annotation.propagate())
    before = annotation.labels.copy()
    annotation.add_points(2, 1, [[1, 1]], [1])
    changed = (annotation.labels != before).any(axis=(1, 2))
    assert changed.tolist() == [False, False, True, False, False]


def test_labels_are_written_in_place(annotation: Annotation, tracker: StandInTracker) -> None:
    labels = annotation.labels
    click(annotation, tracker, 1)
    list(annotation.propagate())
    assert annotation.labels is labels
    assert labels[4].any()


def test_only_pixels_of_the_object_are_touched(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    for object_id in (1, 2, 3):
        click(annotation, tracker, object_id)
    before = annotation.labels.copy()
    annotation.add_points(0, 4, [tracker.centres[0, 3]], [1])
    changed = before != annotation.labels
    assert (annotation.labels[changed] == 4).all()


def test_removing_the_only_point_empties_the_frame(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    assert annotation.remove_point(0, 1, 0) is None
    assert not annotation.labels.any()
    assert annotation.prompt(0, 1) is None


def test_removing_a_point_leaves_the_others(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    approved = mask(annotation, 0, 1).copy()
    annotation.add_points(0, 1, [[1, 1]], [1])
    annotation.remove_point(0, 1, 1)
    assert np.array_equal(mask(annotation, 0, 1), approved)


def test_cleared_frame_goes_back_to_its_propagated_mask(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    list(annotation.propagate())
    propagated = mask(annotation, 2, 1).copy()
    annotation.add_points(2, 1, [[1, 1]], [1])
    annotation.clear_prompts(2, 1)
    assert np.array_equal(mask(annotation, 2, 1), propagated)


def test_prompt_is_replaced_by_another(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    annotation.set_prompt(Prompt(0, 1).with_box((2, 3, 6, 8)))
    assert annotation.prompt(0, 1).box == (2, 3, 6, 8)
    assert mask(annotation, 0, 1).sum() == 5 * 6


def test_removed_box_leaves_the_clicks(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    alone = mask(annotation, 0, 1).copy()
    annotation.add_box(0, 1, (2, 3, 6, 8))
    annotation.remove_box(0, 1)
    assert annotation.prompt(0, 1).box is None
    assert np.array_equal(mask(annotation, 0, 1), alone)


def test_removed_box_leaves_nothing_where_it_was_all(annotation: Annotation) -> None:
    annotation.add_box(0, 1, (2, 3, 6, 8))
    annotation.remove_box(0, 1)
    assert annotation.prompts() == ()


def test_empty_prompt_clears(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    annotation.set_prompt(Prompt(0, 1))
    assert annotation.prompts() == ()


def test_clearing_where_nothing_was_prompted_is_no_step(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    annotation.add_object(2)
    steps = len(annotation.history)
    assert annotation.clear_prompts(3, 1) is None
    assert annotation.clear_prompts(3, 2) is None
    assert len(annotation.history) == steps


def test_score_is_that_of_the_result(annotation: Annotation, tracker: StandInTracker) -> None:
    result = annotation.add_points(1, 3, [tracker.centres[1, 0]], [1])
    score = annotation.score(1, 3)
    assert (score.predicted_iou, score.occlusion_score) == (
        result.predicted_iou[0],
        result.occlusion_score[0],
    )


def test_no_score_without_a_mask(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    annotation.add_object(2)
    assert annotation.score(1, 1) is None
    assert annotation.score(0, 2) is None


BAD_PROMPTS = {
    "frame": lambda a: a.add_points(99, 1, [[2, 2]], [1]),
    "negative frame": lambda a: a.add_points(-1, 1, [[2, 2]], [1]),
    "point outside": lambda a: a.add_points(0, 1, [[-7, 2]], [1]),
    "labels": lambda a: a.add_points(0, 1, [[2, 2]], [1, 0]),
    "empty box": lambda a: a.add_box(0, 1, (4, 4, 4, 9)),
    "mask shape": lambda a: a.add_mask(0, 1, np.ones((3, 3), bool)),
    "clear frame": lambda a: a.clear_prompts(99, 1),
    "clear frame of an object without prompts": lambda a: a.clear_prompts(99, 5),
    "no such box": lambda a: a.remove_box(2, 1),
    "no such point": lambda a: a.remove_point(0, 1, 3),
    "no such point on frame": lambda a: a.remove_point(2, 1, 0),
    "range": lambda a: list(a.propagate(3, 99)),
    "direction": lambda a: list(a.propagate(direction="sideways")),
    "object of propagation": lambda a: list(a.propagate(object_ids=[77])),
}


@pytest.mark.parametrize("call", BAD_PROMPTS.values(), ids=BAD_PROMPTS)
@pytest.mark.parametrize("with_redo", [False, True])
def test_bad_input_changes_nothing(
    annotation: Annotation, tracker: StandInTracker, call, with_redo: bool
) -> None:
    annotation.add_object(5)
    click(annotation, tracker, 1)
    if with_redo:
        click(annotation, tracker, 2)
        annotation.undo()
    before = seen(annotation), annotation.undo_text, annotation.redo_text
    with pytest.raises(ValueError):
        call(annotation)
    assert (seen(annotation), annotation.undo_text, annotation.redo_text) == before


@pytest.mark.parametrize("t", [1.5, "1", None])
def test_frame_is_an_integer(annotation: Annotation, t: object) -> None:
    with pytest.raises(TypeError, match="frame must be an integer"):
        annotation.add_points(t, 1, [[2, 2]], [1])


def test_error_of_the_tracker_comes_unchanged(
    annotation: Annotation, tracker: StandInTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ValueError("the very same")

    def refuse(*args: object) -> None:
        raise error

    monkeypatch.setattr(tracker, "add_box", refuse)
    with pytest.raises(ValueError) as caught:
        annotation.add_box(0, 1, (1, 1, 3, 3))
    assert caught.value is error


def test_prompt_is_shown_as_the_tracker_has_it(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    assert isinstance(annotation.prompt(0, 1), Prompt)
    assert annotation.prompts() == (annotation.prompt(0, 1),)


def test_undo_goes_back_one_guess(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    annotation.next_guess(0, 1)
    annotation.next_guess(0, 1)
    seen_guesses = [annotation.prompt(0, 1).guess]
    for _ in range(2):
        annotation.undo()
        seen_guesses.append(annotation.prompt(0, 1).guess)
    assert seen_guesses == [3, 2, 1]
    annotation.undo()
    assert annotation.prompt(0, 1) is None


def test_guess_of_a_frame_without_a_click_is_refused(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    with pytest.raises(ValueError, match="no click on frame 3"):
        annotation.next_guess(3, 1)

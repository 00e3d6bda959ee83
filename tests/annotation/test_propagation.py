import numpy as np
import pytest

from napari_sam2.annotation import Annotation

from .helpers import click, mask, seen
from .stand_in import StandInTracker


def test_labels_are_written_frame_by_frame(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    for result in annotation.propagate():
        assert mask(annotation, result.t, 1).any()
        assert not annotation.labels[result.t + 1 :].any()


def test_both_ways_is_the_default(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1, t=2)
    assert annotation.total_steps() == 5
    assert {result.t for result in annotation.propagate()} == set(range(5))


def test_corrected_frame_keeps_its_mask_after_any_propagation(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    for object_id in (1, 2, 3, 4):
        click(annotation, tracker, object_id)
    list(annotation.propagate())
    annotation.add_points(2, 1, [tracker.centres[2, 1]], [1])
    approved = mask(annotation, 2, 1).copy()
    list(annotation.propagate(object_ids=[2]))
    list(annotation.propagate(direction="both"))
    list(annotation.propagate(1, 4, "backward", [4, 3]))
    assert approved.any()
    assert np.array_equal(mask(annotation, 2, 1), approved)


def test_propagation_of_one_object_leaves_the_scores_of_others(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    list(annotation.propagate())
    scores = [annotation.score(t, 1) for t in range(5)]
    click(annotation, tracker, 3, t=2)
    list(annotation.propagate(object_ids=iter([3])))
    assert [annotation.score(t, 1) for t in range(5)] == scores


@pytest.mark.parametrize("count", [1, 2, 4])
def test_closed_early_it_is_one_step(
    annotation: Annotation, tracker: StandInTracker, count: int
) -> None:
    click(annotation, tracker, 1)
    before = seen(annotation)
    results = annotation.propagate()
    for _ in range(count):
        next(results)
    results.close()
    written = seen(annotation)
    assert [bool(annotation.labels[t].any()) for t in range(5)] == [t < count for t in range(5)]
    annotation.undo()
    assert seen(annotation) == before
    annotation.redo()
    assert seen(annotation) == written


def test_failed_half_way_it_is_one_step(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    before = seen(annotation)
    tracker.fail_on = 3
    with pytest.raises(RuntimeError, match="failed on frame 3"):
        list(annotation.propagate())
    assert annotation.labels[2].any()
    assert annotation.undo() == "track 1 cell over 3 frames"
    assert seen(annotation) == before


def test_failed_at_once_it_is_no_step(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    click(annotation, tracker, 2)
    annotation.undo()
    tracker.fail_on = 0
    with pytest.raises(RuntimeError):
        list(annotation.propagate())
    assert (len(annotation.history), annotation.can_redo) == (1, True)


def test_never_started_it_is_no_step(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    annotation.propagate().close()
    assert len(annotation.history) == 1


def test_without_prompts_it_is_no_step(annotation: Annotation) -> None:
    assert list(annotation.propagate()) == []
    assert annotation.history == ()


def test_running_it_can_be_undone(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    before = seen(annotation)
    results = annotation.propagate()
    next(results)
    next(results)
    assert annotation.undo_text == "track 1 cell over 2 frames"
    annotation.undo()
    assert seen(annotation) == before


def test_undo_ends_it(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    results = annotation.propagate()
    next(results)
    next(results)
    annotation.undo()
    assert list(results) == []
    assert annotation.redo_text == "track 1 cell over 2 frames"


def test_running_it_clears_redo(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    click(annotation, tracker, 2)
    annotation.undo()
    results = annotation.propagate()
    next(results)
    assert (annotation.can_redo, annotation.redo()) == (False, None)


def test_redo_of_nothing_does_not_split_it(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    results = annotation.propagate()
    next(results)
    assert annotation.redo() is None
    assert len(list(results)) == 4
    assert annotation.undo_text == "track 1 cell over 5 frames"


def test_click_between_two_frames_is_a_step_of_its_own(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    states = [seen(annotation)]
    results = annotation.propagate()
    next(results)
    next(results)
    states.append(seen(annotation))
    annotation.add_points(0, 1, [[1, 1]], [1])
    states.append(seen(annotation))
    assert len(list(results)) == 3
    final = seen(annotation)
    for state in reversed(states):
        annotation.undo()
        assert seen(annotation) == state
    while annotation.redo():
        pass
    assert seen(annotation) == final


def test_bad_click_between_two_frames_does_not_split_it(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    results = annotation.propagate()
    next(results)
    with pytest.raises(ValueError):
        annotation.add_points(0, 1, [[-99, 1]], [1])
    list(results)
    assert annotation.undo_text == "track 1 cell over 5 frames"


def test_two_propagations_may_take_turns(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    click(annotation, tracker, 3)
    before = seen(annotation)
    results = [annotation.propagate(object_ids=[object_id]) for object_id in (1, 3)]
    for one, other in zip(*results, strict=True):
        assert one.t == other.t
    assert annotation.labels[4].any()
    while len(annotation.history) > 2:
        annotation.undo()
    assert seen(annotation) == before


def test_history_counts_a_running_one(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    results = annotation.propagate()
    next(results)
    assert len(annotation.history) == 2


def test_steps_are_those_of_the_tracker(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1, t=2)
    expected = annotation.total_steps(direction="both")
    assert len(list(annotation.propagate(direction="both"))) == expected == 5


@pytest.mark.parametrize("change", ["undo", "redo"])
def test_undo_and_redo_end_one_that_has_not_begun(
    annotation: Annotation, tracker: StandInTracker, change: str
) -> None:
    click(annotation, tracker, 1)
    click(annotation, tracker, 2)
    annotation.undo()
    results = annotation.propagate()
    getattr(annotation, change)()
    assert list(results) == []


def test_object_removed_between_two_frames_stays_away(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    click(annotation, tracker, 3)
    results = annotation.propagate()
    next(results)
    annotation.remove_object(1)
    assert [result.object_ids for result in results] == [(3,)] * 4
    assert 1 not in annotation.labels


@pytest.mark.parametrize("wrong", [{"start": 0.5}, {"stop": "3"}, {"object_ids": ["a"]}])
def test_range_and_objects_are_integers(annotation: Annotation, wrong) -> None:
    with pytest.raises(TypeError, match="must be an integer"):
        annotation.propagate(**wrong)


def test_object_without_prompts_is_left_out(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    annotation.add_object(2)
    assert annotation.total_steps(object_ids=[2]) == 0
    assert list(annotation.propagate(object_ids=[2])) == []
    assert {result.object_ids for result in annotation.propagate(object_ids=[1, 2])} == {(1,)}


def test_propagation_that_is_dropped_unused_warns(annotation: Annotation, tracker) -> None:
    click(annotation, tracker, 1)
    with pytest.warns(RuntimeWarning, match="nothing was tracked"):
        annotation.propagate()
    assert len(annotation.history) == 1

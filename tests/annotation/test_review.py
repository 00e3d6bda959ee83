from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.annotation import Annotation, Doubt, Status
from napari_sam2.annotation.objects import Verdict
from napari_sam2.annotation.quality import MARKED_REASON
from napari_sam2.annotation.vouched import vouched_labels

from .helpers import click, mask, seen
from .stand_in import StandInTracker, calm_tracker


@pytest.fixture
def tracker() -> StandInTracker:
    return calm_tracker()


@pytest.fixture
def tracked(annotation: Annotation, tracker: StandInTracker) -> Annotation:
    """Two objects, tracked over all frames."""
    for object_id in (1, 2):
        click(annotation, tracker, object_id)
    list(annotation.propagate())
    return annotation


def shift_truth(tracker: StandInTracker) -> None:
    """What the model would find now is not what it found before."""
    tracker.centres = tracker.centres + 3.0


def test_status_is_set_and_undone(tracked: Annotation) -> None:
    tracked.set_status(1, Status.REJECTED)
    assert tracked.objects[1].status is Status.REJECTED
    tracked.undo()
    assert tracked.objects[1].status is Status.DRAFT


def test_unknown_status_is_refused(tracked: Annotation) -> None:
    with pytest.raises(ValueError, match="perfect"):
        tracked.set_status(1, "perfect")  # type: ignore[arg-type]


def test_locked_frame_is_never_written_by_the_model(
    tracked: Annotation, tracker: StandInTracker
) -> None:
    tracked.lock(1, [2])
    before = mask(tracked, 2, 1).copy()
    other = mask(tracked, 3, 1).copy()
    shift_truth(tracker)
    list(tracked.propagate(direction="both"))
    assert np.array_equal(mask(tracked, 2, 1), before)
    assert not np.array_equal(mask(tracked, 3, 1), other)


def test_lock_of_all_frames_takes_those_with_a_mask(tracked: Annotation) -> None:
    tracked.clear_masks(1, [3])
    tracked.lock(1)
    assert tracked.locked_frames(1) == {0, 1, 2, 4}
    tracked.unlock(1)
    assert tracked.locked_frames(1) == frozenset()


def test_frame_without_a_mask_stays_empty_when_locked(tracked: Annotation) -> None:
    tracked.clear_masks(1, [3])
    tracked.lock(1, [3])
    list(tracked.propagate())
    assert not mask(tracked, 3, 1).any()


def test_lock_changes_no_pixel(tracked: Annotation, tracker: StandInTracker) -> None:
    everything = np.ones(tracked.shape[1:], bool)
    tracked.add_mask(1, 2, everything)
    tracked.add_mask(1, 3, mask(tracked, 0, 1))
    before = tracked.labels.copy()
    tracked.lock(2, [1])
    tracked.lock(1, [1, 2])
    assert np.array_equal(tracked.labels, before)


def test_locked_object_loses_no_pixel_to_a_painted_one(tracked: Annotation) -> None:
    tracked.lock(1, [2])
    before = mask(tracked, 2, 1).copy()
    tracked.add_mask(2, 2, np.ones(tracked.shape[1:], bool))
    assert np.array_equal(mask(tracked, 2, 1), before)
    tracked.unlock(1, [2])
    assert not mask(tracked, 2, 1).any()


@pytest.mark.parametrize("change", ["click", "paint", "clear"])
def test_prompt_on_a_locked_frame_is_refused(
    tracked: Annotation, tracker: StandInTracker, change: str
) -> None:
    tracked.lock(1, [0])
    before = seen(tracked)
    with pytest.raises(ValueError, match="locked on frame 0"):
        if change == "click":
            click(tracked, tracker, 1)
        elif change == "paint":
            tracked.add_mask(0, 1, np.ones(tracked.shape[1:], bool))
        else:
            tracked.clear_prompts(0, 1)
    assert seen(tracked) == before


def test_locks_stop_a_propagation_that_goes_until_locked(
    tracked: Annotation, tracker: StandInTracker
) -> None:
    tracked.lock(1, [3])
    tracked.lock(2, [1])
    frames = {1: [], 2: []}
    assert tracked.total_steps(until_locked=True) == 3
    for result in tracked.propagate(until_locked=True):
        for object_id in result.object_ids:
            frames[object_id].append(result.t)
    assert frames == {1: [0, 1, 2], 2: [0]}


def test_propagation_from_a_lock_goes_to_the_next_one(tracked: Annotation) -> None:
    tracked.lock(1, [1, 2, 4])
    results = tracked.propagate(1, direction="forward", object_ids=[1], until_locked=True)
    assert [result.t for result in results] == [1, 2, 3]


def test_object_that_is_only_locked_can_be_tracked_from_there(
    tracked: Annotation, tracker: StandInTracker
) -> None:
    tracked.lock(1, [2])
    tracked.clear_prompts(0, 1)
    tracked.clear_masks(1, [3, 4])
    list(tracked.propagate(object_ids=[1]))
    assert mask(tracked, 4, 1).any()


def test_accepted_frames_are_remembered(tracked: Annotation) -> None:
    tracked.accept(1, [0, 2])
    tracked.unaccept(1, [0])
    assert tracked.reviewed_frames(1) == {2}
    assert tracked.timeline(1).is_reviewed.tolist() == [False, False, True, False, False]
    tracked.undo()
    assert tracked.reviewed_frames(1) == {0, 2}


def test_changed_mask_is_no_longer_accepted(tracked: Annotation) -> None:
    tracked.accept(1, [1, 2])
    tracked.add_mask(2, 1, np.ones(tracked.shape[1:], bool))
    assert tracked.reviewed_frames(1) == {1}
    tracked.undo()
    assert tracked.reviewed_frames(1) == {1, 2}
    tracked.redo()
    assert tracked.reviewed_frames(1) == {1}


def test_a_mask_that_is_marked_as_wrong_is_likely_wrong_and_the_next_to_look_at(
    tracked: Annotation,
) -> None:
    tracked.accept(1, [2, 3])
    tracked.mark_wrong(1, [3])
    assert tracked.wrong_frames(1) == {3}
    assert tracked.reviewed_frames(1) == {2}
    timeline = tracked.timeline(1)
    assert timeline.doubts[3] & Doubt.MARKED_WRONG
    assert (timeline.error_probability[3], timeline.reasons[3]) == (1, MARKED_REASON)
    assert tracked.next_doubtful() == (3, 1)
    tracked.undo()
    assert tracked.wrong_frames(1) == frozenset()
    assert tracked.reviewed_frames(1) == {2, 3}
    assert not tracked.timeline(1).doubts[3] & Doubt.MARKED_WRONG


def test_the_review_goes_on_within_a_stretch_whose_first_mask_was_right(
    tracked: Annotation,
) -> None:
    tracked.mark_wrong(1, range(1, 5))
    tracked.mark_wrong(2, [3])
    assert tracked.next_doubtful() == (1, 1)
    tracked.accept(1, [1])
    assert tracked.next_doubtful((1, 1)) == (2, 1)
    assert tracked.next_doubtful((2, 1)) == (3, 2)


def test_an_accepted_mask_is_not_wrong(tracked: Annotation) -> None:
    tracked.mark_wrong(1, [2, 3])
    tracked.accept(1, [3])
    assert tracked.wrong_frames(1) == {2}
    tracked.judge(1, Status.REVIEWED, "Ada", 0.0)
    assert tracked.wrong_frames(1) == frozenset()


def test_a_changed_mask_is_no_longer_marked_as_wrong(tracked: Annotation) -> None:
    tracked.mark_wrong(1, [1, 2])
    tracked.add_mask(2, 1, np.ones(tracked.shape[1:], bool))
    assert tracked.wrong_frames(1) == {1}
    tracked.undo()
    assert tracked.wrong_frames(1) == {1, 2}


def test_propagation_withdraws_marks_of_wrong_masks_that_it_changes(
    tracked: Annotation, tracker: StandInTracker
) -> None:
    tracked.mark_wrong(1, range(5))
    before = seen(tracked)
    shift_truth(tracker)
    list(tracked.propagate())
    assert tracked.wrong_frames(1) == {0}
    tracked.undo()
    assert seen(tracked) == before


def test_an_object_takes_its_marks_of_wrong_masks_along(tracked: Annotation) -> None:
    tracked.mark_wrong(1, [2])
    before = seen(tracked)
    tracked.remove_object(1)
    assert not tracked._document.state.marked_wrong
    tracked.undo()
    assert seen(tracked) == before


def test_mask_that_another_object_cuts_is_no_longer_accepted(tracked: Annotation) -> None:
    tracked.accept(1, [2])
    tracked.add_mask(2, 2, np.ones(tracked.shape[1:], bool))
    assert tracked.reviewed_frames(1) == frozenset()


def test_propagation_keeps_accepted_what_it_does_not_change(tracked: Annotation) -> None:
    tracked.accept(1, range(5))
    list(tracked.propagate())
    assert tracked.reviewed_frames(1) == set(range(5))


def test_propagation_withdraws_what_it_changes(
    tracked: Annotation, tracker: StandInTracker
) -> None:
    tracked.accept(1, range(5))
    before = seen(tracked)
    shift_truth(tracker)
    told: list[int] = []
    tracked.events.review_changed.connect(told.append)
    list(tracked.propagate())
    assert tracked.reviewed_frames(1) == {0}
    assert set(told) == {1}
    tracked.undo()
    assert tracked.reviewed_frames(1) == set(range(5))
    assert seen(tracked) == before


def test_cleared_frames_have_neither_mask_nor_prompt(tracked: Annotation) -> None:
    tracked.lock(1, [1])
    tracked.clear_masks(1, [0, 1, 2])
    assert [bool(mask(tracked, t, 1).any()) for t in range(5)] == [False, True, False, True, True]
    assert tracked.prompt(0, 1) is None


@pytest.mark.parametrize(
    "method", ["lock", "unlock", "accept", "unaccept", "mark_wrong", "clear_masks"]
)
def test_bad_frames_and_objects_are_refused(tracked: Annotation, method: str) -> None:
    before = seen(tracked)
    call = getattr(tracked, method)
    for arguments in ((1, [9]), (1, [-1]), (7, [0])):
        with pytest.raises(ValueError):
            call(*arguments)
    with pytest.raises(TypeError):
        call(1, [1.5])
    assert seen(tracked) == before


def test_timeline_tells_what_is_there(tracked: Annotation) -> None:
    tracked.clear_masks(1, [4])
    tracked.lock(1, [1])
    timeline = tracked.timeline(1)
    assert timeline.has_mask.tolist() == [True, True, True, True, False]
    assert timeline.is_prompted.tolist() == [True, False, False, False, False]
    assert timeline.is_locked.tolist() == [False, True, False, False, False]
    assert np.isnan(timeline.quality).tolist() == [False, False, False, False, True]


def test_timeline_is_made_anew_only_after_a_change(
    tracked: Annotation, tracker: StandInTracker
) -> None:
    first, other = tracked.timeline(1), tracked.timeline(2)
    assert tracked.timeline(1) is first
    tracked.accept(1, [1])
    assert tracked.timeline(1) is not first
    assert tracked.timeline(2) is other


def test_locks_and_reviews_are_told(tracked: Annotation) -> None:
    told: list[int] = []
    tracked.events.review_changed.connect(told.append)
    tracked.lock(1, [1])
    tracked.accept(2, [1])
    tracked.undo()
    assert told == [1, 2, 2]


def test_actions_of_a_review_are_described(tracked: Annotation) -> None:
    tracked.lock(1, [2, 1])
    tracked.accept(2, [3])
    tracked.clear_masks(1, [4])
    lock, review, clear = (group.describe() for group in tracked.history[-3:])
    assert lock["actions"] == [{"action": "lock", "object": 1, "frames": [1, 2]}]
    assert review["actions"][0]["accepted"] == [3]
    assert clear == {"action": "clear masks", "object": 1, "frames": [4]}


def doubtful(annotation: Annotation) -> list[tuple[int, int]]:
    """Doubtful masks that nobody has accepted, the worst first, as the timelines tell them."""
    found = []
    for object_id in annotation.objects:
        timeline = annotation.timeline(object_id)
        for t in np.flatnonzero((timeline.doubts > 0) & ~timeline.is_reviewed).tolist():
            found.append((-float(timeline.severity[t]), t, object_id))
    return [(t, object_id) for _, t, object_id in sorted(found)]


def walk(annotation: Annotation, backward: bool = False) -> list[tuple[int, int]]:
    """All doubtful masks in the order in which a person is led to them."""
    places = [annotation.next_doubtful(backward=backward)]
    while places[-1] is not None:
        places.append(annotation.next_doubtful(places[-1], backward))
    return places[:-1]


def test_worst_doubtful_mask_comes_first(tracked: Annotation) -> None:
    expected = doubtful(tracked)
    assert len(expected) > 2
    assert walk(tracked) == expected
    assert walk(tracked, backward=True) == expected[::-1]


def test_accepted_masks_are_passed_over(tracked: Annotation) -> None:
    first, second, *_ = doubtful(tracked)
    tracked.accept(first[1], [first[0]])
    assert tracked.next_doubtful() == second
    assert tracked.next_doubtful(first) == second


def test_masks_of_a_rejected_object_are_passed_over(tracked: Annotation) -> None:
    places = doubtful(tracked)
    (t, rejected), *_ = places
    tracked.set_status(rejected, Status.REJECTED)
    kept = [place for place in places if place[1] != rejected]
    assert walk(tracked) == kept
    assert tracked.next_doubtful((t, rejected)) == next(iter(kept), None)


def test_corrected_mask_leads_on_to_the_worst(tracked: Annotation) -> None:
    _, (t, object_id), *_ = doubtful(tracked)
    tracked.add_mask(t, object_id, mask(tracked, t, object_id))
    assert tracked.next_doubtful((t, object_id)) == doubtful(tracked)[0]


def test_nothing_is_doubtful_without_masks(annotation: Annotation) -> None:
    annotation.add_object()
    assert annotation.next_doubtful() is None
    with pytest.raises(ValueError, match="frame must be"):
        annotation.next_doubtful((99, 1))


# Verdicts


def judge(annotation: Annotation, status: Status, object_id: int = 1) -> None:
    annotation.judge(object_id, status, by="Ada", at=1000.0)


@pytest.mark.parametrize("status", Status)
def test_verdict_records_status_person_and_time(tracked: Annotation, status: Status) -> None:
    judge(tracked, status)
    assert tracked.objects[1].status is status
    assert tracked.objects[1].verdict == Verdict("Ada", 1000.0)
    assert tracked.undo() == f"mark cell 1 as {status}"
    assert tracked.objects[1].verdict is None


def test_satisfactory_object_is_reviewed_on_every_frame(tracked: Annotation) -> None:
    judge(tracked, Status.REVIEWED)
    assert tracked.reviewed_frames(1) == set(range(5))
    assert tracked.is_satisfactory(1)
    assert not tracked.is_satisfactory(2)


def test_object_that_changes_after_its_verdict_is_not_satisfactory(
    tracked: Annotation, tracker: StandInTracker
) -> None:
    judge(tracked, Status.REVIEWED)
    shift_truth(tracker)
    click(tracked, tracker, 1, 3)
    assert not tracked.is_satisfactory(1)
    tracked.undo()
    assert tracked.is_satisfactory(1)


def test_object_that_loses_pixels_after_its_verdict_is_not_satisfactory(
    tracked: Annotation,
) -> None:
    judge(tracked, Status.REVIEWED)
    tracked.add_mask(2, 2, tracked.labels[2] == 1)
    assert not tracked.is_satisfactory(1)


def test_another_verdict_takes_the_marks_of_frames_back(tracked: Annotation) -> None:
    judge(tracked, Status.REVIEWED)
    judge(tracked, Status.TO_REFINE)
    assert tracked.reviewed_frames(1) == frozenset()


def test_first_verdict_against_an_object_keeps_single_marks(tracked: Annotation) -> None:
    tracked.accept(1, [2])
    judge(tracked, Status.TO_REFINE)
    assert tracked.reviewed_frames(1) == {2}


def test_status_without_a_verdict_counts_as_it_is(tracked: Annotation) -> None:
    judge(tracked, Status.TO_REFINE)
    tracked.set_status(1, Status.REVIEWED)
    assert tracked.objects[1].verdict is None
    assert tracked.is_satisfactory(1)


@pytest.mark.parametrize("status", [Status.TO_REFINE, Status.REJECTED])
def test_object_with_a_bad_verdict_is_never_learnt_from(
    tracked: Annotation, status: Status
) -> None:
    tracked.accept(1, range(5))
    judge(tracked, status)
    judge(tracked, Status.REVIEWED, object_id=2)
    learnt = vouched_labels(tracked)
    assert sorted(learnt) == list(range(5))
    assert {int(k) for frame in learnt.values() for k in np.unique(frame)} == {0, 2}


def test_frames_that_changed_after_the_verdict_are_not_learnt_from(
    tracked: Annotation, tracker: StandInTracker
) -> None:
    judge(tracked, Status.REVIEWED)
    shift_truth(tracker)
    list(tracked.propagate(2, 4, object_ids=[1]))
    assert sorted(vouched_labels(tracked)) == [0, 1, 4]

"""What is still to be tracked is read from the masks: those older than their prompts."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.runs import TrackingRun

from .helpers import click, mask, seen
from .stand_in import SHAPE, StandInTracker

LENGTH = SHAPE[0]


@pytest.fixture
def clicked(annotation: Annotation, tracker: StandInTracker) -> Annotation:
    """Objects 1 and 2, clicked on frame 0."""
    click(annotation, tracker, 1)
    click(annotation, tracker, 2)
    return annotation


def rest(annotation: Annotation, direction: str = "forward") -> list[tuple[int, tuple[int, ...]]]:
    """Frames and objects that tracking what changed comes by."""
    results = annotation.propagate(direction=direction, only_changed=True)
    return [(result.t, result.object_ids) for result in results]


def test_a_correction_made_during_tracking_is_carried_the_next_time(clicked, tracker) -> None:
    run = clicked.propagate()
    list(islice(run, 3))
    clicked.add_points(1, 1, [tracker.centres[1, 3]], [1])
    list(run)
    click(clicked, tracker, 3)
    assert clicked.objects_to_track() == (1, 3)
    assert rest(clicked) == [(t, (1, 3)) for t in range(LENGTH)]
    assert clicked.objects_to_track() == ()
    assert rest(clicked) == []


def test_all_objects_are_to_be_tracked_after_the_first_clicks(clicked) -> None:
    clicked.add_object(7)
    assert clicked.objects_to_track() == (1, 2)


def test_tracking_goes_on_where_it_was_stopped(clicked) -> None:
    list(islice(clicked.propagate(), 3))
    assert clicked.total_steps(only_changed=True) == LENGTH - 3
    assert rest(clicked) == [(t, (1, 2)) for t in range(3, LENGTH)]


@pytest.mark.parametrize(("done", "frames"), [(2, [4, 1, 0]), (4, [0])])
def test_both_ways_go_on_in_the_way_that_was_left(annotation, tracker, done, frames) -> None:
    click(annotation, tracker, 1, t=2)
    list(islice(annotation.propagate(direction="both"), done))
    assert [t for t, _ in rest(annotation, "both")] == frames


def test_what_was_tracked_on_is_what_one_run_gives(clicked, tracker) -> None:
    list(islice(clicked.propagate(), 2))
    list(clicked.propagate(only_changed=True))
    whole = Annotation(StandInTracker())
    for object_id in (1, 2):
        click(whole, tracker, object_id)
    list(whole.propagate())
    assert np.array_equal(clicked.labels, whole.labels)


def test_tracking_what_changed_is_one_step(clicked) -> None:
    list(islice(clicked.propagate(), 2))
    before = seen(clicked)
    list(clicked.propagate(only_changed=True))
    clicked.undo()
    assert seen(clicked) == before
    assert clicked.objects_to_track() == (1, 2)


@pytest.mark.parametrize("change", ["click", "clear", "lock"])
def test_undoing_a_change_leaves_nothing_to_track(clicked, tracker, change) -> None:
    click(clicked, tracker, 1, t=3)
    list(clicked.propagate())
    if change == "click":
        clicked.add_points(2, 1, [tracker.centres[2, 1]], [1])
    elif change == "clear":
        clicked.clear_prompts(3, 1)
    else:
        clicked.lock(1, [2])
    assert clicked.objects_to_track() == (1,)
    clicked.undo()
    assert clicked.objects_to_track() == ()


def test_another_direction_is_still_to_be_tracked(annotation, tracker) -> None:
    click(annotation, tracker, 1, t=2)
    list(annotation.propagate(direction="both", start=1))
    assert annotation.objects_to_track(start=1, direction="backward") == ()
    assert annotation.objects_to_track(direction="backward") == (1,)


def test_only_the_named_objects_are_asked_about(clicked) -> None:
    assert clicked.objects_to_track(object_ids=[2]) == (2,)


def test_cleared_masks_at_the_end_are_to_be_tracked(clicked) -> None:
    list(clicked.propagate())
    clicked.clear_masks(2, range(3, LENGTH))
    assert rest(clicked) == [(t, (2,)) for t in range(3, LENGTH)]
    assert mask(clicked, LENGTH - 1, 2).any()


def test_a_frame_without_a_mask_between_tracked_ones_is_left_out(clicked) -> None:
    list(clicked.propagate())
    clicked.clear_masks(2, [2])  # as a damaged frame, which a run passes over, leaves it
    assert clicked.objects_to_track() == ()


def test_a_run_counts_its_steps(clicked) -> None:
    run = TrackingRun(clicked.propagate(), clicked.total_steps())
    assert [result.t for result in iter(run.advance, None)] == list(range(LENGTH))
    assert (run.done, run.total, run.damaged) == (LENGTH, LENGTH, set())


def test_a_run_that_is_closed_keeps_what_is_done(clicked) -> None:
    run = TrackingRun(clicked.propagate(), clicked.total_steps())
    run.advance()
    run.advance()
    run.close()
    assert run.advance() is None
    assert clicked.undo_text == "track 2 cells over 2 frames"

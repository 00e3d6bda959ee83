"""A movie gets more frames while it is annotated."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from tests.packing import pack_labels

from .helpers import click, seen
from .stand_in import SHAPE, StandInTracker

LONGER = np.zeros((SHAPE[0] + 3, *SHAPE[1:]), np.uint8)


@pytest.fixture(params=["array", "packed"])
def tracker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StandInTracker:
    """A world of more frames than are there at first; its labels are an array, or packed."""
    if request.param == "packed":
        pack_labels(monkeypatch)
    tracker = StandInTracker(shape=LONGER.shape)
    tracker.shape = SHAPE
    return tracker


@pytest.fixture
def tracked(annotation: Annotation, tracker: StandInTracker) -> Annotation:
    for object_id in (1, 2):
        click(annotation, tracker, object_id)
    list(annotation.propagate(direction="forward"))
    return annotation


def test_frames_that_were_there_keep_everything(tracked: Annotation) -> None:
    before = np.array(tracked.labels)
    tracked.grow(LONGER)
    assert tracked.shape == LONGER.shape
    assert tracked.labels.shape == LONGER.shape
    np.testing.assert_array_equal(tracked.labels[: SHAPE[0]], before)
    assert not np.asarray(tracked.labels[SHAPE[0] :]).any()


def test_new_frames_are_tracked_as_if_they_had_been_there(tracked: Annotation) -> None:
    tracked.grow(LONGER)
    list(tracked.propagate(SHAPE[0], direction="forward"))
    other = Annotation(StandInTracker(shape=LONGER.shape))
    for object_id in (1, 2):
        click(other, other._document.state.tracker, object_id)
    list(other.propagate(direction="forward"))
    np.testing.assert_array_equal(tracked.labels, other.labels)
    for object_id in (1, 2):
        one, two = (astuple(a.timeline(object_id)) for a in (tracked, other))
        np.testing.assert_equal(one, two)


def test_timeline_knows_nothing_of_the_new_frames(tracked: Annotation) -> None:
    before = tracked.timeline(1)
    longer = before.longer(LONGER.shape[0])
    tracked.grow(LONGER)
    grown = tracked.timeline(1)
    for name in ("has_mask", "is_prompted", "is_locked", "is_reviewed", "quality", "reasons"):
        np.testing.assert_array_equal(getattr(longer, name), getattr(grown, name))
    for name, one in longer.measurements.items():
        np.testing.assert_array_equal(one.values, grown.measurements[name].values)
    assert np.isnan(longer.backward_iou[SHAPE[0] :]).all()
    assert len(longer.doubts) == len(longer.error_probability) == LONGER.shape[0]


def test_steps_before_the_growth_are_undone_after_it(tracked: Annotation) -> None:
    tracked.grow(LONGER)
    list(tracked.propagate(SHAPE[0], direction="forward"))
    after = seen(tracked)
    while tracked.can_undo:
        tracked.undo()
    assert not tracked.labels.any()
    while tracked.can_redo:
        tracked.redo()
    assert seen(tracked) == after


def test_growth_is_announced(tracked: Annotation) -> None:
    told = []
    tracked.events.labels_replaced.connect(lambda: told.append(tracked.labels.shape))
    tracked.grow(LONGER)
    assert told == [LONGER.shape]
    tracked.grow(LONGER)  # as long as it is
    assert len(told) == 1


def test_running_propagation_ends_and_its_frames_stay(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    results = annotation.propagate(direction="forward")
    next(results)
    second = next(results)
    annotation.grow(LONGER)
    assert list(results) == []
    assert (annotation.labels[second.t] == 1).any()


def test_frames_of_another_size_are_refused(tracked: Annotation) -> None:
    before, labels = seen(tracked), tracked.labels
    with pytest.raises(ValueError, match="another size"):
        tracked.grow(np.zeros((9, 5, 5), np.uint8))
    assert seen(tracked) == before
    assert tracked.labels is labels

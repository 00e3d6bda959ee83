"""Objects that touched and parted are offered for a swap if they look exchanged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.measures import Trace
from napari_sam2.annotation.swap_proposals import (
    Contact,
    contacts_of,
    exchanging_pairs,
    touching_pairs,
)

from .helpers import click
from .stand_in import StandInTracker

LENGTH = 9
APART, NEAR = 14.0, 10.5  # between the centres of discs of radius 5
DARK, BRIGHT = np.array([1.0, 0.1]), np.array([1.0, -0.1])


def frame(*rows: str) -> np.ndarray:
    return np.array([[int(digit) for digit in row] for row in rows])


@pytest.mark.parametrize(
    ("rows", "pairs"),
    [
        (("1122",), {(1, 2)}),
        (("1022",), {(1, 2)}),
        (("10022",), set()),
        (("1", "0", "2"), {(1, 2)}),
        (("100", "020", "003"), {(1, 2), (2, 3)}),
        (("003", "020", "100"), {(1, 2), (2, 3)}),
        (("0000", "0110"), set()),
    ],
)
def test_objects_touch_up_to_one_pixel_between_them(rows: tuple, pairs: set) -> None:
    assert touching_pairs(frame(*rows)) == pairs


def test_a_contact_ends_when_the_objects_are_apart_for_two_frames() -> None:
    near, apart = frame("12"), frame("1000002")
    found = contacts_of([apart, near, apart, near, apart, apart, near])
    assert found == [Contact(1, 2, 1, 3), Contact(1, 2, 6, 6)]


def traces_of(*ways: list[tuple[float, float]]) -> dict[int, Trace]:
    """Traces of objects 1, 2, ... with these centres."""
    found = {}
    for number, way in enumerate(ways, 1):
        y, x = np.array(way, np.float32).T
        found[number] = replace(Trace.empty(len(way)), area=np.ones_like(y), y=y, x=x)
    return found


@pytest.mark.parametrize(
    ("one", "other", "is_exchanged"),
    [
        ([(0, 0), (0, 9)], [(0, 10), (0, 1)], True),  # each where the other one was
        ([(0, 0), (8, 8)], [(0, 8), (8, 0)], True),  # their ways cross
        ([(0, 0), (0, 1)], [(0, 10), (0, 11)], False),  # side by side
        ([(0, 0), (0, 10)], [(0, 10), (0, 20)], False),  # one follows the other
        ([(0, 0), (8, 8)], [(0, 20), (8, 12)], False),  # they come near
        ([(0, 0), (0, 0)], [(0, 10), (0, 10)], False),
    ],
)
def test_objects_that_exchange_their_places_meet(
    one: list, other: list, is_exchanged: bool
) -> None:
    expected = [(1, (1, 2))] if is_exchanged else []
    assert list(exchanging_pairs(traces_of(one, other))) == expected
    contacts = contacts_of([frame("1000002")] * 2, traces_of(one, other))
    assert contacts == ([Contact(1, 2, 1, 1)] if is_exchanged else [])


def test_an_object_without_a_mask_exchanges_no_place() -> None:
    traces = traces_of([(0, 0), (0, 9)], [(0, 10), (0, 1)])
    traces[2].area[0] = 0
    assert list(exchanging_pairs(traces)) == []


@pytest.fixture
def tracker() -> StandInTracker:
    """Two discs that touch on frames 3 to 5."""
    tracker = StandInTracker(shape=(LENGTH, 24, 40))
    distance = np.array([NEAR if 3 <= t <= 5 else APART for t in range(LENGTH)])
    ones = np.full(LENGTH, 12.0)
    discs = [(ones, 20 - distance / 2), (ones, 20 + distance / 2)]
    tracker.centres = np.stack([np.stack(place, axis=1) for place in discs], axis=1)
    return tracker


def annotated(tracker: StandInTracker, *, is_exchanged: bool) -> Annotation:
    """Both discs are tracked; they look exchanged after the contact, or as before."""
    annotation = Annotation(tracker)
    for object_id in (1, 2):
        click(annotation, tracker, object_id)
    list(annotation.propagate())
    for t in range(LENGTH):
        one, two = (1, 2) if t < 4 or not is_exchanged else (2, 1)
        tracker.pointers |= {(t, one): DARK, (t, two): BRIGHT}
    return annotation


def test_objects_that_look_exchanged_are_offered(tracker: StandInTracker) -> None:
    annotation = annotated(tracker, is_exchanged=True)
    (found,) = annotation.propose_swaps()
    assert (found.object_id, found.other) == (1, 2)
    assert 3 <= found.t <= 6
    assert found.score > 0


def test_objects_that_exchange_their_places_without_touching_are_offered(
    tracker: StandInTracker,
) -> None:
    tracker.centres[:, :, 1] = np.where(np.arange(LENGTH)[:, None] < 4, (13, 27), (27, 13))
    annotation = annotated(tracker, is_exchanged=True)
    assert not contacts_of(annotation.labels)
    (found,) = annotation.propose_swaps()
    assert (found.t, found.object_id, found.other) == (4, 1, 2)


def test_a_swap_is_not_offered_again_and_can_be_undone(tracker: StandInTracker) -> None:
    annotation = annotated(tracker, is_exchanged=True)
    (found,) = annotation.propose_swaps()
    before = annotation.labels.copy()
    annotation.swap_objects(found.object_id, found.other, found.t)
    assert (annotation.labels[LENGTH - 1] != before[LENGTH - 1]).any()
    for t in range(found.t, LENGTH):  # masks move with their looks
        one, other = tracker.pointers[t, 1], tracker.pointers[t, 2]
        tracker.pointers |= {(t, 1): other, (t, 2): one}
    assert annotation.propose_swaps() == ()
    annotation.undo()
    np.testing.assert_array_equal(annotation.labels, before)


def test_objects_that_look_as_before_are_not_offered(tracker: StandInTracker) -> None:
    assert annotated(tracker, is_exchanged=False).propose_swaps() == ()


def test_what_a_person_vouched_for_is_not_offered(tracker: StandInTracker) -> None:
    annotation = annotated(tracker, is_exchanged=True)
    annotation.accept(2, [7])
    assert annotation.propose_swaps() == ()


def test_objects_that_do_not_part_or_have_no_pointers_are_not_offered(
    tracker: StandInTracker,
) -> None:
    annotation = annotated(tracker, is_exchanged=True)
    for t in (7, 8):
        del tracker.pointers[t, 1]
    assert annotation.propose_swaps() == ()

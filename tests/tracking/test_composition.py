"""Labels from masks that overlap, and who wins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.model import Sam2
from napari_sam2.tracking.composition import (
    RANK_CLICKED,
    RANK_TRACKED,
    Layer,
    compose,
    hidden,
    may_be_hidden,
)
from napari_sam2.tracking.masks import Region
from tests.worlds import World

from .tiny import clicked, run

LEFT, RIGHT = slice(0, 6), slice(4, 10)
ROWS = slice(0, 2)


def region(rows: slice, columns: slice, logit: float) -> Region:
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    return Region((rows, columns), np.full(shape, logit, np.float32), np.ones(shape, bool))


@pytest.mark.parametrize(
    ("left", "right", "winner"),
    [
        ((1, 0, 2.0, 0), (2, 0, 3.0, 0), 2),  # the higher logit
        ((1, 1, 2.0, 0), (2, 0, 3.0, 0), 1),  # the higher rank
        ((1, 0, 2.0, 3), (2, 0, 3.0, 4), 1),  # the nearer prompt
        ((1, 1, 2.0, 9), (2, 0, 3.0, 0), 1),  # rank before distance
        ((2, 0, 2.0, 0), (1, 0, 2.0, 0), 1),  # the lower id
        ((9, 0, 4.0, 0), (3, 0, 3.0, 0), 9),
    ],
)
@pytest.mark.parametrize("is_swapped", [False, True])
def test_overlap_goes_to(
    left: tuple[int, int, float, int],
    right: tuple[int, int, float, int],
    winner: int,
    is_swapped: bool,
) -> None:
    layers = [
        Layer(left[0], left[1], region(ROWS, LEFT, left[2]), left[3]),
        Layer(right[0], right[1], region(ROWS, RIGHT, right[2]), right[3]),
    ]
    labels = compose((3, 10), layers[::-1] if is_swapped else layers)
    assert (labels[ROWS, 4:6] == winner).all()
    assert (labels[ROWS, :4] == left[0]).all()
    assert (labels[ROWS, 6:] == right[0]).all()
    assert not labels[2].any()


def test_filled_hole_is_left_to_an_object_that_is_there() -> None:
    ring = region(slice(0, 5), slice(0, 5), 8.0)
    ring.logits[2, 2] = -3.0  # filled when it was cleaned
    inside = region(slice(2, 3), slice(2, 3), 1.0)
    for ids in ((1, 2), (2, 1)):
        labels = compose((5, 5), [Layer(ids[0], 0, ring), Layer(ids[1], 0, inside)])
        assert labels[2, 2] == ids[1]
        assert (labels == ids[0]).sum() == 24


def test_no_masks_are_no_labels() -> None:
    labels = compose((4, 5), [])
    assert labels.shape == (4, 5)
    assert not labels.any()


@pytest.mark.parametrize(("taken", "is_shown"), [(5, True), (6, False)])
def test_mask_is_left_out_where_more_than_half_is_taken(taken: int, is_shown: bool) -> None:
    weak = Layer(1, RANK_TRACKED, region(ROWS, slice(0, 10), 9.0), distance=7)
    strong = Layer(2, RANK_TRACKED, region(ROWS, slice(0, taken), 1.0), distance=3)
    assert hidden((2, 10), [weak, strong]) == (set() if is_shown else {1})
    assert may_be_hidden(weak, [strong]) == (not is_shown)
    assert not may_be_hidden(strong, [weak])


def test_mask_of_a_prompt_is_always_shown() -> None:
    clicked = Layer(1, RANK_CLICKED, region(ROWS, slice(0, 10), 9.0))
    painted = Layer(2, RANK_CLICKED + 1, region(ROWS, slice(1, 10), 1.0))
    assert hidden((2, 10), [clicked, painted]) == set()


def test_equal_claims_hide_nobody() -> None:
    layers = [Layer(k, RANK_TRACKED, region(ROWS, LEFT, float(k)), distance=4) for k in (1, 2)]
    assert hidden((2, 10), layers) == set()


def test_hidden_mask_hides_no_other() -> None:
    """The weakest mask stays where the one that covers it gives way itself."""
    layers = [
        Layer(1, RANK_TRACKED, region(ROWS, slice(0, 4), 1.0), distance=9),
        Layer(2, RANK_TRACKED, region(ROWS, slice(0, 10), 1.0), distance=5),
        Layer(3, RANK_TRACKED, region(ROWS, slice(4, 10), 1.0), distance=1),
    ]
    assert hidden((2, 10), layers) == {2}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 20), st.integers(1, 12)),
        min_size=1,
        max_size=8,
    )
)
def test_who_is_hidden_is_among_those_who_may_be(
    specs: Sequence[tuple[int, int, int, int]],
) -> None:
    layers = [
        Layer(k, rank, region(ROWS, slice(start, start + width), 1.0 + k), distance)
        for k, (rank, distance, start, width) in enumerate(specs, start=1)
    ]
    for object_id in hidden((2, 40), layers):
        others = [layer for layer in layers if layer.object_id != object_id]
        assert may_be_hidden(layers[object_id - 1], others)


def test_object_pointed_out_anew_takes_the_cell(any_model: Sam2, world: World) -> None:
    """Two objects on one cell: where the second was pointed out, and after, it is the second."""
    tracker = clicked(any_model, world, 1)
    run(tracker, 0, 4)
    first = [tracker.labels(t) == 1 for t in range(4)]
    assert all(mask.any() for mask in first)
    tracker.add_mask(2, 2, first[2])
    run(tracker, 0, 4)
    assert (tracker.labels(0) == 1).any()
    for t in (2, 3):
        assert (tracker.labels(t) == 2).any()
    assert not (tracker.labels(2) == 1).any()
    anchors = [tracker._store.masklets[1].records[t].anchor for t in (1, 3)]
    assert anchors == [0, 0]
    tracker.remove_object(2)
    for t in range(4):
        np.testing.assert_array_equal(tracker.labels(t) == 1, first[t])


def test_labels_around_a_hidden_mask_are_those_of_the_frame(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker, 0, 3)
    labels = tracker.labels(2)
    seen = labels == 1
    for change in ("cover", "remove"):
        if change == "cover":
            tracker.add_mask(2, 2, seen)
        else:
            tracker.remove_object(2)
        part, composed = tracker.relabel(2, labels, [2])
        labels[part] = composed
        np.testing.assert_array_equal(labels, tracker.labels(2))
        assert (labels == 1).any() == (change == "remove")


def test_lock_changes_no_label(any_model: Sam2, world: World) -> None:
    tracker = clicked(any_model, world, 1)
    run(tracker, 0, 4)
    tracker.add_mask(2, 2, tracker.labels(2) == 1)
    run(tracker, 0, 4)
    before = [tracker.labels(t) for t in range(4)]
    for object_id in (1, 2):
        tracker.lock(object_id, range(4))
        for t in range(4):
            np.testing.assert_array_equal(tracker.labels(t), before[t])

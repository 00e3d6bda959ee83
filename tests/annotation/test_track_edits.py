from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_sam2.annotation import Annotation

from .helpers import click, mask, seen
from .stand_in import SHAPE, StandInTracker, calm_tracker


@pytest.fixture
def tracker() -> StandInTracker:
    return calm_tracker()


@pytest.fixture
def tracked(annotation: Annotation, tracker: StandInTracker) -> Annotation:
    """Objects 1 and 2, tracked over all frames."""
    for object_id in (1, 2):
        click(annotation, tracker, object_id)
    list(annotation.propagate())
    return annotation


def masks(annotation: Annotation, object_id: int) -> np.ndarray:
    return annotation.labels == object_id


def frames_of(annotation: Annotation, object_id: int) -> list[int]:
    return np.flatnonzero(masks(annotation, object_id).any(axis=(1, 2))).tolist()


def two_discs(tracker: StandInTracker, t: int) -> np.ndarray:
    """A mask that covers the first two discs of the world."""
    distances = [np.linalg.norm(tracker.grid - tracker.centres[t, k], axis=-1) for k in (0, 1)]
    return np.minimum(*distances) < 5


def test_split_gives_the_later_masks_to_a_new_object(tracked: Annotation) -> None:
    before = masks(tracked, 1)
    new = tracked.split_object(1, 2)
    assert frames_of(tracked, 1) == [0, 1]
    assert np.array_equal(masks(tracked, new)[2:], before[2:])


def test_split_off_piece_can_be_tracked_from_its_first_mask(tracked: Annotation) -> None:
    new = tracked.split_object(1, 2)
    before = masks(tracked, new)
    tracked.clear_masks(new, [3, 4])
    list(tracked.propagate(object_ids=[new]))
    assert np.array_equal(masks(tracked, new), before)


def test_both_pieces_of_a_split_have_a_prompt(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1, t=4)
    list(annotation.propagate(direction="both"))
    new = annotation.split_object(1, 2)
    assert {(p.t, p.object_id) for p in annotation.prompts()} == {(1, 1), (2, new), (4, new)}


@pytest.mark.parametrize("t", [0, 3, 4])
def test_split_needs_masks_on_both_sides(tracked: Annotation, t: int) -> None:
    tracked.clear_masks(1, [3, 4])
    before = seen(tracked)
    with pytest.raises(ValueError, match="before and after"):
        tracked.split_object(1, t)
    assert seen(tracked) == before


def test_swap_exchanges_what_comes_later(tracked: Annotation) -> None:
    one, two = masks(tracked, 1), masks(tracked, 2)
    tracked.swap_objects(1, 2, 3)
    assert np.array_equal(masks(tracked, 1), np.concatenate([one[:3], two[3:]]))
    assert np.array_equal(masks(tracked, 2), np.concatenate([two[:3], one[3:]]))


def test_swap_is_not_undone_by_tracking_again(tracked: Annotation) -> None:
    tracked.swap_objects(1, 2, 2)
    swapped = tracked.labels.copy()
    list(tracked.propagate())
    assert np.array_equal(tracked.labels, swapped)


def test_swap_takes_daughters_along(tracked: Annotation, tracker: StandInTracker) -> None:
    daughters = tracked.divide_object(1, 3)
    tracked.swap_objects(1, 2, 1)
    assert {tracked.objects[key].parent for key in daughters} == {2}
    assert (tracked.objects[1].end, tracked.objects[2].end) == (None, 2)


def test_divided_mother_ends_and_daughters_begin(tracked: Annotation) -> None:
    before = masks(tracked, 1)
    one, two = tracked.divide_object(1, 2)
    assert frames_of(tracked, 1) == [0, 1]
    assert np.array_equal(masks(tracked, one)[2:], before[2:])
    assert frames_of(tracked, two) == []
    for key in (one, two):
        assert tracked.objects[key].parent == 1
        assert tracked.objects[key].birth == 2
    assert tracked.objects[1].end == 1


def test_mask_in_two_pieces_is_shared_by_the_daughters(
    tracked: Annotation, tracker: StandInTracker
) -> None:
    tracked.remove_object(2)
    both = two_discs(tracker, 2)
    tracked.add_mask(2, 1, both)
    daughters = tracked.divide_object(1, 2)
    shares = [mask(tracked, 2, key) for key in daughters]
    assert all(share.any() for share in shares)
    assert np.array_equal(shares[0] | shares[1], both)
    list(tracked.propagate())
    assert [frames_of(tracked, key) for key in (1, *daughters)] == [[0, 1], [2, 3, 4], [2, 3, 4]]


def test_no_daughter_before_birth_and_no_mother_after_division(
    tracked: Annotation, tracker: StandInTracker
) -> None:
    one, two = tracked.divide_object(1, 2)
    click(tracked, tracker, 1, t=1)
    tracked.add_points(3, two, [tracker.centres[3, 2]], [1])
    list(tracked.propagate(direction="both"))
    list(tracked.propagate(direction="backward"))
    assert frames_of(tracked, 1) == [0, 1]
    assert frames_of(tracked, one) == frames_of(tracked, two) == [2, 3, 4]


def test_running_propagation_respects_a_division(tracked: Annotation) -> None:
    results = tracked.propagate()
    next(results)
    tracked.divide_object(1, 2)
    list(results)
    assert frames_of(tracked, 1) == [0, 1]


@pytest.mark.parametrize(("t", "who"), [(3, "mother"), (1, "daughter")])
def test_prompt_outside_a_life_is_refused(
    tracked: Annotation, tracker: StandInTracker, t: int, who: str
) -> None:
    daughters = tracked.divide_object(1, 2)
    with pytest.raises(ValueError, match="lives on frames"):
        tracked.add_points(t, 1 if who == "mother" else daughters[0], [(6, 6)], [1])


def test_locked_frames_are_not_divided_away(tracked: Annotation) -> None:
    tracked.lock(1, [3])
    with pytest.raises(ValueError, match="locked on frame 3"):
        tracked.divide_object(1, 2)


def test_object_is_divided_once(tracked: Annotation) -> None:
    tracked.divide_object(1, 3)
    with pytest.raises(ValueError, match="daughters already"):
        tracked.divide_object(1, 2)


def test_merge_joins_what_a_split_has_cut(tracked: Annotation) -> None:
    before = tracked.labels.copy()
    new = tracked.split_object(1, 2)
    tracked.merge_objects(1, new)
    assert np.array_equal(tracked.labels, before)
    assert set(tracked.objects) == {1, 2}


def test_merged_object_has_the_pixels_of_both(tracked: Annotation) -> None:
    either = masks(tracked, 1) | masks(tracked, 2)
    tracked.merge_objects(1, 2)
    assert np.array_equal(masks(tracked, 1), either)
    assert not masks(tracked, 2).any()


def test_merge_into_an_object_without_masks(tracked: Annotation) -> None:
    empty = tracked.add_object()
    before = masks(tracked, 2)
    tracked.merge_objects(empty, 2)
    assert np.array_equal(masks(tracked, empty), before)


def test_daughter_merged_into_her_mother_takes_the_division_back(tracked: Annotation) -> None:
    before = masks(tracked, 1)
    one, two = tracked.divide_object(1, 2)
    tracked.merge_objects(1, one)
    assert np.array_equal(masks(tracked, 1), before)
    assert tracked.objects[1].end is None
    assert tracked.objects[two].parent is None


def test_merge_keeps_granddaughters(tracked: Annotation) -> None:
    one, _ = tracked.divide_object(1, 2)
    granddaughters = tracked.divide_object(one, 3)
    tracked.merge_objects(1, one)
    assert tracked.objects[1].end == 2
    assert {tracked.objects[key].parent for key in granddaughters} == {1}


def test_nothing_of_a_merged_object_is_left(tracked: Annotation) -> None:
    tracked.clear_masks(2, [3])
    tracked.accept(2, [3])
    tracked.merge_objects(1, 2)
    tracked.add_object(2)
    assert tracked.reviewed_frames(2) == frozenset()
    assert not tracked.timeline(2).has_mask.any()


def test_lives_that_do_not_fit_are_not_merged(tracked: Annotation) -> None:
    new = tracked.split_object(2, 3)
    tracked.divide_object(1, 2)
    with pytest.raises(ValueError, match="ends by division"):
        tracked.merge_objects(1, new)


def test_locked_frames_are_not_merged(tracked: Annotation) -> None:
    tracked.lock(2, [1])
    with pytest.raises(ValueError, match="object 2 is locked on frame 1"):
        tracked.merge_objects(1, 2)


def test_parent_is_set_and_taken_back(tracked: Annotation) -> None:
    new = tracked.split_object(1, 2)
    tracked.set_parent(new, 1)
    assert (tracked.objects[new].birth, tracked.objects[1].end) == (2, 1)
    tracked.set_parent(new, None)
    assert (tracked.objects[new].birth, tracked.objects[1].end) == (None, None)


def test_mother_that_is_still_there_is_refused(tracked: Annotation) -> None:
    with pytest.raises(ValueError, match="must end before frame 0"):
        tracked.set_parent(2, 1)


def test_nobody_is_her_own_grandmother(tracked: Annotation) -> None:
    one, _ = tracked.divide_object(1, 2)
    for mother, daughter in ((1, 1), (one, 1)):
        with pytest.raises(ValueError, match="descends from"):
            tracked.set_parent(daughter, mother)


def split(annotation: Annotation) -> None:
    annotation.split_object(1, 2)


def swap(annotation: Annotation) -> None:
    annotation.swap_objects(1, 2, 1)


def divide(annotation: Annotation) -> None:
    annotation.divide_object(1, 3)


def merge(annotation: Annotation) -> None:
    annotation.merge_objects(2, 1)


def adopt(annotation: Annotation) -> None:
    labels = np.zeros(SHAPE, int)
    labels[:, 2:6, 2:9] = 2
    annotation.import_labels(labels)


@pytest.mark.parametrize("change", [split, swap, divide, merge, adopt])
def test_undo_and_redo_are_exact(tracked: Annotation, change: Callable[[Annotation], None]) -> None:
    tracked.lock(2, [2])
    tracked.unlock(2)
    tracked.accept(1, [0, 4])
    before = seen(tracked)
    change(tracked)
    after = seen(tracked)
    tracked.undo()
    assert seen(tracked) == before
    tracked.redo()
    assert seen(tracked) == after


@pytest.mark.parametrize("change", [split, swap, divide, merge, adopt])
def test_operations_are_described(
    tracked: Annotation, change: Callable[[Annotation], None]
) -> None:
    change(tracked)
    assert change.__name__ in tracked.history[-1].describe()["action"]
    inverse = tracked.history[-1].inverse().describe()
    assert inverse["action"].startswith("take back")


def test_masks_beyond_the_life_of_an_object_are_not_merged_into_it(tracked: Annotation) -> None:
    empty = tracked.add_object()
    later = tracked.split_object(1, 2)
    tracked.set_parent(later, empty)
    with pytest.raises(ValueError, match="do not fit together"):
        tracked.merge_objects(2, empty)


def test_object_that_is_divided_is_not_swapped_later(tracked: Annotation) -> None:
    tracked.divide_object(1, 2)
    with pytest.raises(ValueError, match="divided before frame 4"):
        tracked.swap_objects(1, 2, 4)


@pytest.mark.parametrize("is_mother_first", [True, False])
def test_a_mother_is_not_swapped_with_her_daughter(
    tracked: Annotation, is_mother_first: bool
) -> None:
    daughter, _ = tracked.divide_object(1, 2)
    pair = (1, daughter) if is_mother_first else (daughter, 1)
    with pytest.raises(ValueError, match="cannot be swapped with its mother"):
        tracked.swap_objects(*pair, 2)


def test_mother_without_daughters_may_live_on(tracked: Annotation, tracker: StandInTracker) -> None:
    daughters = tracked.divide_object(1, 2)
    tracked.remove_object(daughters[0])
    assert tracked.objects[1].end == 1
    tracked.remove_object(daughters[1])
    assert tracked.objects[1].end is None
    click(tracked, tracker, 1, t=3)


def test_orphans_may_be_tracked_back(tracked: Annotation) -> None:
    one, two = tracked.divide_object(1, 2)
    tracked.remove_object(1)
    assert [tracked.objects[key].birth for key in (one, two)] == [None, None]
